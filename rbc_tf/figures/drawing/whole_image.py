"""Figure 7: a whole image, each region framed by what became of it."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core import boxes
from rbc_tf.figures.drawing import captions, legend, style
from rbc_tf.figures.drawing.outcomes import MIN_IOU, Outcome, RegionOutcomes

_TALLEST = 215.0
_STRIPES_ACROSS = 160  # stripes of the red mask over the width of the image

# The paper's colours; letter and line say the same.
FRAMES = {
    Outcome.RIGHT: (legend.Frame(style.GREEN, 1.3, "-"), ""),
    Outcome.WRONG: (legend.Frame(style.VERMILION, 1.5, (0, (4.0, 1.2))), style.WRONG),
    Outcome.MISSED: (legend.Frame(style.BLUE, 1.5, (0, (1.6, 1.0))), "M"),
    Outcome.FALSE_POSITIVE: (legend.Frame(style.BLACK, 1.3, (0, (4.0, 1.0, 1.0, 1.0))), "F"),
    Outcome.UNSCORED: (legend.Frame(style.GREY, 1.0, (0, (1.0, 1.5))), ""),
}


@dataclasses.dataclass(frozen=True, eq=False)
class JudgedImage:
    """An image, its regions and what became of them.

    Attributes:
        name: of the image.
        image: uint8 [H, W, 3].
        regions: int32 [H, W], 1 + row of the region on its pixels, 0 elsewhere.
        true_boxes: float32 [M, 4].
        detected_boxes: float32 [N, 4], above the score threshold.
        outcomes: of both.
        score_threshold: of the detections.
        names: of the T types.
        thresholds: float [T], above which a type is named.
        objective: of these thresholds, see `captions.thresholds`.
    """

    name: str
    image: np.ndarray
    regions: np.ndarray
    true_boxes: np.ndarray
    detected_boxes: np.ndarray
    outcomes: RegionOutcomes
    score_threshold: float
    names: tuple[str, ...]
    thresholds: np.ndarray
    objective: str = captions.PLAIN

    @property
    def red(self) -> np.ndarray:
        """bool [H, W], pixels of the abnormal regions that were found and named right."""
        rows = np.flatnonzero(self.outcomes.abnormal_right) + 1
        return np.isin(self.regions, rows)


@style.styled
def draw(judged: JudgedImage) -> Figure:
    """The image over the whole width with all frames, and a legend with counts."""
    height, width = judged.image.shape[:2]
    picture_height = min(style.WIDTH * height / width, _TALLEST)
    entries = legend_entries(judged.outcomes)
    page = style.Page(picture_height + legend.height(entries))
    axes = page.picture(judged.image, 0, 0, style.WIDTH, picture_height)
    period = max(4, 2 * round(width / _STRIPES_ACROSS / 2))
    extent = (0, width, height, 0)
    axes.imshow(legend.stripes(judged.red, period), extent=extent)
    chosen = _frames(judged)
    for outcome, box in chosen:
        FRAMES[outcome][0].draw(axes, box)
    places = boxes.as_boxes([box for _, box in chosen])
    words = [FRAMES[outcome][1] for outcome, _ in chosen]
    colours = [FRAMES[outcome][0].colour for outcome, _ in chosen]
    scale = style.millimetres_per_pixel(judged.image.shape, style.WIDTH, picture_height)
    legend.write_words(axes, places, words, colours, scale)
    legend.draw(page, picture_height, entries)
    return page.figure


def _frames(judged: JudgedImage) -> list[tuple[Outcome, np.ndarray]]:
    """(outcome, box) of all frames; what is wrong is drawn last, on top."""
    frames = list(zip(judged.outcomes.truth, judged.true_boxes, strict=True))
    frames += [
        (Outcome.FALSE_POSITIVE, box)
        for box in judged.detected_boxes[judged.outcomes.false_positive]
    ]
    order = (
        Outcome.UNSCORED,
        Outcome.RIGHT,
        Outcome.WRONG,
        Outcome.FALSE_POSITIVE,
        Outcome.MISSED,
    )
    return sorted(frames, key=lambda frame: order.index(frame[0]))


def legend_entries(outcomes: RegionOutcomes) -> list[legend.Entry]:
    """All kinds of frames with their counts, those without any included."""
    texts = {
        Outcome.RIGHT: "detected and classified right",
        Outcome.WRONG: "detected but misclassified",
        Outcome.MISSED: "missed by the detector",
        Outcome.FALSE_POSITIVE: "false positive: a detection, no region",
        Outcome.UNSCORED: "detected, labels incomplete or none",
    }
    entries = [
        legend.Entry(*FRAMES[outcome], f"{text}: {outcomes.count(outcome)}")
        for outcome, text in texts.items()
    ]
    red = int(outcomes.abnormal_right.sum())
    text = f"of these with an abnormal type (red mask): {red}"
    entries.insert(1, legend.Entry(FRAMES[Outcome.RIGHT][0], "", text, mask=True))
    return entries


def caption(judged: JudgedImage, source: captions.Source, rule: str) -> captions.Caption:
    """Counts of every outcome, thresholds, and how the image was chosen."""
    outcomes = judged.outcomes
    counts = {outcome: outcomes.count(outcome) for outcome in Outcome}
    red = int(outcomes.abnormal_right.sum())
    scored = counts[Outcome.RIGHT] + counts[Outcome.WRONG]
    text = (
        f"Image {judged.name}, one of {source} ({rule}). Of "
        f"{captions.count(len(outcomes.truth), 'true region')}, {counts[Outcome.MISSED]} missed "
        f"by the detector (blue, dotted, M), {counts[Outcome.RIGHT]} detected and classified "
        f"right (green, solid), {counts[Outcome.WRONG]} detected but misclassified (orange-red, "
        f"dashed, {style.WRONG}), {counts[Outcome.UNSCORED]} detected whose labels are incomplete "
        "or missing, so that their types cannot be scored (grey, fine dots). Red mask: "
        f"{red} of the {counts[Outcome.RIGHT]} classified right hold an abnormal type. "
        f"{captions.count(counts[Outcome.FALSE_POSITIVE], 'false positive')} (black, dash-dot, "
        f"F). A detection has a score of {judged.score_threshold:g} or more, and is a region's at "
        f"an IoU of {MIN_IOU:g} or more; right means exactly the true types. Type thresholds: "
        f"{captions.thresholds(judged.names, judged.thresholds, judged.objective)}. "
        f"Of the {scored} scored, {counts[Outcome.RIGHT]} are right."
    )
    facts = dataclasses.asdict(source) | {
        "image": judged.name,
        "rule": rule,
        "true_regions": len(outcomes.truth),
        **{outcome.name.lower(): value for outcome, value in counts.items()},
        "abnormal_right": red,
        "min_iou": MIN_IOU,
        "score_threshold": judged.score_threshold,
        "thresholds": dict(zip(judged.names, map(float, judged.thresholds), strict=True)),
    }
    return captions.Caption(7, "All regions of an image and what became of them", text, facts)
