"""Which regions a classifier finds hardest: a wrong label, a rare shape, or a poor network."""

import numpy as np

from rbc_tf.core.types import PRESENT, UNKNOWN

# A probability of 0 for what is there would cost infinitely much.
_LEAST = 1e-7


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
