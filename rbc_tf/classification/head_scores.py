"""How well logits say what labels say, type by type."""

import numpy as np
from sklearn import metrics

from rbc_tf.core.types import PRESENT, UNKNOWN


def masked_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """float64 [T], mean cross-entropy of each type over the rows where it is known; NaN if none."""
    logits = logits.astype(np.float64)
    entropies = np.logaddexp(0, logits) - logits * (labels == PRESENT)
    known = labels != UNKNOWN
    counts = known.sum(axis=0)
    sums = np.where(known, entropies, 0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def aucs(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """float64 [T], area under the ROC curve of each type; NaN unless both classes are known."""
    found = np.full(labels.shape[1], np.nan)
    for head in range(labels.shape[1]):
        known = labels[:, head] != UNKNOWN
        truth = labels[known, head] == PRESENT
        if truth.any() and not truth.all():
            found[head] = metrics.roc_auc_score(truth, logits[known, head])
    return found
