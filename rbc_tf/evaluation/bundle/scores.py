"""Scores of the whole chain over a set of images: each stage alone, and all together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import Detections, Region
from rbc_tf.metrics import calibration, detection, label_scores, multilabel
from rbc_tf.metrics.abnormality import AbnormalityScores, score_abnormality


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Where probabilities become answers: per type [T], for detections, for the verdict."""

    types: tuple[float, ...]
    score: float
    abnormal: float


@dataclasses.dataclass(frozen=True)
class ChainScores:
    """Scores of a bundle over a set of images.

    Attributes:
        detection: of the detector against the regions of the masks.
        recall_single_cell, recall_multi_cell: at IoU 0.5, at the bundle's score threshold.
        points_inside: share of labelled cells inside a detection, whatever the masks say.
        types: of the heads on the true boxes of complete regions, at `thresholds`.
        exact_match_plain: exact match on the same at 0.5 for every type, the paper's.
        labels: recall, precision and F1 of each type on the same, at `thresholds`.
        thresholds: per type, on the calibrated probability.
        ece_before, ece_after: per type the expected calibration error on the same regions of
            the heads' outputs and of the calibrated probabilities; None where there is no region.
        abnormality: of the verdict on the same regions.
        found_and_right: share of complete regions that were detected (IoU 0.5) and given
            exactly their types: the whole chain.
        found_and_right_plain: the same at 0.5 for every type.
    """

    detection: detection.DetectionScores
    recall_single_cell: float
    recall_multi_cell: float
    points_inside: float
    types: multilabel.MultilabelScores
    exact_match_plain: float
    labels: label_scores.LabelScores
    thresholds: tuple[float, ...]
    ece_before: tuple[float | None, ...]
    ece_after: tuple[float | None, ...]
    abnormality: AbnormalityScores
    found_and_right: float
    found_and_right_plain: float


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedImage:
    """What the chain said of one image, and the truth.

    Attributes:
        detections: all of them, whatever their score.
        truth: the M true regions.
        points: float [K, 2], (y, x) of labelled cells.
        labels: int8 [N, T] of the complete regions among the M, all known.
        outputs: float32 [N, T], of the heads on their true boxes.
        probabilities: float32 [N, T], the same calibrated.
        abnormal: float64 [N], probability that they are abnormal.
        found: bool [N], whether a detection above the score threshold covers them (IoU 0.5).
        found_probabilities: float32 [N, T], calibrated, on that detection; 0 where there is none.
    """

    detections: Detections
    truth: tuple[Region, ...]
    points: np.ndarray
    labels: np.ndarray
    outputs: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray
    found: np.ndarray
    found_probabilities: np.ndarray


def score_chain(
    images: Sequence[EvaluatedImage], cell_types: CellTypes, thresholds: Thresholds
) -> ChainScores:
    """Scores over all images together; raises ValueError where there is none."""
    if not images:
        raise ValueError("At least one image is required. Received: none")
    threshold, type_thresholds = thresholds.score, np.array(thresholds.types)
    plain = np.full(len(cell_types), multilabel.PLAIN_THRESHOLD)
    detections = [image.detections for image in images]
    truths = [boxes.as_boxes([r.box for r in image.truth]) for image in images]
    single = np.array([r.num_cells == 1 for image in images for r in image.truth], dtype=bool)
    matches = detection.match(detections, truths)
    labels = _concatenate(images, "labels")
    probabilities = _concatenate(images, "probabilities")
    before, after = reliability_curves(images)
    return ChainScores(
        detection=detection.score_detections(detections, truths, threshold),
        recall_single_cell=detection.recall_of(matches, single, threshold),
        recall_multi_cell=detection.recall_of(matches, ~single, threshold),
        points_inside=detection.share_of_points_inside(
            detections, [image.points for image in images], threshold
        ),
        types=multilabel.score_multilabel(probabilities, labels, type_thresholds),
        exact_match_plain=multilabel.exact_match(probabilities, labels, plain),
        labels=label_scores.score_labels(probabilities > type_thresholds, labels),
        thresholds=thresholds.types,
        ece_before=tuple(_none_for_nan(calibration.curve_error(curve)) for curve in before),
        ece_after=tuple(_none_for_nan(calibration.curve_error(curve)) for curve in after),
        abnormality=score_abnormality(
            _concatenate(images, "abnormal"), labels, cell_types.abnormal, thresholds.abnormal
        ),
        found_and_right=_found_and_right(images, type_thresholds),
        found_and_right_plain=_found_and_right(images, plain),
    )


def reliability_curves(
    images: Sequence[EvaluatedImage],
) -> tuple[tuple[calibration.ReliabilityCurve, ...], tuple[calibration.ReliabilityCurve, ...]]:
    """Per type, over all images: the curve of the heads' outputs, and that of the calibrated."""
    labels = _concatenate(images, "labels")
    before, after = (_concatenate(images, name) for name in ("outputs", "probabilities"))
    return calibration.curves_by_type(before, labels), calibration.curves_by_type(after, labels)


def _concatenate(images: Sequence[EvaluatedImage], name: str) -> np.ndarray:
    return np.concatenate([getattr(image, name) for image in images])


def _found_and_right(images: Sequence[EvaluatedImage], thresholds: np.ndarray) -> float:
    """Share of regions that were found and given exactly their types; nan where none is scored."""
    said = _concatenate(images, "found_probabilities") > thresholds
    right = (said == (_concatenate(images, "labels") == 1)).all(axis=1)
    return _share(right & _concatenate(images, "found"))


def _share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")


def _none_for_nan(value: float) -> float | None:
    return None if value != value else value
