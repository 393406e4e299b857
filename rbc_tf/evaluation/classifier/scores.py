"""Scores of a classifier on completely labelled regions that it has not learnt from."""

from rbc_tf.core.score import Score
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.region_scores import score_regions


def score_classification(
    regions: ClassifiedRegions, num_resamples: int = 2000, seed: int = 0
) -> list[Score]:
    """Every score of regions, with 95 % intervals by resampling their groups.

    Raises:
        ValueError: there is no region, or a label is unknown.
    """
    if not len(regions):
        raise ValueError("At least one completely labelled region is required. Received: none")
    return [
        Score("num_groups", len(set(regions.groups.tolist()))),
        *score_regions(regions, num_resamples=num_resamples, seed=seed),
    ]
