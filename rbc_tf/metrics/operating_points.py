"""What a detector does at a score threshold: recall, precision, false positives per image.

Detections of equal score are kept or left out together, as a threshold does it.
"""

import dataclasses

import numpy as np

from rbc_tf.metrics.detection import Matches


@dataclasses.dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """One entry for each score that occurs, descending; N = 0 where nothing was detected.

    Attributes:
        score_threshold: float32 [N]; detections at and above it are kept.
        precision: float64 [N], share of the kept detections that are right.
        recall: float64 [N], share of true boxes found; nan where there is none.
        false_positives_per_image: float64 [N], wrong detections kept / images; against recall
            this is the free-response ROC.
    """

    score_threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    false_positives_per_image: np.ndarray


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """One place on the curve; None where a denominator is 0."""

    score_threshold: float
    precision: float | None
    recall: float | None
    false_positives_per_image: float


def threshold_curve(matches: Matches) -> ThresholdCurve:
    """The curve over every threshold that makes a difference."""
    last_of_score = np.flatnonzero(np.diff(matches.scores, append=np.float32(-1)))
    kept = last_of_score + 1
    right = np.cumsum(matches.correct)[last_of_score]
    num_true = len(matches.found_score)
    return ThresholdCurve(
        score_threshold=matches.scores[last_of_score],
        precision=right / kept,
        recall=right / num_true if num_true else np.full(len(right), np.nan),
        false_positives_per_image=(kept - right) / max(matches.num_images, 1),
    )


def area(matches: Matches) -> float | None:
    """Area under precision against recall as measured, its teeth left in; None without true boxes.

    Each step to a higher recall counts with the precision reached there (scikit-learn's average
    precision), where `detection.average_precision` takes the best at that recall or above.
    """
    if len(matches.found_score) == 0:
        return None
    curve = threshold_curve(matches)
    return float(np.sum(curve.precision * np.diff(curve.recall, prepend=0.0)))


def at_threshold(matches: Matches, score_threshold: float) -> OperatingPoint:
    """What detections at and above a score threshold do."""
    kept = matches.scores >= score_threshold
    right = int(matches.correct[kept].sum())
    wrong = int(kept.sum()) - right
    num_true = len(matches.found_score)
    return OperatingPoint(
        score_threshold=score_threshold,
        precision=right / (right + wrong) if kept.any() else None,
        recall=right / num_true if num_true else None,
        false_positives_per_image=wrong / max(matches.num_images, 1),
    )


def at_recall(curve: ThresholdCurve, recall: float) -> OperatingPoint | None:
    """The highest threshold at which that recall is reached; None where it never is."""
    reached = np.flatnonzero(curve.recall >= recall)
    if not len(reached):
        return None
    first = reached[0]
    return OperatingPoint(
        score_threshold=float(curve.score_threshold[first]),
        precision=float(curve.precision[first]),
        recall=float(curve.recall[first]),
        false_positives_per_image=float(curve.false_positives_per_image[first]),
    )
