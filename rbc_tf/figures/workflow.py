"""Figure 2: the chain as a diagram, with one region on its way and the run's own numbers."""

import collections
import dataclasses
import itertools
import pathlib
import string
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rbc_tf.core import boxes as box_lib
from rbc_tf.core.types import PRESENT, UNKNOWN, AnalyzedRegions, Region
from rbc_tf.data.dataset import SPLITS
from rbc_tf.figures.drawing import bars, style
from rbc_tf.figures.drawing.captions import Caption, Thresholds
from rbc_tf.figures.drawing.legend import Frame
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch
from rbc_tf.figures.sources import MIN_IOU, Drawn, FigureSources, is_scored
from rbc_tf.metrics import detection

_GAP = 8.0  # between two steps, for the arrow
_IMAGE = (style.WIDTH - _GAP) / 2
_TALLEST_IMAGE = 90.0
_TITLE = 5.0
_BETWEEN = 10.0  # the two rows of steps
_SIDE = 32.0  # of patch, features and abnormality
_BARS = style.WIDTH - 3 * (_SIDE + _GAP)
# (left, width) in millimetres of the steps of an image and of a region.
_IMAGE_PLACES = ((0.0, _IMAGE), (_IMAGE + _GAP, _IMAGE))
_REGION_PLACES = (
    (0.0, _SIDE),
    (_SIDE + _GAP, _SIDE),
    (2 * (_SIDE + _GAP), _BARS),
    (style.WIDTH - _SIDE, _SIDE),
)

_RULE = (
    "The region with the thick frame is followed: among the detections that are a true region, the "
    "one with the most labelled types, of equals the one with the most cells, then the best score. "
)

_FRAME = Frame(style.BLUE, 0.7, "-")
_CHOSEN = Frame(style.VERMILION, 2.0, "-")

