"""Ratios over regions, by hand; their intervals are held against copied rows by the baselines."""

import numpy as np
import pytest

from rbc_tf.metrics import intervals
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.ratios import RatioScores


@pytest.fixture
def ratios():
    """Four regions of two groups, the last three of several cells."""
    regions = ClassifiedRegions(
        names=("Oval",),
        labels=np.ones((4, 1), np.int8),
        num_cells=np.array([1, 2, 2, 3]),
        groups=np.array(list("xxyy")),
        predicted=np.ones((4, 1), bool),
    )
    return RatioScores(regions, ("all", "multi_cell"), num_resamples=200)


def test_sums_are_divided_subset_by_subset(ratios):
    everything, multi = ratios.means("apart", np.array([1, 0, 2, 1]), np.array([1, 2, 2, 3]), {})
    assert (everything.name, everything.of, everything.support) == ("apart", {"subset": "all"}, 8)
    assert everything.value == 4 / 8
    assert (multi.value, multi.support, multi.of) == (3 / 7, 7, {"subset": "multi_cell"})
    # A quarter of the resamples each have group x or y alone: 1 of 3, and 3 of 5.
    assert everything.interval == pytest.approx((1 / 3, 3 / 5))


def test_shares_that_do_not_vary_have_wilsons_interval(ratios):
    none, all_ = (ratios.shares("right", np.full(4, n), np.ones(4), {})[0] for n in (0, 1))
    # Of two groups, however many regions they have.
    assert none.interval == intervals.wilson(0, 2)
    assert all_.interval == intervals.wilson(2, 2)
    none_of_one, _ = ratios.shares("right", np.zeros(4), np.array([0, 0, 1, 1]), {})
    assert none_of_one.interval == intervals.wilson(0, 1)
    # A mean may be negative: 0 is no end of its range.
    zero = ratios.means("gain", np.zeros(4), np.ones(4), {})[0]
    assert zero.interval == (0, 0)
