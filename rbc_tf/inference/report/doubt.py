"""How doubtful a region is: how near its probabilities come to a threshold."""

from collections.abc import Sequence

import numpy as np


def nearest_threshold(
    probabilities: np.ndarray, thresholds: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The type whose threshold a region comes closest to; the smaller the margin, the more doubt.

    Args:
        probabilities: [N, T], calibrated.
        thresholds: of the T types.

    Returns:
        float64 [N], the smallest |probability - threshold|, and int [N], the type it is of: the
        first where several are as near. Both are empty without regions.
    """
    margins = np.abs(
        np.asarray(probabilities, np.float64).reshape(-1, len(thresholds)) - thresholds
    )
    types = margins.argmin(axis=1)
    return margins[np.arange(len(margins)), types], types
