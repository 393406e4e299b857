"""The type of highest probability of each region, right or not."""

import numpy as np

from rbc_tf.core.types import PRESENT


def best_is_right(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [N], whether the type of highest probability is present; of equals the first counts.

    Args:
        probabilities: float [N, T].
        labels: int8 [N, T].
    """
    best = probabilities.argmax(axis=1)
    return labels[np.arange(len(labels)), best] == PRESENT
