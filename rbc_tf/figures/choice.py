"""Which images and regions are shown: by stated rules, never by hand."""

import numpy as np


def by_tier(tiers: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Chooses from the first tier at random, from the next where that is not enough, and so on.

    Args:
        tiers: int [N], the tier of each candidate, 0 first; -1 for what may not be chosen.
        count: how many to choose at most.
        seed: the same seed chooses the same candidates.

    Returns:
        int64 [<= count], indices of those chosen, in the order of choice.
    """
    order = np.random.default_rng(seed).permutation(len(tiers))
    order = order[np.asarray(tiers)[order] >= 0]
    return order[np.argsort(np.asarray(tiers)[order], kind="stable")][:count]


def halves(
    first: np.ndarray, second: np.ndarray, count: int, of_first: int, seed: int
) -> np.ndarray:
    """Chooses `of_first` of one kind and the rest of another, each as `by_tier` does.

    Where one kind has too few, the other makes up for it.

    Args:
        first, second: int [N] each, tiers of the same N candidates in the two kinds.
        count: how many to choose at most.
        of_first: how many of them of the first kind.
        seed: of both.

    Returns:
        int64 [<= count], indices, the first kind first.
    """
    firsts, seconds = by_tier(first, count, seed), by_tier(second, count, seed)
    firsts = firsts[: max(of_first, count - len(seconds))]
    return np.concatenate([firsts, seconds[: count - len(firsts)]])


def cell_tiers(num_cells: np.ndarray, labels: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Tiers of regions, the hardest first.

    0 several cells of several types, 1 several cells of one type, 2 one cell.

    Args:
        num_cells: int [N].
        labels: int8 [N, T], 1 present.
        usable: bool [N], what may be chosen.

    Returns:
        int64 [N], -1 where not usable.
    """
    several = np.asarray(num_cells) > 1
    mixed = (np.asarray(labels) == 1).sum(axis=1) > 1
    return np.where(usable, np.where(several, np.where(mixed, 0, 1), 2), -1)


def best_image(complete_multi: np.ndarray, complete: np.ndarray) -> int:
    """The image with the most completely labelled multi-cell regions.

    Of equals the one with the most completely labelled regions, then the first.

    Args:
        complete_multi: int [N], such regions of each image.
        complete: int [N], all its completely labelled regions.

    Raises:
        ValueError: there is no image.
    """
    if len(complete) == 0:
        raise ValueError("At least one image is required. Received: none")
    return int(np.lexsort((-np.asarray(complete), -np.asarray(complete_multi)))[0])


BEST_IMAGE_RULE = (
    "chosen as the one with the most completely labelled multi-cell regions, of equals the one "
    "with the most completely labelled regions"
)
