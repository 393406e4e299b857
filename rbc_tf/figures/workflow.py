"""What figure 2 shows: one region on its way through the chain, and the run's own numbers."""

import collections
import dataclasses
import pathlib

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import PRESENT, UNKNOWN, AnalyzedRegions, Region
from rbc_tf.data.dataset import SPLITS
from rbc_tf.figures.drawing import workflow
from rbc_tf.figures.drawing.captions import count
from rbc_tf.figures.drawing.outcomes import MIN_IOU
from rbc_tf.figures.drawing.workflow import FollowedRegion, Step
from rbc_tf.figures.sources import Drawn, FigureSources, is_scored
from rbc_tf.metrics import detection


@dataclasses.dataclass(frozen=True)
class RunNumbers:
    """What is known of a run; None, and left out of the figure, where its manifest is silent.

    Attributes:
        num_images: of the dataset, by split.
        num_regions: in the images of the split shown.
        num_types: of cells.
        detector: name of its experiment.
        detector_steps: of training.
        detector_ap50: on validation images.
        crop_mode, patch_size: of the patches.
        window: source pixels that a patch shows along each side, where that is fixed.
        backbone: where its weights come from.
        feature_dim: values per patch.
        hidden_units: of each head.
        head_patches: how many patches the heads were trained on.
        trees: of the gradient boosting.
        boosting_patches: how many patches it was trained on.
    """

    num_images: dict[str, int]
    num_regions: int
    num_types: int
    detector: str | None
    detector_steps: int | None
    detector_ap50: float | None
    crop_mode: str
    patch_size: int
    window: float | None
    backbone: str
    feature_dim: int | None
    hidden_units: int | None
    head_patches: int | None
    trees: int | None
    boosting_patches: int | None


def followed_image(sources: FigureSources) -> Drawn:
    """Figure 2."""
    sample, rule = sources.chosen
    image, manifest = sources.image(sample), sources.bundle.manifest
    analyzed = sources.chain.analyze(image)
    run = run_numbers(sources)
    flow = workflow.Workflow(
        name=sample.name,
        image=image,
        boxes=analyzed.boxes,
        followed=_follow(sources, image, analyzed),
        names=sources.names,
        thresholds=np.array(manifest.thresholds),
        abnormal_threshold=manifest.abnormal_threshold,
        steps=(*_image_steps(run, sources, len(analyzed)), *_region_steps(run)),
        objective=manifest.threshold_objective,
    )
    caption = workflow.caption(flow, sources.source, rule, dataclasses.asdict(run))
    return workflow.draw(flow), caption


def choose_region(true_regions: tuple[Region, ...], detected_boxes: np.ndarray) -> tuple[int, int]:
    """Which detection to follow: the one whose region tells most.

    Args:
        true_regions: of the image.
        detected_boxes: float32 [N, 4], best score first; one at least.

    Returns:
        (row of the detection, row of its true region): of the detections that are a completely
        labelled region, the one with the most types, of equals the one with the most cells, then
        the best score. Where there is none, the best score and -1.
    """
    true_boxes = boxes.as_boxes([region.box for region in true_regions])
    taken = detection.match_image(boxes.iou(detected_boxes, true_boxes), MIN_IOU)
    pairs = [(row, int(place)) for row, place in enumerate(taken) if place >= 0]
    pairs = [pair for pair in pairs if is_scored(true_regions[pair[1]])]

    def worth(pair):
        region = true_regions[pair[1]]
        return len(region.types), region.num_cells, -pair[0]

    return max(pairs, key=worth, default=(0, -1))


def _follow(
    sources: FigureSources, image: np.ndarray, analyzed: AnalyzedRegions
) -> FollowedRegion | None:
    """The region that the figure follows; None where nothing was detected."""
    if not len(analyzed):
        return None
    true_regions = sources.regions_of(sources.chosen[0])
    row, place = choose_region(true_regions, analyzed.boxes)
    box = analyzed.boxes[row : row + 1]
    nothing_known = Region(tuple(box[0].tolist()))
    labels = sources.labels_of((true_regions[place] if place >= 0 else nothing_known,))[0]
    of_abnormal = labels[sources.dataset.cell_types.abnormal]
    return FollowedRegion(
        row=row,
        patch=sources.patch(image, box),
        features=sources.chain.features(image, box)[0],
        labels=labels,
        probabilities=analyzed.probabilities[row],
        abnormal=float(analyzed.abnormal[row]),
        truly_abnormal=None if UNKNOWN in labels else PRESENT in of_abnormal,
    )


