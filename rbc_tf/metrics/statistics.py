"""Scores of weighted rows: means, areas under curves, calibration errors.

A statistic takes weights float64 [R, U] of U units of rows (see `bootstrap`) and gives K scores
float64 [R, K] for each of the R vectors of weights, nan where a score is not defined.
"""

from collections.abc import Callable

import numpy as np

from rbc_tf.metrics import calibration

# So many numbers at once of rows times resamples: about 100 megabytes.
_MOST_NUMBERS = 4_000_000

Statistic = Callable[[np.ndarray], np.ndarray]


def shares(
    values: np.ndarray, unit_of_row: np.ndarray, counted: np.ndarray | None = None
) -> Statistic:
    """Weighted means of each column over the rows that count: of True and False, shares.

    Args:
        values: bool or float [N, K].
        unit_of_row: int [N].
        counted: bool [N, K], the rows that count; all where None.
    """
    counted = np.ones(values.shape, bool) if counted is None else counted
    return ratio(counted * values, counted, unit_of_row)


def ratio(numerators: np.ndarray, denominators: np.ndarray, unit_of_row: np.ndarray) -> Statistic:
    """Quotients of weighted sums [N, K]; nan where the denominator is not above 0."""
    above, below = (_sum_by_unit(part, unit_of_row) for part in (numerators, denominators))
    return lambda weights: _divide(weights @ above, weights @ below)


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


def average_precision(scores: np.ndarray, truth: np.ndarray, unit_of_row: np.ndarray) -> Statistic:
    """The area under precision against recall, in steps; nan where positives have no weight.

    Arguments as those of `area`. Each step to a higher recall counts with the precision reached
    there (scikit-learn's average precision), rows of equal scores together.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.inf))
    units, positive = unit_of_row[order], truth[order]

    def of_few(weights: np.ndarray) -> np.ndarray:
        per_row = weights[:, units]
        kept, right = np.cumsum(per_row, 1)[:, ends], np.cumsum(per_row * positive, 1)[:, ends]
        steps = np.diff(right, axis=1, prepend=0.0)
        precision = _divide(right, kept)
        total = np.where(steps > 0, precision * steps, 0).sum(axis=1)
        return _divide(total, right[:, -1] if len(ends) else np.zeros(len(weights)))

    def statistic(weights: np.ndarray) -> np.ndarray:
        at_once = max(1, _MOST_NUMBERS // max(len(order), 1))
        parts = [of_few(weights[i : i + at_once]) for i in range(0, len(weights), at_once)]
        return np.concatenate(parts)[:, None]

    return statistic


def calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, unit_of_row: np.ndarray
) -> Statistic:
    """The expected calibration error (see `calibration`); nan where nothing has weight.

    Args:
        probabilities: float [N] in [0, 1].
        truth: bool [N].
        unit_of_row: int [N].
    """
    in_bin = calibration.bins_of(probabilities)[:, None] == np.arange(calibration.NUM_BINS)
    columns = (in_bin * np.asarray(probabilities, np.float64)[:, None], in_bin & truth[:, None])
    predicted, present, counts = (_sum_by_unit(c, unit_of_row) for c in (*columns, in_bin))

    def statistic(weights: np.ndarray) -> np.ndarray:
        gaps = np.abs(weights @ predicted - weights @ present).sum(axis=1)
        return _divide(gaps, (weights @ counts).sum(axis=1))[:, None]

    return statistic


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
    """float64 [U, K], the sum of values bool or float [N, K] in each unit."""
    num_units = unit_of_row.max(initial=-1) + 1
    columns = [np.bincount(unit_of_row, column, num_units) for column in values.T]
    return np.stack(columns, axis=1)


def _divide(numerator, denominator: np.ndarray) -> np.ndarray:
    """Their quotient, nan where the denominator is not above 0."""
    quotient = np.full(np.broadcast_shapes(np.shape(numerator), denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
