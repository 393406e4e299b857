"""Which sets of types are predicted for which others: the confusion matrix of label sets."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSetConfusion:
    """How often each set of types was predicted for each true set.

    Attributes:
        sets: bool [K, T], the sets that are counted apart, most frequent in truth first; a set may
            be empty.
        counts: int64 [K + 1, K + 1], regions by true set (rows) and predicted set (columns); the
            last row and column are all other sets together.
        num_right: regions of which the set is right, whether it is counted apart or not.
    """

    sets: np.ndarray
    counts: np.ndarray
    num_right: int

    @property
    def num_regions(self) -> int:
        return int(self.counts.sum())


def confusion(truth: np.ndarray, predicted: np.ndarray, most: int) -> LabelSetConfusion:
    """Counts pairs of sets.

    Args:
        truth: bool [N, T], the types of each region.
        predicted: bool [N, T], the types predicted.
        most: how many sets are counted apart: the most frequent among true and predicted ones.

    Raises:
        ValueError: shapes differ, or `most` is below 1.
    """
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ValueError(
            "`truth` and `predicted` must have the same shape [N, T]. "
            f"Received: {truth.shape} and {predicted.shape}"
        )
    if most < 1:
        raise ValueError(f"`most` must be 1 or more. Received: {most}")
    num = len(truth)
    sets, which = np.unique(np.concatenate([truth, predicted]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    true_counts, predicted_counts = (
        np.bincount(part, minlength=len(sets)) for part in (which[:num], which[num:])
    )
    # Stable sorts: sets of equal counts keep the order of `unique`.
    shown = np.argsort(-(true_counts + predicted_counts), kind="stable")[:most]
    shown = shown[np.lexsort((-predicted_counts[shown], -true_counts[shown]))]
    place = np.full(len(sets), len(shown))
    place[shown] = np.arange(len(shown))
    counts = np.zeros((len(shown) + 1, len(shown) + 1), np.int64)
    np.add.at(counts, (place[which[:num]], place[which[num:]]), 1)
    right = int((which[:num] == which[num:]).sum())
    return LabelSetConfusion(sets[shown], counts, right)
