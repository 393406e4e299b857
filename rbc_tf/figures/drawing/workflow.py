"""Figure 2: the chain as a diagram, with one image's own pictures and the run's own numbers."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rbc_tf.figures.drawing import captions, legend, probabilities, style

_GAP = 8.0  # between two steps, for the arrow
_IMAGE = (style.WIDTH - _GAP) / 2
_TALLEST_IMAGE = 90.0
_TITLE = 5.0
_BETWEEN = 10.0  # the two rows of steps
_PATCH, _FEATURES, _VERDICT = 32.0, 32.0, 32.0

_FRAME = legend.Frame(style.BLUE, 0.7, "-")
_CHOSEN = legend.Frame(style.VERMILION, 2.0, "-")


@dataclasses.dataclass(frozen=True)
class Step:
    """Title of a step, and what the run says of it, line by line."""

    title: str
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class FollowedRegion:
    """One detection on its way from patch to verdict.

    Attributes:
        row: of the detection.
        patch: uint8 [S, S, 3], as the network gets it.
        features: float [D].
        labels: int8 [T], what is known of its types, 1 present, 0 absent, -1 unknown.
        probabilities: float [T].
        abnormal: probability that it holds an abnormal type.
        truly_abnormal: whether it does, None where its labels do not tell.
    """

    row: int
    patch: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    abnormal: float
    truly_abnormal: bool | None


@dataclasses.dataclass(frozen=True, eq=False)
class Workflow:
    """One image on its way through the chain.

    Attributes:
        name: of the image.
        image: uint8 [H, W, 3].
        boxes: float32 [N, 4], its detections above the score threshold.
        followed: one of them, None where there is none.
        names: of the T types.
        thresholds: float [T].
        abnormal_threshold: above it a region is said to be abnormal.
        steps: the six of the chain: image, regions, patch, features, types, verdict.
        objective: of the types' thresholds, see `captions.thresholds`.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    followed: FollowedRegion | None
    names: tuple[str, ...]
    thresholds: np.ndarray
    abnormal_threshold: float
    steps: tuple[Step, ...]
    objective: str = captions.PLAIN


@style.styled
def draw(flow: Workflow) -> Figure:
    """Above, the image and its detections; below, one region from patch to verdict."""
    height, width = flow.image.shape[:2]
    image_height = min(_IMAGE * height / width, _TALLEST_IMAGE)
    upper, lower = _places(range(2)), _places(range(2, 6))
    first = _TITLE + _text_height(flow.steps[:2], upper)
    second = first + image_height + _BETWEEN
    panels = second + _TITLE + _text_height(flow.steps[2:], lower)
    page = style.Page(panels + max(_PATCH, probabilities.height(len(flow.names))) + 0.5)
    _draw_texts(page, flow.steps[:2], 0, upper, 0)
    axes = _draw_images(page, flow, first, image_height)
    if flow.followed is None:
        page.text(0, second, "nothing was detected in this image", style="italic")
        return page.figure
    _draw_texts(page, flow.steps[2:], 2, lower, second)
    _draw_region(page, flow, lower, panels)
    _draw_follow(page, flow, axes, first, image_height, second)
    return page.figure


def _places(steps: Sequence[int]) -> list[tuple[float, float]]:
    """(left, width) of steps, in millimetres."""
    bars = 2 * _GAP + _PATCH + _FEATURES
    places = [
        (0.0, _IMAGE),
        (_IMAGE + _GAP, _IMAGE),
        (0.0, _PATCH),
        (_PATCH + _GAP, _FEATURES),
        (bars, style.WIDTH - bars - _GAP - _VERDICT),
        (style.WIDTH - _VERDICT, _VERDICT),
    ]
    return [places[step] for step in steps]


def _draw_texts(page, steps: Sequence[Step], first: int, places, top: float) -> None:
    """Title and lines above each panel."""
    for number, (step, (left, width)) in enumerate(zip(steps, places, strict=True), first + 1):
        page.title(left, top + 0.5, f"{number}  {step.title}")
        lines = [line for text in step.lines for line in style.wrap(text, width)]
        page.lines(left, top + _TITLE, lines)


def _text_height(steps: Sequence[Step], places) -> float:
    counts = [
        sum(len(style.wrap(text, width)) for text in step.lines)
        for step, (_, width) in zip(steps, places, strict=True)
    ]
    return max(counts) * style.line_height() + 0.5


