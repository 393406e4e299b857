"""Folds of whole groups that hold as much of everything as each other."""

import numpy as np

from rbc_tf.core.types import PRESENT, FeatureTable

# Starts that are compared, and passes over the units at most; each pass costs milliseconds.
_NUM_STARTS, _MAX_PASSES = 10, 50


def spread_evenly(table: FeatureTable, units: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """int [N], the fold of each row; rows, types and multi-cell regions are spread evenly.

    Args:
        table: the rows.
        units: [N], what must not be divided between folds: the group of each row, say. There are
            as many different ones as folds or more, and so no fold is empty.
        num_folds: how many folds.
        seed: of the draw.
    """
    names, unit_of_row = np.unique(units, return_inverse=True)
    present = table.labels == PRESENT
    kinds = [np.ones(len(table)), table.num_cells > 1, present.sum(axis=1) > 1, *present.T]
    counts = [np.bincount(unit_of_row, kind, len(names)) for kind in kinds]
    counts = np.stack([count for count in counts if count.any()], axis=1)
    rng = np.random.default_rng(seed)
    shares = counts / counts.sum(axis=0)
    drawn = [_spread(shares, num_folds, rng) for _ in range(_NUM_STARTS)]
    return min(drawn, key=lambda folds: _unevenness(shares, folds, num_folds))[unit_of_row]


def _spread(shares: np.ndarray, num_folds: int, rng: np.random.Generator) -> np.ndarray:
    """int [U], folds of units that spread each column of shares float64 [U, C] evenly.

    From a random start each unit in turn moves to where it fits best, until none moves. What falls
    is the sum of the squared shares of folds, least where all folds hold the same. A unit that is
    alone in its fold stays, since any other fold holds some of its columns: no fold gets empty.
    """
    folds = rng.permutation(len(shares)) % num_folds
    held = _held(shares, folds, num_folds)
    for _ in range(_MAX_PASSES):
        moved = False
        for unit in rng.permutation(len(shares)):
            held[folds[unit]] -= shares[unit]
            # |h + s|^2 - |h|^2 = 2 h.s + |s|^2, of which the last is the same for each fold.
            best = int(np.argmin(held @ shares[unit]))
            moved |= best != folds[unit]
            folds[unit] = best
            held[best] += shares[unit]
        if not moved:
            break
    return folds


def _unevenness(shares: np.ndarray, folds: np.ndarray, num_folds: int) -> float:
    return float(np.square(_held(shares, folds, num_folds)).sum())


def _held(shares: np.ndarray, folds: np.ndarray, num_folds: int) -> np.ndarray:
    """float64 [F, C], what each fold holds of each column."""
    return np.stack([shares[folds == fold].sum(axis=0) for fold in range(num_folds)])
