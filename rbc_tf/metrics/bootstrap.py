"""Intervals by resampling groups.

Patches of one slide resemble one another: drawing patches as if each were independent makes
intervals too narrow. So whole groups are drawn, with replacement, as many as there are
(the cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8).

A resample is a weight for each row: how often its group was drawn. Rows of one group, one fold and
one kind (single-cell or not, several types or not) always have the same weight. They make one
*unit*, and scores are computed from counts per unit: no row is copied, none is sorted twice, and
thousands of resamples take no longer than a few matrix products.

What the intervals hold is the choice of images that were scored. The networks are trained once;
how much another training would differ is not in them.
"""

from collections.abc import Sequence

import numpy as np

# A score that fewer resamples define has no interval. A type that a single group holds is missing
# from about (1 - 1/G)^G = 0.37 of them, one that two groups hold from about 0.14: an interval
# needs two groups at least.
MIN_DEFINED = 0.8


class GroupBootstrap:
    """The same resamples of groups for every score, so that the difference of two is paired.

    Attributes:
        unit_of_row: int [N], the unit of each row.
        counts: float64 [U], rows of each unit.
        folds: int [U], the fold of each unit.
        kinds: bool [U, M], its kinds.
        weights: float64 [1 + R, U]; first the rows as they are, each once, then R resamples.
    """

    def __init__(
        self,
        groups: np.ndarray,
        folds: np.ndarray,
        kinds: np.ndarray,
        num_resamples: int = 2000,
        seed: int = 0,
    ):
        """Draws the resamples.

        Args:
            groups: str [N], the group of each row.
            folds: int [N], the fold of each row.
            kinds: bool [N, M], by which rows are selected or weighted.
            num_resamples: R; with 0 there are no intervals.
            seed: of the draw.

        Raises:
            ValueError: `num_resamples` is below 0, or there is no row to draw.
        """
        if num_resamples < 0 or (num_resamples and not len(groups)):
            raise ValueError(
                "`num_resamples` must be 0 or more, and 0 where there is no row. "
                f"Received: {num_resamples} of {len(groups)} rows"
            )
        group_of_row, drawn = draw_groups(groups, num_resamples, seed)
        units, unit_of_row, counts = np.unique(
            np.column_stack([group_of_row, folds, kinds]).astype(int),
            axis=0,
            return_inverse=True,
            return_counts=True,
        )
        self.unit_of_row = unit_of_row.reshape(-1)
        self.counts = counts.astype(np.float64)
        self.folds, self.kinds = units[:, 1], units[:, 2:].astype(bool)
        as_they_are = np.ones((1, drawn.shape[1]), drawn.dtype)
        self.weights = np.concatenate([as_they_are, drawn])[:, units[:, 0]].astype(np.float64)


def draw_groups(
    groups: Sequence[str] | np.ndarray, num_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Resamples of G groups, each of as many as there are, drawn with replacement.

    Returns:
        int [N], the group of each row from 0 to G - 1, and int64 [num_resamples, G], how often
        each group is in each resample.
    """
    names, group_of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if not len(names):
        return group_of_row, np.zeros((num_resamples, 0), np.int64)
    shares = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), shares, size=num_resamples)
    return group_of_row, drawn


def interval_of_ratio(
    numerators: np.ndarray, denominators: np.ndarray
) -> tuple[float, float] | None:
    """`interval` of the quotients of [R] and [R], undefined where a denominator is not above 0."""
    totals = np.asarray(denominators, np.float64)
    undefined = np.full_like(totals, np.nan)
    return interval(np.divide(numerators, totals, out=undefined, where=totals > 0))


def interval(replicates: np.ndarray) -> tuple[float, float] | None:
    """The 95 % percentile interval of replicates [R], nan where undefined.

    None where fewer than `MIN_DEFINED` of them are defined, or there is none.
    """
    defined = replicates[np.isfinite(replicates)]
    if not len(defined) or len(defined) < MIN_DEFINED * len(replicates):
        return None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
