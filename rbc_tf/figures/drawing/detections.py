"""Figure 4: what the detector found in an image, with scores."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.figures.drawing import captions, legend, style

_SURE = 0.9  # detections below it are drawn dashed
_HIGH = legend.Frame(style.BLUE, 1.1, "-")
_LOW = legend.Frame(style.VERMILION, 1.1, (0, (2.5, 1.2)))
_TALLEST = 220.0


@dataclasses.dataclass(frozen=True, eq=False)
class DetectedImage:
    """An image with all its detections.

    Attributes:
        name: of the image.
        image: uint8 [H, W, 3].
        boxes: float32 [N, 4], best score first.
        scores: float32 [N].
        score_threshold: detections below are not drawn.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    score_threshold: float

    @property
    def kept(self) -> np.ndarray:
        """bool [N], at or above the threshold."""
        return np.asarray(self.scores) >= self.score_threshold


@style.styled
def draw(shown: DetectedImage) -> Figure:
    """The image over the whole width, a frame and the score for each detection kept."""
    height, width = shown.image.shape[:2]
    picture_height = min(style.WIDTH * height / width, _TALLEST)
    rows = _legend_rows(shown)
    page = style.Page(picture_height + legend.height(rows))
    axes = page.picture(shown.image, 0, 0, style.WIDTH, picture_height)
    kept = np.flatnonzero(shown.kept)
    frames = [_HIGH if shown.scores[row] >= _SURE else _LOW for row in kept]
    for frame, row in list(zip(frames, kept, strict=True))[::-1]:  # the best on top
        frame.draw(axes, shown.boxes[row])
    scale = style.millimetres_per_pixel(shown.image.shape, style.WIDTH, picture_height)
    words = [written(shown.scores[row]) for row in kept]
    colours = [frame.colour for frame in frames]
    legend.write_words(axes, shown.boxes[kept], words, colours, scale)
    legend.draw(page, picture_height, rows)
    return page.figure


def written(score: float) -> str:
    """Two digits cut off, not rounded up: only a score of 1 reads 1."""
    hundredths = int(float(score) * 100 + 1e-4)  # float32 holds 0.9 as a little less
    return "1" if hundredths >= 100 else f".{hundredths:02d}"


def _legend_rows(shown: DetectedImage) -> list[legend.Entry]:
    sure, unsure = _counts(shown)
    low = f"score {shown.score_threshold:g} or more, below {_SURE:g}: {unsure}"
    entries = [legend.Entry(_HIGH, "", f"score {_SURE:g} or more: {sure}")]
    return entries + [legend.Entry(_LOW, "", low)] * (shown.score_threshold < _SURE)


def _counts(shown: DetectedImage) -> tuple[int, int]:
    sure = int((np.asarray(shown.scores)[shown.kept] >= _SURE).sum())
    return sure, int(shown.kept.sum()) - sure


def caption(shown: DetectedImage, source: captions.Source, rule: str) -> captions.Caption:
    """Counts above and below the threshold, and how the image was chosen."""
    sure, unsure = _counts(shown)
    dropped = len(shown.scores) - sure - unsure
    text = (
        f"Image {shown.name}, one of {source} ({rule}). "
        f"{captions.count(sure + unsure, 'detection')} with a score of {shown.score_threshold:g} "
        f"or more, the score in each (two digits, cut off); solid blue, {sure} of "
        f"{_SURE:g} or more, dashed orange-red, {unsure} below that. "
        f"{captions.count(dropped, 'detection')} below {shown.score_threshold:g} not drawn."
    )
    facts = dataclasses.asdict(source) | {
        "image": shown.name,
        "rule": rule,
        "score_threshold": shown.score_threshold,
        "detections": sure + unsure,
        f"detections_from_{_SURE:g}": sure,
        "detections_not_drawn": dropped,
    }
    return captions.Caption(4, "Detections with their scores", text, facts)
