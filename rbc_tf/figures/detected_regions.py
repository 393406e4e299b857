"""Figure 4: what the detector finds in an image, with scores."""

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.types import Detections
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.captions import Caption, Source, count
from rbc_tf.figures.drawing.legend import Entry, Frame, Mark, framed_image
from rbc_tf.figures.sources import Drawn, FigureSources

_SURE = 0.9  # detections below it are drawn dashed
_HIGH = Frame(style.BLUE, 1.1, "-")
_LOW = Frame(style.VERMILION, 1.1, (0, (2.5, 1.2)))


def make(sources: FigureSources) -> Drawn:
    sample, rule = sources.chosen
    image = sources.image(sample)
    threshold = sources.bundle.manifest.score_threshold
    found = sources.chain.detect(image)
    text = caption(sample.name, found.scores, threshold, sources.source, rule)
    return draw(image, found, threshold), text


def draw(image: np.ndarray, found: Detections, threshold: float) -> Figure:
    """The image with a frame and the score for each detection that the threshold keeps."""
    marks = [
        Mark(_HIGH if score >= _SURE else _LOW, written(score), box)
        for score, box in zip(found.scores, found.boxes, strict=True)
        if score >= threshold
    ]
    sure, unsure, _ = _counts(found.scores, threshold)
    entries = [Entry(_HIGH, "", f"score {_SURE:g} or more: {sure}")]
    if threshold < _SURE:
        below = f"score {threshold:g} or more, below {_SURE:g}: {unsure}"
        entries.append(Entry(_LOW, "", below))
    return framed_image(image, marks, entries)


def written(score: float) -> str:
    """Two digits cut off, not rounded up: only a score of 1 reads 1."""
    hundredths = int(float(score) * 100 + 1e-4)  # float32 holds 0.9 as a little less
    return "1" if hundredths >= 100 else f".{hundredths:02d}"


def _counts(scores: np.ndarray, threshold: float) -> tuple[int, int, int]:
    """Detections that are sure, those that are not, and those below the threshold."""
    kept = np.asarray(scores) >= threshold
    sure = kept & (np.asarray(scores) >= _SURE)
    return int(sure.sum()), int((kept & ~sure).sum()), int((~kept).sum())


def caption(image: str, scores: np.ndarray, threshold: float, source: Source, rule: str) -> Caption:
    """Counts above and below the threshold, and how the image was chosen."""
    sure, unsure, dropped = _counts(scores, threshold)
    text = (
        f"Image {image}, one of {source} ({rule}). {count(sure + unsure, 'detection')} with a "
        f"score of {threshold:g} or more, the score in each (two digits, cut off); solid blue, "
        f"{sure} of {_SURE:g} or more, dashed orange-red, {unsure} below that. "
        f"{count(dropped, 'detection')} below {threshold:g} not drawn."
    )
    facts = source.facts(
        image=image,
        rule=rule,
        score_threshold=threshold,
        detections=sure + unsure,
        detections_not_drawn=dropped,
    )
    facts[f"detections_from_{_SURE:g}"] = sure
    return Caption(4, "Detections with their scores", text, facts)
