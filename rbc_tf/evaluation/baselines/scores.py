"""Scores of the baselines beside the chain's: cells told apart, and types named.

Only regions of which every cell is labelled are scored. Where the number of cells was estimated
from a region's shape (`data.cell_count`), a region counts as such if its labelled cells account
for the estimate; the true number of cells is always that of the labelled cells.
"""

import dataclasses

import numpy as np

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics import intervals
from rbc_tf.metrics.bootstrap import draw_groups, interval_of_ratio

# What is scored: regions of one cell, of several, and with two true types or more.
SINGLE, MULTI, SEVERAL_TYPES = "single_cell", "multi_cell", "several_types"
SUBSETS = (SINGLE, MULTI, SEVERAL_TYPES)


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedRegions:
    """What each method said of each region, with the truth.

    Attributes:
        names: T names of the cell types.
        images, groups: str [N], the image of each region and its group.
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in source-image pixels.
        labels: int8 [N, T], 1 present, 0 absent; nothing unknown.
        num_cells: int [N], labelled cells.
        found: int [N] by method, the number of segments.
        apart: int [N] by method, how many labelled cells have a segment of their own.
        said: bool [N, T] by classifier, the types named.
    """

    names: tuple[str, ...]
    images: np.ndarray
    groups: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    num_cells: np.ndarray
    found: dict[str, np.ndarray]
    apart: dict[str, np.ndarray]
    said: dict[str, np.ndarray]

    def __post_init__(self):
        if (self.labels == UNKNOWN).any():
            raise ValueError("Only complete regions can be scored. Received: unknown labels")

    def __len__(self) -> int:
        return len(self.images)

    def rows_of(self, subset: str) -> np.ndarray:
        """int [n], the rows of one of SUBSETS."""
        several = (self.labels == PRESENT).sum(axis=1) > 1
        chosen = {SINGLE: self.num_cells == 1, MULTI: self.num_cells > 1, SEVERAL_TYPES: several}
        return np.flatnonzero(chosen[subset])


@dataclasses.dataclass(frozen=True)
class Share:
    """How many of how many.

    Attributes:
        count, total: both counted over regions, or over cells.
        value: None where the total is 0.
        interval: 95 %, by bootstrap over groups; of a share of 0 or 1, which no resampling can
            vary, Wilson's instead. None where it is not defined.
    """

    count: int
    total: int
    value: float | None
    interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class CountScores:
    """How often a method found the right number of cells in a region.

    Attributes:
        exact, one_more, one_fewer, other: shares of the regions, together all of them.
        cells_apart: share of the labelled cells that have a segment of their own.
    """

    exact: Share
    one_more: Share
    one_fewer: Share
    other: Share
    cells_apart: Share


@dataclasses.dataclass(frozen=True)
class Difference:
    """Exact match of one classifier minus another's on the same regions, paired."""

    first: str
    second: str
    value: float | None
    interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class BaselineScores:
    """All scores.

    Attributes:
        num_regions: by subset.
        num_groups: of all scored regions.
        num_resamples: of the bootstrap.
        counts: by method and subset.
        exact_match: by classifier and subset, regions of which exactly the true types were named.
        differences: by subset, of the chain from each other classifier.
    """

    num_regions: dict[str, int]
    num_groups: int
    num_resamples: int
    counts: dict[str, dict[str, CountScores]]
    exact_match: dict[str, dict[str, Share]]
    differences: dict[str, tuple[Difference, ...]]


def score_baselines(
    regions: ComparedRegions, chain: str, num_resamples: int = 2000, seed: int = 0
) -> BaselineScores:
    """Scores what each method said.

    Args:
        regions: complete regions, one at least.
        chain: the classifier that the others are compared with.
        num_resamples, seed: of the bootstrap by group.

    Raises:
        ValueError: there is no region, or `num_resamples` is below 1.
    """
    if not len(regions) or num_resamples < 1:
        raise ValueError(
            "One completely labelled region and one resample at least are required. "
            f"Received: {len(regions)} and {num_resamples}"
        )
    resamples = _Resamples(regions.groups, num_resamples, seed)
    rows = {subset: regions.rows_of(subset) for subset in SUBSETS}
    right = {name: _right(regions, said) for name, said in regions.said.items()}
    return BaselineScores(
        num_regions={subset: len(rows[subset]) for subset in SUBSETS},
        num_groups=resamples.num_groups,
        num_resamples=num_resamples,
        counts={
            method: {subset: _counts(regions, method, rows[subset], resamples) for subset in rows}
            for method in regions.found
        },
        exact_match={
            name: {subset: _share(values, rows[subset], resamples) for subset in rows}
            for name, values in right.items()
        },
        differences={
            subset: tuple(
                _difference(right, chain, other, rows[subset], resamples)
                for other in right
                if other != chain
            )
            for subset in rows
        },
    )


def _right(regions: ComparedRegions, said: np.ndarray) -> np.ndarray:
    """bool [N], regions of which exactly the true types were named."""
    return (said == (regions.labels == PRESENT)).all(axis=1)


def _counts(
    regions: ComparedRegions, method: str, rows: np.ndarray, resamples: "_Resamples"
) -> CountScores:
    excess = regions.found[method] - regions.num_cells
    return CountScores(
        exact=_share(excess == 0, rows, resamples),
        one_more=_share(excess == 1, rows, resamples),
        one_fewer=_share(excess == -1, rows, resamples),
        other=_share(np.abs(excess) > 1, rows, resamples),
        cells_apart=_share(regions.apart[method], rows, resamples, of=regions.num_cells),
    )


def _share(
    counts: np.ndarray, rows: np.ndarray, resamples: "_Resamples", of: np.ndarray | None = None
) -> Share:
    """Sum of `counts` over sum of `of`, the number of rows where that is left out."""
    part = counts[rows].astype(np.float64)
    whole = np.ones(len(rows)) if of is None else of[rows].astype(np.float64)
    count, total = int(part.sum()), int(whole.sum())
    if not total:
        return Share(0, 0, None, None)
    if count in (0, total):
        return Share(count, total, count / total, intervals.wilson(count, total))
    spread = resamples.interval_of_ratio(part, whole, rows)
    return Share(count, total, count / total, spread)


def _difference(
    right: dict[str, np.ndarray],
    first: str,
    second: str,
    rows: np.ndarray,
    resamples: "_Resamples",
) -> Difference:
    if not len(rows):
        return Difference(first, second, None, None)
    gain = right[first][rows].astype(np.float64) - right[second][rows]
    spread = resamples.interval_of_ratio(gain, np.ones(len(rows)), rows)
    return Difference(first, second, float(gain.mean()), spread)


class _Resamples:
    """Groups drawn with replacement, as many as there are; the same draws for every score."""

    def __init__(self, groups: np.ndarray, num_resamples: int, seed: int):
        self._group_of_row, self._times_drawn = draw_groups(groups, num_resamples, seed)
        self.num_groups = self._times_drawn.shape[1]

    def interval_of_ratio(
        self, part: np.ndarray, whole: np.ndarray, rows: np.ndarray
    ) -> tuple[float, float] | None:
        """95 % interval of sum(part) / sum(whole), float [n] each, over the rows int [n]."""
        groups = self._group_of_row[rows]
        parts, wholes = (
            self._times_drawn @ np.bincount(groups, values, self.num_groups)
            for values in (part, whole)
        )
        return interval_of_ratio(parts, wholes)
