"""Figure 7: all regions of an image, and what became of each: found or not, right or not."""

import dataclasses
import enum

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core import boxes
from rbc_tf.core.types import PRESENT
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.captions import Caption, Source, Thresholds, count
from rbc_tf.figures.drawing.legend import Entry, Frame, Mark, framed_image
from rbc_tf.figures.sources import MIN_IOU, Drawn, FigureSources, is_scored
from rbc_tf.metrics import detection
from rbc_tf.metrics.multilabel import exactly_right


class Outcome(enum.Enum):
    """What became of a true region, or of a detection that is none."""

    RIGHT = "detected and classified right"
    WRONG = "detected but misclassified"
    MISSED = "missed by the detector"  # whatever is known of its types
    FALSE_POSITIVE = "false positive: a detection, no region"
    UNSCORED = "detected, labels incomplete or none"


# The paper's colours; letter and line say the same. The first lie on top.
FRAMES = {
    Outcome.MISSED: (Frame(style.BLUE, 1.5, (0, (1.6, 1.0))), "M"),
    Outcome.FALSE_POSITIVE: (Frame(style.BLACK, 1.3, (0, (4.0, 1.0, 1.0, 1.0))), "F"),
    Outcome.WRONG: (Frame(style.VERMILION, 1.5, (0, (4.0, 1.2))), style.WRONG),
    Outcome.RIGHT: (Frame(style.GREEN, 1.3, "-"), ""),
    Outcome.UNSCORED: (Frame(style.GREY, 1.0, (0, (1.0, 1.5))), ""),
}


@dataclasses.dataclass(frozen=True, eq=False)
class RegionOutcomes:
    """Outcomes of one image.

    Attributes:
        truth: one outcome per true region.
        abnormal_right: bool [M], detected, exactly its types predicted, one of them abnormal.
        false_positive: bool [N], detections that found no true region.
    """

    truth: tuple[Outcome, ...]
    abnormal_right: np.ndarray
    false_positive: np.ndarray

    def count(self, outcome: Outcome) -> int:
        if outcome is Outcome.FALSE_POSITIVE:
            return int(self.false_positive.sum())
        return self.truth.count(outcome)


def make(sources: FigureSources) -> Drawn:
    sample, rule = sources.chosen
    image, regions = sources.image(sample), sources.regions_of(sample)
    analyzed = sources.chain.analyze(image)
    true_boxes = boxes.as_boxes([region.box for region in regions])
    outcomes = region_outcomes(
        true_boxes,
        sources.labels_of(regions),
        np.array([is_scored(region) for region in regions], bool),
        analyzed.boxes,
        sources.chain.labels(analyzed.probabilities),
        sources.dataset.cell_types.abnormal,
    )
    red = np.isin(sources.region_pixels(sample), np.flatnonzero(outcomes.abnormal_right) + 1)
    figure = draw(image, red, true_boxes, analyzed.boxes, outcomes)
    threshold = sources.bundle.manifest.score_threshold
    text = caption(sample.name, outcomes, threshold, sources.thresholds, sources.source, rule)
    return figure, text


def region_outcomes(
    true_boxes: np.ndarray,
    labels: np.ndarray,
    scored: np.ndarray,
    detected_boxes: np.ndarray,
    predicted: np.ndarray,
    abnormal_types: np.ndarray,
) -> RegionOutcomes:
    """Holds what the chain predicts of an image against the truth.

    Args:
        true_boxes: float32 [M, 4].
        labels: int8 [M, T], 1 present, 0 absent, -1 unknown.
        scored: bool [M], regions whose types are known completely.
        detected_boxes: float32 [N, 4], best score first, those above the score threshold alone.
        predicted: bool [N, T], the types predicted for each detection.
        abnormal_types: bool [T].
    """
    taken = detection.match_image(boxes.iou(detected_boxes, true_boxes), MIN_IOU)
    found_by = np.full(len(true_boxes), -1, dtype=np.int64)
    found_by[taken[taken >= 0]] = np.flatnonzero(taken >= 0)
    found = found_by >= 0
    of_region = np.zeros(labels.shape, bool)
    of_region[found] = predicted[found_by[found]]
    right = found & scored & exactly_right(of_region, labels == PRESENT)
    truth = np.where(right, Outcome.RIGHT, Outcome.WRONG)
    truth[~scored] = Outcome.UNSCORED
    truth[~found] = Outcome.MISSED
    abnormal_right = right & of_region[:, abnormal_types].any(axis=1)
    return RegionOutcomes(tuple(truth), abnormal_right, taken < 0)


def draw(
    image: np.ndarray,
    red: np.ndarray,
    true_boxes: np.ndarray,
    detected_boxes: np.ndarray,
    outcomes: RegionOutcomes,
) -> Figure:
    """The image with a frame around each region and false positive, and a legend with counts.

    Args:
        image: uint8 [H, W, 3].
        red: bool [H, W], pixels of the abnormal regions that are found and right.
        true_boxes: float32 [M, 4].
        detected_boxes: float32 [N, 4].
        outcomes: of both.
    """
    framed = list(zip(outcomes.truth, true_boxes, strict=True))
    extra = detected_boxes[outcomes.false_positive]
    framed += [(Outcome.FALSE_POSITIVE, box) for box in extra]
    order = list(FRAMES)
    framed.sort(key=lambda pair: order.index(pair[0]))
    marks = [Mark(*FRAMES[outcome], box) for outcome, box in framed]
    return framed_image(image, marks, legend(outcomes), red)


def legend(outcomes: RegionOutcomes) -> list[Entry]:
    """All kinds of frames with their counts, those without any included."""
    entries = [
        Entry(*FRAMES[outcome], f"{outcome.value}: {outcomes.count(outcome)}")
        for outcome in Outcome
    ]
    text = f"of these with an abnormal type (red mask): {int(outcomes.abnormal_right.sum())}"
    return [entries[0], Entry(FRAMES[Outcome.RIGHT][0], "", text, mask=True), *entries[1:]]


def caption(
    image: str,
    outcomes: RegionOutcomes,
    score_threshold: float,
    thresholds: Thresholds,
    source: Source,
    rule: str,
) -> Caption:
    """Counts of every outcome, thresholds, and how the image was chosen."""
    counts = {outcome.name.lower(): outcomes.count(outcome) for outcome in Outcome}
    red = int(outcomes.abnormal_right.sum())
    text = (
        f"Image {image}, one of {source} ({rule}). Of {count(len(outcomes.truth), 'true region')}, "
        f"{counts['missed']} missed by the detector (blue, dotted, M), {counts['right']} detected "
        f"and classified right (green, solid), {counts['wrong']} detected but misclassified "
        f"(orange-red, dashed, {style.WRONG}), {counts['unscored']} detected whose labels are "
        "incomplete or missing, so that their types cannot be scored (grey, fine dots). Red mask: "
        f"{red} of the {counts['right']} classified right hold an abnormal type. "
        f"{count(counts['false_positive'], 'false positive')} (black, dash-dot, F). A detection "
        f"has a score of {score_threshold:g} or more, and is a region's at an IoU of {MIN_IOU:g} "
        f"or more; right means exactly the true types. Type thresholds: {thresholds}. Of the "
        f"{counts['right'] + counts['wrong']} scored, {counts['right']} are right."
    )
    facts = source.facts(
        image=image,
        rule=rule,
        true_regions=len(outcomes.truth),
        **counts,
        abnormal_right=red,
        min_iou=MIN_IOU,
        score_threshold=score_threshold,
        thresholds=thresholds.facts(),
    )
    return Caption(7, "All regions of an image and what became of them", text, facts)