def _draw_images(page: style.Page, flow: Workflow, top: float, height: float) -> Axes:
    for left, width in _places(range(2)):
        axes = page.picture(flow.image, left, top, width, height)
    for row, box in enumerate(flow.boxes):
        if flow.followed is None or row != flow.followed.row:
            _FRAME.draw(axes, box)
    if flow.followed is not None:
        _CHOSEN.draw(axes, flow.boxes[flow.followed.row])
    middle = top + height / 2
    page.arrow([(_IMAGE + 1.2, middle), (_IMAGE + _GAP - 1.2, middle)])
    return axes


def _draw_region(page: style.Page, flow: Workflow, places, top: float) -> None:
    region = flow.followed
    patch, features, types, verdict = places
    page.picture(region.patch, patch[0], top, _PATCH, _PATCH)
    axes = page.axes(features[0], top, _FEATURES, _PATCH)
    grid = feature_grid(region.features)
    axes.imshow(grid, cmap="cividis", interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    names_width = probabilities.names_width(flow.names)
    probabilities.draw_names(page, types[0], top, flow.names, region.labels)
    probabilities.draw_bars(
        page,
        types[0] + names_width,
        top,
        types[1] - names_width,
        region.probabilities,
        flow.thresholds,
        region.labels,
    )
    _draw_verdict(page, flow, verdict[0], top)
    middle = top + _PATCH / 2
    for (left, width), (target, _) in itertools.pairwise(places):
        page.arrow([(left + width + 1.2, middle), (target - 1.2, middle)])


def _draw_follow(page: style.Page, flow: Workflow, axes: Axes, top, height, second) -> None:
    """The arrow from the framed region to its patch."""
    _, xmin, ymax, xmax = flow.boxes[flow.followed.row]
    scale = style.millimetres_per_pixel(flow.image.shape, _IMAGE, height)
    picture_left = _IMAGE + _GAP + (_IMAGE - scale * flow.image.shape[1]) / 2
    x = picture_left + scale * (xmin + xmax) / 2
    turn = second - 4.5
    places = [(x, top + scale * ymax), (x, turn), (_PATCH / 2, turn), (_PATCH / 2, second - 0.8)]
    page.arrow(places, _CHOSEN.colour)


def _draw_verdict(page: style.Page, flow: Workflow, left: float, top: float) -> None:
    abnormal = flow.followed.abnormal > flow.abnormal_threshold
    axes = page.axes(left, top, _VERDICT, 5.0)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, 0.5)
    colour = style.VERMILION if abnormal else style.BLUE
    axes.barh([0], [flow.followed.abnormal], 0.8, color=colour, edgecolor=style.GREY, linewidth=0.4)
    axes.vlines(flow.abnormal_threshold, -0.5, 0.5, color=style.BLACK, linewidth=1.1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(pad=1.5)
    axes.set_yticks([])
    axes.add_patch(Rectangle((0, -0.5), 1, 1, fill=False, linewidth=0.5))
    said = "abnormal" if abnormal else "normal"
    page.title(left, top + 10.0, said, color=colour)
    text = f"probability {probabilities.written(flow.followed.abnormal)}"
    page.text(left, top + 14.5, text)
    if flow.followed.truly_abnormal is not None:
        truth = "abnormal" if flow.followed.truly_abnormal else "normal"
        mark = style.RIGHT if flow.followed.truly_abnormal == abnormal else style.WRONG
        page.text(left, top + 14.5 + style.line_height(), f"true: {truth} {mark}")


def feature_grid(features: np.ndarray) -> np.ndarray:
    """Features float [D] in reading order as the most nearly square grid that has D places."""
    count = len(features)
    rows = next(n for n in range(int(np.sqrt(count)), 0, -1) if count % n == 0)
    return np.reshape(features, (rows, count // rows))


def caption(flow: Workflow, source: captions.Source, rule: str, facts: dict) -> captions.Caption:
    """What is shown; `facts` are the run's numbers, as the steps show them."""
    followed = (
        "The region with the thick frame is followed: "
        "among the detections that are a true region, the one with the most labelled types, of "
        "equals the one with the most cells, then the best score. "
        if flow.followed is not None
        else ""
    )
    text = (
        f"Image {flow.name}, one of {source} ({rule}). {followed}Numbers are those of the run that "
        "made the bundle. In the patch, brown-grey is filled in; features are in reading order, "
        f"light is large. {probabilities.LEGEND}. "
        f"Threshold of the verdict: {flow.abnormal_threshold:g}; of the types: "
        f"{captions.thresholds(flow.names, flow.thresholds, flow.objective)}."
    )
    everything = dataclasses.asdict(source) | {"image": flow.name, "rule": rule, "run": facts}
    return captions.Caption(2, "The chain from image to verdict", text, everything)
