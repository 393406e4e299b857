"""One score over folds: its mean, its spread, its value over all rows together, and intervals.

Two ways to sum up k folds, neither of them always better. The *mean over folds* compares within
each fold what one trained model predicted; a fold that lacks a type has no area under the ROC curve
for it, and the rarer the type the fewer folds count. The *pooled* value ranks the rows of all folds
together; it uses every row, but ranks predictions of differently calibrated models: a type for
which one fold's model predicts higher probabilities throughout than another's loses area, although
each ranks its own rows well. Exact match knows no such difference.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rbc_tf.core.score import Interval, Score, title_of
from rbc_tf.metrics.bootstrap import GroupBootstrap, interval
from rbc_tf.metrics.statistics import Statistic

# How folds are summed up: what `of["aggregate"]` of a `Score` says. Of FOLD, `of["fold"]` has the
# number.
MEAN, DEVIATION, POOLED, FOLD = "mean_over_folds", "standard_deviation", "pooled", "fold"

# float64 [R, U] weights of units -> weights of the same shape, 0 for units that do not count.
Weighting = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class FoldScore:
    """One score over folds; None stands for what is not defined, never a number.

    Attributes:
        name, of: as those of `Score`.
        mean: mean over the folds that define it.
        std: standard deviation (n - 1) over them, None where fewer than two do.
        num_folds: how many folds define it.
        mean_interval: 95 % interval of the mean.
        pooled: over the rows of all folds together.
        pooled_interval: 95 % interval of that.
        per_fold: of each fold.
        support: how many rows the pooled value is a statistic of; None where not counted.
    """

    name: str
    mean: float | None
    std: float | None
    num_folds: int
    mean_interval: Interval | None
    pooled: float | None
    pooled_interval: Interval | None
    per_fold: tuple[float | None, ...]
    of: Mapping[str, str] = dataclasses.field(default_factory=dict)
    support: int | None = None

    @property
    def title(self) -> str:
        """What tables call the statistic."""
        return title_of(self.name)

    def scores(self) -> list[Score]:
        """The same as scores of an `aggregate`; those over folds are supported by folds."""
        aggregates = [
            (MEAN, self.mean, self.mean_interval, self.num_folds),
            (DEVIATION, self.std, None, self.num_folds),
            (POOLED, self.pooled, self.pooled_interval, self.support),
        ]
        summed_up = [
            Score(self.name, value, interval_, {**self.of, "aggregate": aggregate}, support)
            for aggregate, value, interval_, support in aggregates
        ]
        of_fold = {**self.of, "aggregate": FOLD}
        return summed_up + [
            Score(self.name, value, of={**of_fold, "fold": str(fold)})
            for fold, value in enumerate(self.per_fold)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A statistic over folds with its R resamples, nan where undefined.

    Attributes:
        by_fold: float64 [F, 1 + R]; first of the rows as they are.
        mean: float64 [1 + R], over the folds that define it.
        pooled: float64 [1 + R], of all folds together.
    """

    by_fold: np.ndarray
    mean: np.ndarray
    pooled: np.ndarray

    @property
    def per_fold(self) -> np.ndarray:
        """float64 [F], of the rows as they are."""
        return self.by_fold[:, 0]

    @property
    def defined(self) -> bool:
        """Whether one fold at least and all of them together have a value."""
        return bool(np.isfinite(self.mean[0]) and np.isfinite(self.pooled[0]))

    def minus(self, other: "Measured") -> "Measured":
        """Paired differences, fold by fold and resample by resample.

        Both must be of the same rows and no averages over scores. The mean is over the folds that
        define both: precision, say, is not defined of who predicted nothing.
        """
        by_fold = self.by_fold - other.by_fold
        return Measured(by_fold, _mean_of_defined(by_fold), self.pooled - other.pooled)

    def score(self, name: str, of: Mapping[str, str], support: int | None = None) -> FoldScore:
        """What is to be shown of it."""
        defined = self.per_fold[np.isfinite(self.per_fold)]
        mean, pooled = _number(self.mean[0]), _number(self.pooled[0])
        return FoldScore(
            name=name,
            mean=mean,
            std=float(defined.std(ddof=1)) if len(defined) > 1 else None,
            num_folds=len(defined),
            mean_interval=None if mean is None else interval(self.mean[1:]),
            pooled=pooled,
            pooled_interval=None if pooled is None else interval(self.pooled[1:]),
            per_fold=tuple(map(_number, self.per_fold)),
            of=dict(of),
            support=support,
        )


def measure(statistic: Statistic, weigh: Weighting, bootstrap: GroupBootstrap) -> Measured:
    """A statistic in each fold and over all folds together, with resamples.

    Args:
        statistic: of one score.
        weigh: selects or weights rows.
        bootstrap: of the rows that the statistic was computed from.
    """
    in_fold = [bootstrap.folds == fold for fold in range(bootstrap.folds.max() + 1)]
    by_fold = np.stack([statistic(weigh(bootstrap.weights * rows))[:, 0] for rows in in_fold])
    pooled = statistic(weigh(bootstrap.weights))[:, 0]
    return Measured(by_fold, _mean_of_defined(by_fold), pooled)


def average(parts: Sequence[Measured]) -> Measured:
    """The mean over several scores, undefined of none.

    A fold or a resample that lacks one of them has no average: an average over other scores could
    not be compared with the others. The mean over folds is that of the scores' means.
    """
    return Measured(
        *(
            np.mean([getattr(part, field.name) for part in parts], axis=0)
            for field in dataclasses.fields(Measured)
        )
    )


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not nan; nan where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
