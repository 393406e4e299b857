"""Scores of the whole chain over a set of images: each stage alone, and all together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf import boxes
from rbc_tf.cell_types import CellTypes
from rbc_tf.evaluation import detection, multilabel
from rbc_tf.types import Detections, Region


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Where probabilities become answers: per type [T], for detections, for the verdict."""

    types: tuple[float, ...]
    score: float
    abnormal: float


@dataclasses.dataclass(frozen=True)
class AbnormalityScores:
    """The verdict against the truth on complete regions, of which `num_abnormal` are abnormal."""

    accuracy: float
    auc: float | None
    num_regions: int
    num_abnormal: int


@dataclasses.dataclass(frozen=True)
class ChainScores:
    """Scores of a bundle over a set of images.

    Attributes:
        detection: of the detector against the regions of the masks.
        recall_single_cell, recall_multi_cell: at IoU 0.5, at the bundle's score threshold.
        points_inside: share of labelled cells inside a detection, whatever the masks say.
        types: of the heads on the true boxes of complete regions.
        abnormality: of the verdict on the same regions.
        found_and_right: share of complete regions that were detected (IoU 0.5) and given
            exactly their types: the whole chain.
    """

    detection: detection.DetectionScores
    recall_single_cell: float
    recall_multi_cell: float
    points_inside: float
    types: multilabel.MultilabelScores
    abnormality: AbnormalityScores
    found_and_right: float


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedImage:
    """What the chain said of one image, and the truth.

    Attributes:
        detections: all of them, whatever their score.
        truth: the M true regions.
        points: float [K, 2], (y, x) of labelled cells.
        labels: int8 [N, T] of the complete regions among the M, all known.
        probabilities: float32 [N, T], of the types on their true boxes.
        abnormal: float64 [N], probability that they are abnormal.
        found_and_right: bool [N], detected, and the detection given exactly their types.
    """

    detections: Detections
    truth: tuple[Region, ...]
    points: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray
    found_and_right: np.ndarray


def score_chain(
    images: Sequence[EvaluatedImage], cell_types: CellTypes, thresholds: Thresholds
) -> ChainScores:
    """Scores over all images together; raises ValueError where there is none."""
    if not images:
        raise ValueError("At least one image is required. Received: none")
    threshold = thresholds.score
    detections = [image.detections for image in images]
    truths = [boxes.as_boxes([r.box for r in image.truth]) for image in images]
    single = np.array([r.num_cells == 1 for image in images for r in image.truth], dtype=bool)
    matches = detection.match(detections, truths)
    labels = np.concatenate([image.labels for image in images])
    probabilities = np.concatenate([image.probabilities for image in images])
    abnormal = np.concatenate([image.abnormal for image in images])
    right = np.concatenate([image.found_and_right for image in images])
    return ChainScores(
        detection=detection.score_detections(detections, truths, threshold),
        recall_single_cell=detection.recall_of(matches, single, threshold),
        recall_multi_cell=detection.recall_of(matches, ~single, threshold),
        points_inside=detection.share_of_points_inside(
            detections, [image.points for image in images], threshold
        ),
        types=multilabel.score_multilabel(probabilities, labels, np.array(thresholds.types)),
        abnormality=_score_abnormality(abnormal, labels, cell_types, thresholds.abnormal),
        found_and_right=float(right.mean()) if len(right) else float("nan"),
    )


def _score_abnormality(
    abnormal: np.ndarray, labels: np.ndarray, cell_types: CellTypes, threshold: float
) -> AbnormalityScores:
    truth = (labels[:, cell_types.abnormal] == 1).any(axis=1)
    right = (abnormal > threshold) == truth
    return AbnormalityScores(
        accuracy=float(right.mean()) if len(right) else float("nan"),
        auc=multilabel.roc_auc(truth, abnormal),
        num_regions=len(truth),
        num_abnormal=int(truth.sum()),
    )
