"""Do probabilities mean what they say? Reliability curve and expected calibration error.

Among patches given a probability of 0.7, a share of 0.7 should have the type. The probabilities
are binned, and each bin's mean probability is held against the share that has the type. The
paper reports no calibration; the error is that of Naeini et al., "Obtaining Well Calibrated
Probabilities Using Bayesian Binning" (AAAI 2015), for binary labels.
"""

import dataclasses

import numpy as np

NUM_BINS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Probabilities of one type against the truth, in B bins of equal width over [0, 1].

    Bin k holds the probabilities in (k / B, (k + 1) / B]: the upper edge belongs to a bin, as a
    type is predicted *above* its threshold. The first bin holds 0 as well.

    Attributes:
        mean_predicted: float64 [B], mean probability in each bin; nan where it is empty.
        share_present: float64 [B], share of its patches that have the type; nan where empty.
        counts: int64 [B], how many patches it holds.
    """

    mean_predicted: np.ndarray
    share_present: np.ndarray
    counts: np.ndarray


def reliability_curve(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS
) -> ReliabilityCurve:
    """The reliability curve of one type; of no patch, every bin is empty.

    Args:
        probabilities: float [N] in [0, 1].
        labels: int [N], 1 present, 0 absent; unknown ones must be left out.
        num_bins: how many bins.

    Raises:
        ValueError: shapes differ, a label is neither 0 nor 1, or a probability lies outside
            [0, 1].
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    _check(probabilities, labels, num_bins)
    bins = bins_of(probabilities, num_bins)
    counts = np.bincount(bins, minlength=num_bins)

    def means(values):
        sums = np.bincount(bins, values, minlength=num_bins)
        return np.divide(sums, counts, out=np.full(num_bins, np.nan), where=counts > 0)

    return ReliabilityCurve(means(probabilities), means(labels), counts)


def bins_of(probabilities: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """int [N], the bin from 0 to B - 1 that each probability lies in."""
    inner_edges = np.linspace(0, 1, num_bins + 1)[1:-1]
    return np.searchsorted(inner_edges, np.asarray(probabilities, np.float64), side="left")


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS
) -> float | None:
    """Mean over patches of |mean probability - share present| of their bin; None of no patch.

    In [0, 1], and 0 where every bin's mean probability is its share. The arguments are those of
    `reliability_curve`.
    """
    return curve_error(reliability_curve(probabilities, labels, num_bins))


def curve_error(curve: ReliabilityCurve) -> float | None:
    """The expected calibration error that a reliability curve shows; None where it is empty."""
    if not curve.counts.any():
        return None
    gaps = np.abs(curve.mean_predicted - curve.share_present)
    return float(np.average(gaps[curve.counts > 0], weights=curve.counts[curve.counts > 0]))


def _check(probabilities: np.ndarray, labels: np.ndarray, num_bins: int) -> None:
    if num_bins < 1:
        raise ValueError(f"`num_bins` must be 1 or more. Received: {num_bins}")
    if probabilities.ndim != 1 or probabilities.shape != labels.shape:
        raise ValueError(
            "`probabilities` and `labels` must both have the shape [N]. "
            f"Received: {probabilities.shape} and {labels.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            "`labels` must be 0 or 1; leave unknown ones out. "
            f"Received: {np.unique(labels).tolist()}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("`probabilities` must lie in [0, 1]. Received: one outside, or nan")


def curves_by_type(probabilities: np.ndarray, labels: np.ndarray) -> tuple[ReliabilityCurve, ...]:
    """The curve of each type, from probabilities [N, T] and labels [N, T] that are all known."""
    types = range(probabilities.shape[1])
    return tuple(reliability_curve(probabilities[:, t], labels[:, t]) for t in types)
