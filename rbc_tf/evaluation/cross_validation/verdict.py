"""Does a region hold an abnormal type? The gradient boosting beside two rules without training
(the paper: Abnormality)."""

import dataclasses

import numpy as np

from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.cross_validation.predictions import MODEL_A, Predictions
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.fold_scores import Measured, Score, measure
from rbc_tf.metrics.statistics import area, shares, together

# The paper's; any abnormal type above its threshold; 1 - prod(1 - p) over the abnormal types.
BOOSTING, ANY_TYPE, NOISY_OR = "boosting", "any_type", "noisy_or"

# Above it boosting and noisy-or say abnormal.
VERDICT_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class VerdictScores:
    """Scores of one way to tell abnormal from normal regions.

    Attributes:
        method: which.
        accuracy: share of regions told right.
        auc: area under the ROC curve of its probability (of 'any_type': of the highest
            probability of an abnormal type).
        sensitivity, specificity: share of abnormal and of normal regions told right.
    """

    method: str
    accuracy: Score
    auc: Score
    sensitivity: Score
    specificity: Score


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """All methods on the same regions, by the networks of Model A.

    Attributes:
        num_regions, num_abnormal: how many were scored, and how many of them are abnormal.
        majority_accuracy: of always giving the commoner verdict; no method below it is of use.
        methods: 'boosting', 'any_type' and 'noisy_or'.
        boosting_gain: scores of 'boosting' minus those of 'any_type', paired.
    """

    num_regions: int
    num_abnormal: int
    majority_accuracy: float
    methods: tuple[VerdictScores, ...]
    boosting_gain: VerdictScores


def score_verdicts(
    predictions: Predictions,
    abnormal_types: np.ndarray,
    thresholds: np.ndarray,
    bootstrap: GroupBootstrap,
) -> Verdicts:
    """Scores the three methods.

    Args:
        predictions: of complete regions alone.
        abnormal_types: bool [T], the types that are abnormal.
        thresholds: float [T], of the types.
        bootstrap: of these rows.
    """
    truth = (predictions.labels[:, abnormal_types] == PRESENT).any(axis=1)
    probabilities = predictions.probabilities[MODEL_A][:, abnormal_types].astype(np.float64)
    noisy_or = 1 - np.prod(1 - probabilities, axis=1)
    highest = probabilities.max(axis=1, initial=0)
    answers = {
        BOOSTING: (predictions.abnormal, predictions.abnormal > VERDICT_THRESHOLD),
        ANY_TYPE: (highest, (probabilities > thresholds[abnormal_types]).any(axis=1)),
        NOISY_OR: (noisy_or, noisy_or > VERDICT_THRESHOLD),
    }
    measured = {
        method: _measure(scores, said, truth, bootstrap)
        for method, (scores, said) in answers.items()
    }
    gain = measured[BOOSTING].minus(measured[ANY_TYPE])
    return Verdicts(
        num_regions=len(truth),
        num_abnormal=int(truth.sum()),
        majority_accuracy=float(max(truth.mean(), 1 - truth.mean())),
        methods=tuple(VerdictScores(m, *values.scores()) for m, values in measured.items()),
        boosting_gain=VerdictScores(f"{BOOSTING} - {ANY_TYPE}", *gain.scores()),
    )


def _measure(
    scores: np.ndarray, said: np.ndarray, truth: np.ndarray, bootstrap: GroupBootstrap
) -> Measured:
    """Accuracy, AUC, sensitivity and specificity."""
    units, right = bootstrap.unit_of_row, (said == truth)[:, None]
    statistic = together(
        shares(right, units),
        area(scores, truth, units),
        shares(right, units, truth[:, None]),
        shares(right, units, ~truth[:, None]),
    )
    return measure(statistic, lambda weights: weights, bootstrap)
