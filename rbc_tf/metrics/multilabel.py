"""Rows of multi-label predictions against the truth: what a score is a mean, or an area, of."""

import numpy as np
from sklearn import metrics

from rbc_tf.core.types import PRESENT, UNKNOWN

# Above it a type is present (the paper: Six networks).
PLAIN_THRESHOLD = 0.5

# A probability of 0 for what is there would cost infinitely much.
_LEAST = 1e-7


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


def cross_entropies(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [N, T], -log of the probability given to what is true; nan where that is unknown.

    Args:
        probabilities: float [N, T].
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown.
    """
    given = np.asarray(probabilities, np.float64)
    of_truth = np.where(labels == PRESENT, given, 1 - given)
    return np.where(labels == UNKNOWN, np.nan, -np.log(np.maximum(of_truth, _LEAST)))


def hardest(losses: np.ndarray, most: int) -> np.ndarray:
    """int [M], rows of the M <= `most` highest losses [N], highest first; those of nan left out."""
    order = np.argsort(-losses, kind="stable")  # nan comes last
    return order[: min(most, int(np.isfinite(losses).sum()))]


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve of scores float [N], None where only one class occurs."""
    if len(np.unique(truth)) < 2:
        return None
    return float(metrics.roc_auc_score(truth, scores))


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