def run_numbers(sources: FigureSources) -> RunNumbers:
    """The numbers of dataset and bundle."""
    manifest = sources.bundle.manifest
    counts = collections.Counter(sample.split for sample in sources.dataset)
    metrics, provenance = manifest.metrics, manifest.provenance
    head_patches = [sum(head.train_counts) for head in metrics.heads_validation[:1]]
    boosting = metrics.abnormality_validation
    boosting = {} if boosting is None else boosting.train_counts
    known = [boosting[kind] for kind in ("normal", "abnormal") if kind in boosting]
    return RunNumbers(
        num_images={split: counts[split] for split in SPLITS if counts[split]},
        num_regions=sum(len(found) for found in sources.regions),
        num_types=len(sources.names),
        detector=provenance.detector.experiment,
        detector_steps=provenance.detector.step,
        detector_ap50=metrics.detector_validation.get("AP50"),
        crop_mode=manifest.crop.mode,
        patch_size=manifest.crop.size,
        window=manifest.crop.window,
        backbone=pathlib.PurePath(manifest.backbone).name,  # a file's folder is nobody's business
        feature_dim=provenance.features.settings.get("feature_dim"),
        hidden_units=provenance.classifier.get("heads", {}).get("hidden_units"),
        head_patches=sum(head_patches) or None,
        trees=provenance.classifier.get("boosting", {}).get("n_estimators"),
        boosting_patches=sum(known) or None,
    )


def _image_steps(run: RunNumbers, sources: FigureSources, num_detected: int) -> list[Step]:
    """Titles and lines of what is done with the image."""
    source, threshold = sources.source, sources.bundle.manifest.score_threshold
    by_split = ", ".join(f"{split} {images:,}" for split, images in run.num_images.items())
    return [
        _step(
            "Smear",
            f"image {sources.chosen[0].name} of the dataset {source.dataset}",
            f"images: {by_split}",
            f"{count(run.num_regions, 'true region')} in the {source.split} images",
        ),
        _step(
            "Regions",
            f"{count(num_detected, 'region')} with a score of {threshold:g} or more",
            run.detector and f"Faster R-CNN ({run.detector})",
            run.detector_steps and count(run.detector_steps, "training step"),
            run.detector_ap50 and f"AP50 on validation images {run.detector_ap50:.3f}",
        ),
    ]


def _region_steps(run: RunNumbers) -> list[Step]:
    """Titles and lines of what is done with a region."""
    heads, boosted = (
        patches and f"trained on {count(patches, 'patch', 'patches')}"
        for patches in (run.head_patches, run.boosting_patches)
    )
    window = f" of {run.window:g} x {run.window:g}" if run.window else ""
    return [
        _step(
            "Patch",
            f"{run.patch_size} x {run.patch_size} pixels",
            f"cut: {run.crop_mode.replace('_', ' ')}{window}",
        ),
        _step(
            "Features",
            "ResNet-50",
            run.feature_dim and f"{count(run.feature_dim, 'value')} per patch",
            run.backbone and f"weights: {run.backbone}",
        ),
        _step(
            "Cell types",
            f"{count(run.num_types, 'network')}, one per type",
            run.hidden_units and f"{count(run.hidden_units, 'hidden unit')} each",
            heads,
        ),
        _step(
            "Verdict",
            f"gradient boosting on the {run.num_types} probabilities",
            run.trees and count(run.trees, "tree"),
            boosted,
        ),
    ]


def _step(title: str, *lines: str | float | None) -> Step:
    """A step; a line whose number is not known is left out."""
    return Step(title, tuple(line for line in lines if line))
