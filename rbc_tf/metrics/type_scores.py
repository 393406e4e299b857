"""Scores of one type over all patches of which it is known, complete or not."""

import dataclasses

import numpy as np
from sklearn import metrics

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics.multilabel import roc_auc


@dataclasses.dataclass(frozen=True)
class TypeScores:
    """How well one type is told; None where nothing defines a score.

    Attributes:
        present, absent: patches that are known to have the type, and not to have it.
        auc: area under the ROC curve.
        average_precision: area under precision against recall, in steps.
        precision, recall: at the threshold.
    """

    present: int
    absent: int
    auc: float | None
    average_precision: float | None
    precision: float | None
    recall: float | None


def score_type(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> TypeScores:
    """Scores probabilities float [N] against int8 [N], 1 present, 0 absent, -1 unknown."""
    known = labels != UNKNOWN
    truth, given = labels[known] == PRESENT, probabilities[known]
    named = given > threshold
    right = int((truth & named).sum())
    present = int(truth.sum())
    area = float(metrics.average_precision_score(truth, given)) if present else None
    return TypeScores(
        present=present,
        absent=len(truth) - present,
        auc=roc_auc(truth, given),
        average_precision=area,
        precision=right / int(named.sum()) if named.any() else None,
        recall=right / present if present else None,
    )
