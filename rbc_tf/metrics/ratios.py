"""Scores that are a sum over regions by another sum over them, subset by subset."""

from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.metrics import intervals
from rbc_tf.metrics.bootstrap import interval
from rbc_tf.metrics.classified import ClassifiedRegions, weights_of
from rbc_tf.metrics.statistics import ratio


class RatioScores:
    """Ratios over the same resamples, so that the difference of two is paired."""

    def __init__(
        self,
        regions: ClassifiedRegions,
        subsets: Sequence[str],
        num_resamples: int,
        seed: int = 0,
    ):
        """Draws the resamples.

        Args:
            regions: N of them.
            subsets: of `classified.SUBSETS`, of which each ratio is scored.
            num_resamples, seed: of the bootstrap by group.
        """
        bootstrap = regions.bootstrap(num_resamples, seed)
        self._units = bootstrap.unit_of_row
        self._groups = regions.groups
        self._rows = {subset: regions.rows_of(subset) for subset in subsets}
        self._weights = {subset: weights_of(subset, bootstrap) for subset in subsets}

    def means(
        self, name: str, values: np.ndarray, of_all: np.ndarray, of: Mapping[str, str]
    ) -> list[Score]:
        """Sum of `values` over sum of `of_all`, float [N] both; one score a subset."""
        statistic = ratio(values[:, None], of_all[:, None], self._units)
        scores = []
        for subset, weights in self._weights.items():
            found = statistic(weights)[:, 0]
            support = round(float(of_all[self._rows[subset]].sum()))
            score = Score(name, found[0], interval(found[1:]), {**of, "subset": subset}, support)
            scores.append(score)
        return scores

    def shares(
        self, name: str, counted: np.ndarray, of_all: np.ndarray, of: Mapping[str, str]
    ) -> list[Score]:
        """The same of counts int [N], whose ratio lies between 0 and 1.

        A share of 0 or 1, which no resampling can vary, has Wilson's interval instead, of as many
        as there are groups that something was counted in: regions of one group are alike.
        """
        return [
            self._with_wilson(score, self._rows[subset] & (np.asarray(of_all) > 0))
            for subset, score in zip(self._rows, self.means(name, counted, of_all, of), strict=True)
        ]

    def _with_wilson(self, score: Score, counted: np.ndarray) -> Score:
        if score.value not in (0, 1):
            return score
        num_groups = len(np.unique(self._groups[counted]))
        spread = intervals.wilson(int(score.value) * num_groups, num_groups)
        return Score(score.name, score.value, spread, score.of, score.support)
