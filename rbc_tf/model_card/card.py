"""The card as a whole: sections in the usual order (Mitchell et al. 2019), and what is the same.

A card says nothing that the manifest does not: what a manifest leaves out, as those of earlier
versions do, the card calls not recorded.
"""

from rbc_tf.core.cell_types import CellType
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.manifest.manifest import FORMAT_VERSION, Manifest
from rbc_tf.model_card import data, limits, metrics
from rbc_tf.model_card.words import NOT_RECORDED, bullets, count

_PURPOSE = (
    "Finds regions of one or several red blood cells in images of blood smears, and predicts which "
    "cell types each region holds (several may be) and whether any of them is abnormal. Cells that "
    "touch or overlap are not separated."
)
_INTENDED = (
    "Research on the morphology of red blood cells, of the types above alone, by people "
    "who can judge a blood smear and look at what is found.",
    "Images like those of the training data below: same stain, magnification and camera. For "
    "others, label some and score the bundle on them first (`rbc_tf evaluate`).",
)
_OUT_OF_SCOPE = (
    "**Any decision on the diagnosis, treatment or triage of a person.** It is not a medical "
    "device; no clinical validation and no regulatory clearance stand behind it.",
    "Counting cells: a region may hold several.",
    "Cell types that are not in the table below, white blood cells, platelets and parasites: "
    "whatever lies in a region is answered in terms of these types.",
)
_CAVEATS = (
    "Whose blood the smears show, under what consent and by what selection, is known only as far "
    "as 'Training data' says so. Whether it works as well for other patients, laboratories and "
    "stains has to be measured.",
    "Labels are the experts' who gave them; where experts disagree, the bundle follows those it "
    "learnt from.",
    "A share of abnormal regions depends on where the smear was photographed and on which "
    "regions are found. It is no blood count.",
)


def render(manifest: Manifest) -> str:
    """The card as Markdown."""
    sections = {
        "Model details": _details(manifest),
        "Intended use": f"{_PURPOSE}\n\n{bullets(_INTENDED)}",
        "Out of scope": bullets(_OUT_OF_SCOPE),
        "Training data": data.training(manifest),
        "Evaluation data": data.evaluation(manifest),
        "Metrics": metrics.metrics(manifest),
        "Thresholds": metrics.thresholds(manifest),
        "Limitations": bullets(limits.limits(manifest)),
        "Ethical considerations and caveats": bullets(_CAVEATS),
        "How to use": _how_to_use(manifest),
    }
    top = ["# Model card: regions and types of red blood cells", "", *_warnings(manifest)]
    body = [f"## {title}\n\n{text.rstrip()}\n" for title, text in sections.items()]
    return "\n".join([*top, *body])


def _warnings(manifest: Manifest) -> list[str]:
    lines = ["> **Research use only. Not a medical device.**"]
    if manifest.backbone == "random":
        lines += [
            ">",
            "> **Do not use it for judging samples:** its features come from a network with random "
            "weights. It shows that the software works, nothing more.",
        ]
    return [*lines, ""]


def _details(manifest: Manifest) -> str:
    types = manifest.cell_types
    versions = ", ".join(f"{n} {v}" for n, v in manifest.versions.items())
    lines = [
        f"**Made:** {manifest.created or NOT_RECORDED}, with {versions or NOT_RECORDED}.",
        f"**Cell types:** {len(types)}: {', '.join(map(_type_name, types))}.",
        f"**Regions:** {_detector(manifest)}",
        f"**Features:** {_features(manifest)}",
        "**Types:** one binary head per type on the features, calibrated by one temperature each. "
        "**Abnormal or not:** gradient boosting on the outputs of these heads.",
        *_weights(manifest),
        "**Method:** Qiu et al., 'Multi-label Detection and Classification of Red Blood Cells in "
        "Microscopic Images', as rbc_tf implements it.",
        f"**Everything else:** settings, seeds and hashes are in `manifest.json` (bundle format "
        f"{FORMAT_VERSION}).",
    ]
    return bullets(lines)


def _weights(manifest: Manifest) -> list[str]:
    if manifest.weight_bits == 32:
        return []
    return [
        f"**Weights:** packed into {manifest.weight_bits} bits, with a scale for each output of a "
        "layer. Scores recorded before that are of the weights as they were trained."
    ]


def _type_name(cell_type: CellType) -> str:
    name, display = cell_type.name, cell_type.display_name
    kind = "abnormal" if cell_type.abnormal else "normal"
    return f"{name} ({kind})" if name == display else f"{name} ({display}; {kind})"


def _detector(manifest: Manifest) -> str:
    detector = manifest.provenance.detector
    if detector == DetectorRecord():
        return f"Faster R-CNN; its training is {NOT_RECORDED}."
    size = detector.input_image_size
    parts = [f"Faster R-CNN, experiment `{detector.experiment or NOT_RECORDED}`"]
    start = detector.init_checkpoint
    parts += [] if start is None else [f"started from {start}"]
    parts += [] if detector.step is None else [f"{detector.step:,} steps"]
    parts += [f"images scaled to fit {size[0]} x {size[1]} (height x width)"] if size else []
    return ", ".join(parts) + "."


def _features(manifest: Manifest) -> str:
    record = manifest.provenance.backbone
    weights = manifest.backbone or NOT_RECORDED
    network = manifest.network
    width = f" ({network.feature_dim:,} features)" if network.feature_dim else ""
    text = f"{network.title}{width}, weights `{weights}`"
    if record is not None:
        patches = count(record.num_patches.get("train"), "patch", "patches")
        kind = (record.regions or NOT_RECORDED).replace("_", "-")
        text += (
            f", fine-tuned on {patches} ({kind} regions) from "
            f"{count(record.num_images, 'image')}, validation included"
        )
    elif weights in ("imagenet", "random"):
        text += ", not fine-tuned"
    else:
        text += f"; whether fine-tuned is {NOT_RECORDED}"
    crop = manifest.crop
    return f"{text}. Patches: {crop.mode}, {crop.size} x {crop.size} pixels."


def _how_to_use(manifest: Manifest) -> str:
    types = ", ".join(manifest.cell_types.names)
    return (
        "```\n"
        "rbc_tf analyze SMEARS --output_dir=RESULTS --bundle=BUNDLE\n"
        "rbc_tf evaluate --bundle=BUNDLE --dataset_dir=YOUR_LABELLED_SMEARS\n"
        "```\n\n"
        "The first writes boxes, probabilities, labels and a report; `--thresholds=plain` takes "
        "0.5 for every type, and none where none is above it. The second scores the bundle on "
        f"smears of yours, whose types must be these: {types}."
    )
