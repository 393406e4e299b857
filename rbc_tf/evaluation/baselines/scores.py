"""Scores of the baselines beside the chain's: numbers of cells found, and types predicted.

Only regions of which every cell is labelled are scored. Where the number of cells was estimated
from a region's shape (`data.cell_count`), a region counts as such if its labelled cells account
for the estimate; the true number of cells is always that of the labelled cells.
"""

import dataclasses

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.metrics import region_scores
from rbc_tf.metrics.classified import SUBSETS, ClassifiedRegions
from rbc_tf.metrics.ratios import RatioScores


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedRegions:
    """What each method finds in each region and predicts for it, with the truth.

    Attributes:
        names: T names of the cell types.
        images, groups: str [N], the image of each region and its group.
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in source-image pixels.
        labels: int8 [N, T], 1 present, 0 absent; nothing unknown.
        num_cells: int [N], labelled cells.
        found: int [N] by method, the number of segments.
        apart: int [N] by method, how many labelled cells have a segment of their own.
        predicted: bool [N, T] by classifier, the types predicted.
    """

    names: tuple[str, ...]
    images: np.ndarray
    groups: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    num_cells: np.ndarray
    found: dict[str, np.ndarray]
    apart: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.images)

    def of_classifier(self, name: str) -> ClassifiedRegions:
        """The regions as one of the classifiers has them."""
        return ClassifiedRegions(
            names=self.names,
            labels=self.labels,
            num_cells=self.num_cells,
            groups=self.groups,
            predicted=self.predicted[name],
        )


def score_baselines(
    regions: ComparedRegions, chain: str, num_resamples: int = 2000, seed: int = 0
) -> tuple[Score, ...]:
    """Scores every method and classifier on every subset of the regions.

    Args:
        regions: complete regions, one at least.
        chain: the classifier with which the others are compared.
        num_resamples, seed: of the bootstrap by group.

    Returns:
        'num_regions' and 'num_groups' of each 'subset'; of each 'method', how often it finds the
        right number of cells; of each 'classifier', all that `metrics.region_scores` registers, and
        of 'CHAIN - CLASSIFIER' the difference of exact match, paired.

    Raises:
        ValueError: there is no region, one is incomplete, or `num_resamples` is below 1.
    """
    if not len(regions) or num_resamples < 1:
        raise ValueError(
            "One completely labelled region and one resample at least are required. "
            f"Received: {len(regions)} and {num_resamples}"
        )
    return (
        *_counts(regions),
        *_numbers_of_cells(regions, num_resamples, seed),
        *_exact_matches(regions, chain, num_resamples, seed),
        *_other_scores(regions, num_resamples, seed),
    )


def _counts(regions: ComparedRegions) -> list[Score]:
    classified = regions.of_classifier(next(iter(regions.predicted)))
    counts = []
    for subset in SUBSETS:
        rows, of = classified.rows_of(subset), {"subset": subset}
        counts.append(Score("num_regions", int(rows.sum()), of=of))
        counts.append(Score("num_groups", len(np.unique(regions.groups[rows])), of=of))
    return counts


def _numbers_of_cells(regions: ComparedRegions, num_resamples: int, seed: int) -> list[Score]:
    """How often each method finds as many cells as there are, and others; cells apart.

    The first four are shares of the regions and add up to 1; 'cells_apart' is the share of the
    labelled cells that have a segment of their own.
    """
    ratios = _ratios(regions, num_resamples, seed)
    each = np.ones(len(regions))
    scores = []
    for method, found in regions.found.items():
        excess = found - regions.num_cells
        parts = {
            "exact": (excess == 0, each),
            "one_more": (excess == 1, each),
            "one_fewer": (excess == -1, each),
            "other": (np.abs(excess) > 1, each),
            "cells_apart": (regions.apart[method], regions.num_cells),
        }
        for name, (counted, of_all) in parts.items():
            scores += ratios.shares(name, counted, of_all, {"method": method})
    return scores


def _exact_matches(
    regions: ComparedRegions, chain: str, num_resamples: int, seed: int
) -> list[Score]:
    """Exact match of each classifier, and that of the chain less each other's."""
    ratios = _ratios(regions, num_resamples, seed)
    each = np.ones(len(regions))
    right = {
        name: region_scores.exact_match(regions.of_classifier(name)) for name in regions.predicted
    }
    scores = []
    for name, values in right.items():
        scores += ratios.shares("exact_match", values, each, {"classifier": name})
    for name, values in right.items():
        if name != chain:
            gain = right[chain].astype(float) - values
            scores += ratios.means("exact_match", gain, each, {"classifier": f"{chain} - {name}"})
    return scores


def _other_scores(regions: ComparedRegions, num_resamples: int, seed: int) -> list[Score]:
    return [
        score.at(classifier=name)
        for name in regions.predicted
        for score in region_scores.score_regions(
            regions.of_classifier(name), SUBSETS, num_resamples, seed, without=("exact_match",)
        )
        if not isinstance(score.value, int)  # counts of regions, of all classifiers the same
    ]


def _ratios(regions: ComparedRegions, num_resamples: int, seed: int) -> RatioScores:
    classified = regions.of_classifier(next(iter(regions.predicted)))
    return RatioScores(classified, SUBSETS, num_resamples, seed)
