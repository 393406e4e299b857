"""What data a bundle was made from and measured on."""

from collections.abc import Mapping, Sequence

from rbc_tf.core.score import select
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import (
    CLASSIFIER,
    DETECTOR,
    DataRecord,
    HeadRecord,
    HeldOutScores,
    SplitCounts,
)
from rbc_tf.model_card.words import NOT_RECORDED, count, section


def training(manifest: Manifest) -> str:
    """Counts by split and type, and what each part learnt from."""
    data = manifest.provenance.data
    parts = [_source(data)]
    if data is not None and data.splits:
        parts.append(_splits(data.splits))
    parts += [_types(manifest.metrics.heads_validation), _detector(manifest.provenance.detector)]
    return "\n\n".join(part.strip() for part in parts if part)


def evaluation(manifest: Manifest) -> str:
    """The validation images, and the held-out ones where there are any."""
    text = (
        "**Validation** images stopped the training of each part and chose temperatures and "
        "thresholds. They flatter."
    )
    held_out = manifest.metrics.held_out
    for entry in held_out:
        num_true = _number(entry, stage=DETECTOR)
        complete = _number(entry, stage=CLASSIFIER, subset="all")
        images = count(entry.images, f"{entry.origin} image".strip())
        text += (
            f"\n\n**Held out:** split '{entry.split}' of `{entry.dataset}`, "
            f"{images} in {count(entry.groups, 'group')} with "
            f"{count(num_true, 'region')}, {complete or 0:,} of them completely labelled; scored "
            f"{entry.scored}, scale {entry.scale}, light {entry.light}{_turns(entry)}. "
            f"{_unseen(entry)}"
        )
    if not held_out:
        text += "\n\n**Held out:** no scores are recorded (`rbc_tf evaluate --record`)."
    return text


def _unseen(entry: HeldOutScores) -> str:
    if "detector" in entry.unseen_by:
        return (
            "By the hashes of their files, the detector, the features and the classifier have "
            "learnt from none of them nor from others of their groups."
        )
    return (
        "By the hashes of their files, the classifier and its features have learnt from none of "
        "them. That the detector has not seen them rests on the use of the same splits."
    )


def _number(entry: HeldOutScores, **of: str) -> int | None:
    """How many regions were scored; None where that is not recorded."""
    found = select(entry.scores, "num_regions", **of)
    value = found[0].value if found else None
    return None if value is None else int(value)


def _source(data: DataRecord | None) -> str:
    if data is None:
        return f"The data is {NOT_RECORDED}."
    name = f"Dataset `{data.dataset}`." if data.dataset else ""
    about = " ".join(data.description.split()) or (
        "Where its smears come from, and how they were stained and photographed, is "
        f"{NOT_RECORDED}."
    )
    return f"{name} {about}".strip()


def _splits(splits: Mapping[str, SplitCounts]) -> str:
    rows = tuple(
        (
            split,
            *(
                f"{getattr(counts, key):,}"
                for key in ("images", "groups", "patches", "single_cell", "completely_labelled")
            ),
        )
        for split, counts in splits.items()
    )
    header = ("split", "images", "groups", "regions", "single-cell", "completely labelled")
    notes = (
        "Images with regions of known type, and these regions. A group (slide, patient or block) "
        "lies in one split only.",
    )
    return section("Regions by split", header, rows, *notes)


def _types(heads: Sequence[HeadRecord]) -> str:
    if not heads:
        return f"Counts by type are {NOT_RECORDED}."
    rows = tuple(
        (
            head.name,
            *(f"{number:,}" for number in head.train_counts),
            *(f"{number:,}" for number in head.validation_counts),
        )
        for head in heads
    )
    others = ("do not", "unknown")
    header = ("type", "training: have it", *others, "validation: have it", *others)
    notes = ("Regions that the head of each type was trained and tuned on.",)
    return section("Regions by type", header, rows, *notes)


def _detector(detector: DetectorRecord) -> str:
    if not detector.records:
        return f"Detector: the number of its training images is {NOT_RECORDED}."
    used = {"train": detector.records.get("train"), "validate": detector.records.get("validation")}
    parts = [
        f"{count(size.num_images, 'image')} with {count(size.num_boxes, 'region')} to "
        f"{verb} on (split '{size.split}')"
        for verb, size in used.items()
        if size
    ]
    median = detector.training_image_size
    size = f" The images are {median[0]} x {median[1]} pixels (median)." if median else ""
    return f"Detector: {', '.join(parts)}.{size}"


def _turns(entry: HeldOutScores) -> str:
    return f", over {entry.rotations} rotations" if entry.rotations > 1 else ""
