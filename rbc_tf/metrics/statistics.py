"""Scores of weighted rows: shares and areas under the ROC curve.

A statistic takes weights float64 [R, U] of U units of rows (see `bootstrap`) and gives K scores
float64 [R, K] for each of the R vectors of weights, nan where a score is not defined.
"""

from collections.abc import Callable

import numpy as np

Statistic = Callable[[np.ndarray], np.ndarray]


def shares(
    values: np.ndarray, unit_of_row: np.ndarray, counted: np.ndarray | None = None
) -> Statistic:
    """Shares of rows: of each column, how much of the counted weight is True.

    Args:
        values: bool [N, K].
        unit_of_row: int [N].
        counted: bool [N, K], the rows that count; all where None.
    """
    counted = np.ones_like(values) if counted is None else counted
    total = _sum_by_unit(counted, unit_of_row)
    true = _sum_by_unit(counted & values, unit_of_row)
    return lambda weights: _divide(weights @ true, weights @ total)


def area(scores: np.ndarray, truth: np.ndarray, unit_of_row: np.ndarray) -> Statistic:
    """The area under the ROC curve; nan where positives or negatives have no weight.

    It is the share of the weight of (positive, negative) pairs in which the positive scores
    higher, equal scores counting half (Mann and Whitney). The pairs are counted once for each two
    units; the weight of a pair is the product of its units' weights.

    Args:
        scores: float [N].
        truth: bool [N].
        unit_of_row: int [N].
    """
    positive = _sum_by_unit(truth[:, None], unit_of_row)[:, 0]
    negative = _sum_by_unit(~truth[:, None], unit_of_row)[:, 0]
    won = _pairs_won(scores, truth, unit_of_row)

    def statistic(weights: np.ndarray) -> np.ndarray:
        used = weights.any(axis=0)
        kept = weights[:, used]
        wins = ((kept @ won[np.ix_(used, used)]) * kept).sum(axis=1)
        pairs = (kept @ positive[used]) * (kept @ negative[used])
        return _divide(wins, pairs)[:, None]

    return statistic


def together(*statistics: Statistic) -> Statistic:
    """The scores of several statistics side by side."""
    return lambda weights: np.concatenate([one(weights) for one in statistics], axis=1)


def rebalance(
    weights: np.ndarray, counts: np.ndarray, first: np.ndarray, share: float
) -> np.ndarray:
    """Weights [R, U] changed so that one kind of row makes up a given share of the total.

    In each resample anew, since resamples hold the kinds in different proportions.

    Args:
        weights: float64 [R, U].
        counts: float64 [U], rows of each unit.
        first: bool [U], units of that kind.
        share: what they shall make up, in (0, 1). Where one of the two kinds has no weight there
            is no such balance, and all weights are 0.
    """
    one = (weights[:, first] @ counts[first])[:, None]
    other = (weights[:, ~first] @ counts[~first])[:, None]
    both = (one > 0) & (other > 0)
    factors = np.where(first, _divide(share, one), _divide(1 - share, other))
    return np.where(both, weights * factors, 0)


def _pairs_won(scores: np.ndarray, truth: np.ndarray, unit_of_row: np.ndarray) -> np.ndarray:
    """float64 [U, U], pairs of a positive of the first unit that beats a negative of the second."""
    num_units = unit_of_row.max(initial=-1) + 1
    won = np.zeros((num_units, num_units))
    winners, unit_of_winner = scores[truth], unit_of_row[truth]
    for unit in np.unique(unit_of_row[~truth]):
        ranked = np.sort(scores[~truth & (unit_of_row == unit)])
        beaten = np.searchsorted(ranked, winners, "left") + np.searchsorted(
            ranked, winners, "right"
        )
        won[:, unit] = np.bincount(unit_of_winner, beaten / 2, num_units)
    return won


def _sum_by_unit(values: np.ndarray, unit_of_row: np.ndarray) -> np.ndarray:
    """float64 [U, K], the number of True values bool [N, K] in each unit."""
    num_units = unit_of_row.max(initial=-1) + 1
    columns = [np.bincount(unit_of_row, column, num_units) for column in values.T]
    return np.stack(columns, axis=1)


def _divide(numerator, denominator: np.ndarray) -> np.ndarray:
    """Their quotient, nan where the denominator is not above 0."""
    quotient = np.full(np.broadcast_shapes(np.shape(numerator), denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