# Titles of the steps, and what the run knows of each; a line with an unknown value is left out.
_IMAGE_STEPS = {
    "Smear": (
        "image {image} of the dataset {dataset}",
        "images: {images}",
        "true regions in the {split} images: {num_regions:,}",
    ),
    "Regions": (
        "regions with a score of {score_threshold:g} or more: {num_detected:,}",
        "Faster R-CNN ({detector})",
        "training steps: {detector_steps:,}",
        "AP50 on validation images: {detector_ap50:.3f}",
    ),
}
_REGION_STEPS = {
    "Patch": ("{patch_size} x {patch_size} pixels", "cut: {crop}"),
    "Features": ("{network}", "values per patch: {feature_dim:,}", "weights: {backbone}"),
    "Cell types": (
        "heads, one network per type: {num_types}",
        "hidden units of each: {hidden_units:,}",
        "training patches: {head_patches:,}",
    ),
    "Abnormality": (
        "gradient boosting on the probabilities",
        "trees: {trees:,}",
        "training patches: {boosting_patches:,}",
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class FollowedRegion:
    """One detection on its way from patch to abnormality.

    Attributes:
        row: of the detection.
        features: float [D].
        predicted: its patch as the network gets it, what is known of its types, probabilities.
        abnormal: probability that it holds an abnormal type.
        truly_abnormal: whether it does, None where its labels leave that open.
    """

    row: int
    features: np.ndarray
    predicted: PredictedPatch
    abnormal: float
    truly_abnormal: bool | None


def make(sources: FigureSources) -> Drawn:
    sample, rule = sources.chosen
    image, manifest = sources.image(sample), sources.bundle.manifest
    analyzed = sources.chain.analyze(image)
    followed = _follow(sources, image, analyzed) if len(analyzed) else None
    run = run_numbers(sources)
    threshold = manifest.abnormal_threshold
    window = f" of {run['window']:g} x {run['window']:g}" if run["window"] else ""
    words = run | {
        "image": sample.name,
        "dataset": sources.source.dataset,
        "split": sources.source.split,
        "images": ", ".join(f"{split} {n:,}" for split, n in run["num_images"].items()),
        "score_threshold": manifest.score_threshold,
        "num_detected": len(analyzed),
        "crop": run["crop_mode"].replace("_", " ") + window,
    }
    figure = draw(image, analyzed.boxes, followed, sources.thresholds, threshold, words)
    text = (
        f"Image {sample.name}, one of {sources.source} ({rule}). {_RULE if followed else ''}"
        "Numbers are those of the run that made the bundle. In the patch, brown-grey is filled in; "
        f"features are in reading order, light is large. {bars.LEGEND}. Threshold of abnormality: "
        f"{threshold:g}; of the types: {sources.thresholds}."
    )
    facts = sources.source.facts(image=sample.name, rule=rule, run=run)
    return figure, Caption(2, "The chain from image to abnormality", text, facts)


def choose_region(true_regions: Sequence[Region], detected_boxes: np.ndarray) -> tuple[int, int]:
    """Which detection to follow: the one whose region shows most.

    Args:
        true_regions: of the image.
        detected_boxes: float32 [N, 4], best score first; one at least.

    Returns:
        (row of the detection, row of its true region): of the detections that are a completely
        labelled region, the one with the most types, of equals the one with the most cells, then
        the best score. Where there is none, the best score and -1.
    """
    true_boxes = box_lib.as_boxes([region.box for region in true_regions])
    taken = detection.match_image(box_lib.iou(detected_boxes, true_boxes), MIN_IOU)
    pairs = [(row, int(place)) for row, place in enumerate(taken) if place >= 0]
    pairs = [pair for pair in pairs if is_scored(true_regions[pair[1]])]

    def worth(pair):
        region = true_regions[pair[1]]
        return len(region.types), region.num_cells, -pair[0]

    return max(pairs, key=worth, default=(0, -1))


def _follow(sources: FigureSources, image: np.ndarray, found: AnalyzedRegions) -> FollowedRegion:
    sample, _ = sources.chosen
    true_regions = sources.regions_of(sample)
    row, place = choose_region(true_regions, found.boxes)
    box = found.boxes[row : row + 1]
    region = true_regions[place] if place >= 0 else Region(tuple(box[0].tolist()))
    labels = sources.labels_of([region])[0]
    of_abnormal = labels[sources.dataset.cell_types.abnormal]
    known = (sample.name, region.num_cells, labels, found.probabilities[row])
    return FollowedRegion(
        row=row,
        features=sources.chain.features(image, box)[0],
        predicted=PredictedPatch(
            sources.patch(image, box), *known, sources.thresholds.at_least_one
        ),
        abnormal=float(found.abnormal[row]),
        truly_abnormal=None if UNKNOWN in labels else PRESENT in of_abnormal,
    )


def run_numbers(sources: FigureSources) -> dict:
    """The numbers of dataset and bundle, as plain values; None where the manifest has none.

    Patches of the heads and of the gradient boosting are those that each was trained on.
    """
    manifest = sources.bundle.manifest
    metrics, provenance = manifest.metrics, manifest.provenance
    counts = collections.Counter(sample.split for sample in sources.dataset)
    head_patches = [sum(head.train_counts) for head in metrics.heads_validation[:1]]
    boosting = metrics.abnormality_validation
    boosting = {} if boosting is None else boosting.train_counts
    return {
        "num_images": {split: counts[split] for split in SPLITS if counts[split]},
        "num_regions": sum(len(found) for found in sources.regions),
        "num_types": len(sources.names),
        "detector": provenance.detector.experiment,
        "detector_steps": provenance.detector.step,
        "detector_ap50": metrics.detector_validation.get("AP50"),
        "crop_mode": manifest.crop.mode,
        "patch_size": manifest.crop.size,
        "window": manifest.crop.window,
        "network": manifest.network.title,
        "backbone": pathlib.PurePath(manifest.backbone).name,  # its folder is nobody's business
        "feature_dim": provenance.features.settings.get("feature_dim"),
        "hidden_units": provenance.classifier.get("heads", {}).get("hidden_units"),
        "head_patches": sum(head_patches) or None,
        "trees": provenance.classifier.get("boosting", {}).get("n_estimators"),
        "boosting_patches": sum(boosting.get(kind, 0) for kind in ("normal", "abnormal")) or None,
    }


def _lines(templates: Sequence[str], words: dict, width: float) -> list[str]:
    """The lines of a step, those of unknown values left out, in a column of that width."""
    lines = []
    for text in templates:
        names = [name for _, name, _, _ in string.Formatter().parse(text) if name]
        if all(words[name] not in (None, "") for name in names):
            lines += style.wrap(text.format(**words), width)
    return lines


@style.applied()
def draw(
    image: np.ndarray,
    boxes: np.ndarray,
    followed: FollowedRegion | None,
    thresholds: Thresholds,
    abnormal_threshold: float,
    words: dict,
) -> Figure:
    """Above, the image and its detections; below, one region from patch to abnormality.

    Args:
        image: uint8 [H, W, 3].
        boxes: float32 [N, 4], its detections above the score threshold.
        followed: one of them, None where there is none.
        thresholds: of the types.
        abnormal_threshold: above it a region is predicted to be abnormal.
        words: the values in the lines of the steps.
    """
    height, width = image.shape[:2]
    image_height = min(_IMAGE * height / width, _TALLEST_IMAGE)
    upper, lower = (
        [
            _lines(texts, words, width)
            for texts, (_, width) in zip(steps.values(), places, strict=True)
        ]
        for steps, places in ((_IMAGE_STEPS, _IMAGE_PLACES), (_REGION_STEPS, _REGION_PLACES))
    )
    first = _TITLE + _text_height(upper)
    second = first + image_height + _BETWEEN
    panels = second + _TITLE + _text_height(lower)
    page = style.Page(panels + max(_SIDE, bars.height(len(thresholds.names))) + 0.5)
    _draw_texts(page, 1, _IMAGE_STEPS, upper, _IMAGE_PLACES, 0)
    axes = _draw_images(page, image, boxes, followed, first, image_height)
    if followed is None:
        page.text(0, second, "nothing was detected in this image", style="italic")
        return page.figure
    _draw_texts(page, 3, _REGION_STEPS, lower, _REGION_PLACES, second)
    _draw_region(page, followed, thresholds, panels)
    _draw_abnormality(page, followed, abnormal_threshold, panels)
    _draw_follow(page, boxes[followed.row], axes, second)
    return page.figure


def _draw_texts(page, number: int, titles, texts, places, top: float) -> None:
    """Title and lines above each panel."""
    for title, lines, (left, _) in zip(titles, texts, places, strict=True):
        page.title(left, top + 0.5, f"{number}  {title}")
        page.lines(left, top + _TITLE, lines)
        number += 1


def _text_height(texts: Sequence[Sequence[str]]) -> float:
    return max(map(len, texts)) * style.line_height() + 0.5


def _draw_images(page: style.Page, image, boxes, followed, top: float, height: float) -> Axes:
    """The image without frames and with them; the axes of the latter."""
    for left, width in _IMAGE_PLACES:
        axes = page.picture(image, left, top, width, height)
    chosen = -1 if followed is None else followed.row
    for row, box in enumerate(boxes):
        if row != chosen:
            _FRAME.draw(axes, box)
    if chosen >= 0:
        _CHOSEN.draw(axes, boxes[chosen])
    middle = top + height / 2
    page.arrow([(_IMAGE + 1.2, middle), (_IMAGE + _GAP - 1.2, middle)])
    return axes


def _draw_region(
    page: style.Page, region: FollowedRegion, thresholds: Thresholds, top: float
) -> None:
    names, predicted = thresholds.names, region.predicted
    (patch, _), (features, _), (types, width), _ = _REGION_PLACES
    page.picture(predicted.patch, patch, top, _SIDE, _SIDE)
    axes = page.bare_axes(features, top, _SIDE, _SIDE)
    grid = feature_grid(region.features)
    axes.imshow(grid, cmap="cividis", interpolation="nearest", aspect="auto")
    bars.draw(
        page, types, top, width, names, predicted.labels, thresholds.values, predicted.probabilities
    )
    middle = top + min(_SIDE, bars.height(len(names))) / 2  # where bars are, however few
    for (left, width), (target, _) in itertools.pairwise(_REGION_PLACES):
        page.arrow([(left + width + 1.2, middle), (target - 1.2, middle)])


def _draw_follow(page: style.Page, box: np.ndarray, axes: Axes, second: float) -> None:
    """The arrow from the framed region to its patch."""
    _, xmin, ymax, xmax = box
    x, y = page.millimetres(axes, (xmin + xmax) / 2, ymax)
    turn = second - 4.5
    places = [(x, y), (x, turn), (_SIDE / 2, turn), (_SIDE / 2, second - 0.8)]
    page.arrow(places, _CHOSEN.colour)


def _draw_abnormality(
    page: style.Page, region: FollowedRegion, threshold: float, top: float
) -> None:
    left, _ = _REGION_PLACES[-1]
    abnormal = region.abnormal > threshold
    axes = page.share_axes(left, top, _SIDE, 5.0)
    axes.set_ylim(-0.5, 0.5)
    colour = style.VERMILION if abnormal else style.BLUE
    axes.barh([0], [region.abnormal], 0.8, color=colour, edgecolor=style.GREY, linewidth=0.4)
    axes.vlines(threshold, -0.5, 0.5, color=style.BLACK, linewidth=1.1)
    page.title(left, top + 10.0, _in_words(abnormal), color=colour)
    page.text(left, top + 14.5, f"probability {bars.written(region.abnormal)}")
    if region.truly_abnormal is not None:
        mark = style.RIGHT if region.truly_abnormal == abnormal else style.WRONG
        text = f"true: {_in_words(region.truly_abnormal)} {mark}"
        page.text(left, top + 14.5 + style.line_height(), text)


def _in_words(abnormal: bool) -> str:
    return "abnormal" if abnormal else "normal"


def feature_grid(features: np.ndarray) -> np.ndarray:
    """Features float [D] in reading order as the most nearly square grid that has D places."""
    total = len(features)
    rows = next(n for n in range(int(np.sqrt(total)), 0, -1) if total % n == 0)
    return np.reshape(features, (rows, total // rows))
