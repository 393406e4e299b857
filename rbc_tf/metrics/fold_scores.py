"""One score over folds: its mean, its spread, its value over all rows together, and intervals.

Two ways to sum up k folds, neither of them always better. The *mean over folds* compares within
each fold what one trained model said; a fold that lacks a type has no area under the ROC curve for
it, and the rarer the type the fewer folds speak. The *pooled* value ranks the rows of all folds
together; it uses every row, but ranks what differently calibrated models said: a type for which one
fold's model answers higher throughout than another's loses area, although each ranks its own rows
well. Exact match knows no such difference.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from rbc_tf.metrics.bootstrap import GroupBootstrap, interval
from rbc_tf.metrics.statistics import Statistic

# float64 [R, U] weights of units -> weights of the same shape, 0 for units that do not count.
Weighting = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Score:
    """One score; None stands for what is not defined, never a number.

    Attributes:
        mean: mean over the folds that define it.
        std: standard deviation (n - 1) over them, None where fewer than two do.
        num_folds: how many folds define it.
        mean_interval: 95 % interval of the mean.
        pooled: over the rows of all folds together.
        pooled_interval: 95 % interval of that.
        per_fold: of each fold.
    """

    mean: float | None
    std: float | None
    num_folds: int
    mean_interval: tuple[float, float] | None
    pooled: float | None
    pooled_interval: tuple[float, float] | None
    per_fold: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """K scores of the same rows with their resamples, nan where undefined.

    Attributes:
        per_fold: float64 [F, K].
        mean: float64 [K], over the folds that define each.
        mean_replicates: float64 [R, K], that mean in each resample.
        pooled: float64 [K].
        pooled_replicates: float64 [R, K].
    """

    per_fold: np.ndarray
    mean: np.ndarray
    mean_replicates: np.ndarray
    pooled: np.ndarray
    pooled_replicates: np.ndarray

    def minus(self, other: "Measured") -> "Measured":
        """Paired differences, fold by fold and resample by resample.

        Both must be of the same rows, so that both are defined in the same folds.
        """
        names = [field.name for field in dataclasses.fields(self)]
        return Measured(**{name: getattr(self, name) - getattr(other, name) for name in names})

    def average(self, columns: np.ndarray) -> "Measured":
        """The mean over the K scores that bool [K] names, as one score.

        A fold or a resample that lacks one of them has no average: an average over other scores
        could not be compared with the others. The mean over folds is that of the scores' means.
        """
        names = [field.name for field in dataclasses.fields(self)]
        values = {name: getattr(self, name)[..., columns] for name in names}
        if not columns.any():
            return Measured(**{n: np.full((*v.shape[:-1], 1), np.nan) for n, v in values.items()})
        return Measured(**{n: v.mean(axis=-1, keepdims=True) for n, v in values.items()})

    def scores(self) -> tuple[Score, ...]:
        return tuple(self._score(k) for k in range(len(self.pooled)))

    def _score(self, k: int) -> Score:
        folds = self.per_fold[:, k]
        defined = folds[np.isfinite(folds)]
        mean, pooled = _number(self.mean[k]), _number(self.pooled[k])
        return Score(
            mean=mean,
            std=float(defined.std(ddof=1)) if len(defined) > 1 else None,
            num_folds=len(defined),
            mean_interval=None if mean is None else interval(self.mean_replicates[:, k]),
            pooled=pooled,
            pooled_interval=None if pooled is None else interval(self.pooled_replicates[:, k]),
            per_fold=tuple(_number(value) for value in folds),
        )


def measure(statistic: Statistic, weigh: Weighting, bootstrap: GroupBootstrap) -> Measured:
    """Scores in each fold and over all folds together, with resamples.

    Args:
        statistic: K scores.
        weigh: selects or weights rows.
        bootstrap: of the rows that the statistic was made of.
    """
    in_fold = [bootstrap.folds == fold for fold in range(bootstrap.folds.max() + 1)]
    by_fold = np.stack([statistic(weigh(bootstrap.weights * here)) for here in in_fold])
    mean = _mean_of_defined(by_fold)
    pooled = statistic(weigh(bootstrap.weights))
    # The first vector of weights is the data as they are, the others are resamples.
    return Measured(by_fold[:, 0], mean[0], mean[1:], pooled[0], pooled[1:])


def side_by_side(parts: Sequence[Measured]) -> Measured:
    """Scores that were measured apart as one."""
    names = [field.name for field in dataclasses.fields(Measured)]
    columns = {name: [getattr(part, name) for part in parts] for name in names}
    return Measured(**{name: np.concatenate(c, axis=-1) for name, c in columns.items()})


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not nan; nan where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
