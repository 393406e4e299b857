"""Scores of multi-label classification: exact match and ROC-AUC per type (paper, Table 1)."""

import dataclasses

import numpy as np
from sklearn import metrics

from rbc_tf.core.types import PRESENT, UNKNOWN

# Above it a type is present (the paper: Six networks).
PLAIN_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class MultilabelScores:
    """Scores over complete regions.

    Attributes:
        exact_match: share of regions of which every type is right; nan where there is none.
        auc: per type, None where the type has no positive or no negative.
        num_regions: how many regions were scored.
        num_positive: per type, how many of them have it.
    """

    exact_match: float
    auc: tuple[float | None, ...]
    num_regions: int
    num_positive: tuple[int, ...]

    @property
    def mean_auc(self) -> float:
        """Mean over the types that have an AUC; nan where none has."""
        known = [value for value in self.auc if value is not None]
        return float(np.mean(known)) if known else float("nan")


def score_multilabel(
    probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray
) -> MultilabelScores:
    """Scores probabilities against labels that are all known.

    Args:
        probabilities: float [N, T].
        labels: int8 [N, T], 1 present, 0 absent.
        thresholds: float [T]; a type is said to be present above its threshold.

    Raises:
        ValueError: shapes differ, or a label is unknown.
    """
    if probabilities.shape != labels.shape or probabilities.shape[1:] != thresholds.shape:
        raise ValueError(
            "`probabilities` and `labels` must have the shape [N, T] and `thresholds` [T]. "
            f"Received: {probabilities.shape}, {labels.shape}, {thresholds.shape}"
        )
    if (labels == UNKNOWN).any():
        raise ValueError("Only complete regions can be scored. Received: unknown labels")
    return MultilabelScores(
        exact_match=exact_match(probabilities, labels, thresholds),
        auc=tuple(roc_auc(labels[:, t], probabilities[:, t]) for t in range(labels.shape[1])),
        num_regions=len(labels),
        num_positive=tuple(int(n) for n in (labels == 1).sum(axis=0)),
    )


def exactly_right(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """bool [N], the regions of which every type is right, from bool [N, T] both."""
    return (predicted == truth).all(axis=1)


def best_type_right(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [N], whether the type of highest probability is present; of equals the first counts.

    Args:
        probabilities: float [N, T].
        labels: int8 [N, T], 1 present.
    """
    best = probabilities.argmax(axis=1)
    return labels[np.arange(len(labels)), best] == PRESENT


def jaccard(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 [N], the types in both sets over those in either; 1 where both sets are empty.

    Args:
        predicted, truth: bool [N, T].
    """
    common, either = (predicted & truth).sum(axis=1), (predicted | truth).sum(axis=1)
    return np.divide(common, either, out=np.ones(len(common)), where=either > 0)


def exact_match(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> float:
    """Share of regions of which every type is right; nan where there is no region."""
    if len(labels) == 0:
        return float("nan")
    return float(exactly_right(probabilities > thresholds, labels == PRESENT).mean())


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve, None where only one class occurs."""
    if len(np.unique(labels)) < 2:
        return None
    return float(metrics.roc_auc_score(labels, scores))


def known_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """`roc_auc` over the rows where labels int8 [N] are known."""
    known = labels != UNKNOWN
    return roc_auc(labels[known] == PRESENT, scores[known])


def known_cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean cross-entropy of logits [N] where labels int8 [N] are known; nan if none is."""
    known = labels != UNKNOWN
    if not known.any():
        return float("nan")
    logits = logits.astype(np.float64)
    entropies = np.logaddexp(0, logits) - logits * (labels == PRESENT)
    return float(np.where(known, entropies, 0).sum() / known.sum())
