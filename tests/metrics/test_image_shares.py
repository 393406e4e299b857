"""Shares over images, on counts whose intervals are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rbc_tf.metrics import intervals
from rbc_tf.metrics.image_shares import ImageShares

_Z = stats.norm.ppf(0.975)


def _shares(rows):
    """Of one kind, from (regions of it, regions) of each image."""
    shares = ImageShares(1)
    for count, total in rows:
        shares.add(np.array([count]), total)
    return shares


def test_images_that_differ_by_far_count_once_each():
    """Two of four images are all abnormal: the share is one half, of four and not of 400."""
    shares = _shares([(100, 100), (100, 100), (0, 100), (0, 100)])
    assert shares.share(0) == 0.5
    # Residuals x - n / 2 are all 50: variance 4/3 * 4 * 50^2 / 400^2 = 1/12, that of 0.25 / 3.
    independent = 3 * (_Z / stats.t.ppf(0.975, 3)) ** 2
    expected = intervals.wilson(0.5 * independent, independent)
    assert shares.interval(0) == pytest.approx(expected, rel=1e-9)
    low, high = intervals.wilson(200, 400)
    assert shares.interval(0)[0] < low - 0.2
    assert shares.interval(0)[1] > high + 0.2


def test_images_that_are_as_unlike_as_chance_has_it_are_nearly_wilsons():
    draw = np.random.default_rng(0)
    rows = [(draw.binomial(50, 0.3), 50) for _ in range(2000)]
    low, high = _shares(rows).interval(0)
    expected = intervals.wilson(sum(count for count, _ in rows), 100_000)
    assert (low, high) == pytest.approx(expected, abs=0.0005)


def test_of_what_no_image_has_each_image_counts_once():
    independent = 5 * (_Z / stats.t.ppf(0.975, 4)) ** 2
    assert _shares([(0, 80)] * 5).interval(0) == pytest.approx(intervals.wilson(0, independent))
    assert _shares([(80, 80)] * 5).interval(0) == pytest.approx(
        intervals.wilson(independent, independent)
    )


def test_one_image_has_no_interval_and_none_no_share():
    assert _shares([(3, 8)]).interval(0) is None
    assert _shares([(3, 8)]).share(0) == 3 / 8
    assert _shares([]).share(0) is None
    assert _shares([(0, 0), (3, 8)]).num_images == 1


@given(
    st.lists(
        st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=2,
        max_size=30,
    )
)
def test_the_share_lies_in_its_interval_and_that_in_0_to_1(rows):
    shares = _shares(rows)
    low, high = shares.interval(0)
    assert 0 <= low <= shares.share(0) + 1e-12
    assert shares.share(0) - 1e-12 <= high <= 1
    assert math.isfinite(low)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Images whose own shares vary: 95 % of the intervals hold the mean, not 60 % as Wilson's."""
    draw = np.random.default_rng(1)
    held = wilsons = 0
    for _ in range(400):
        shares_of_images = draw.beta(3, 7, 12)
        rows = [(draw.binomial(80, share), 80) for share in shares_of_images]
        low, high = _shares(rows).interval(0)
        held += low <= 0.3 <= high
        low, high = intervals.wilson(sum(count for count, _ in rows), 12 * 80)
        wilsons += low <= 0.3 <= high
    assert 0.92 < held / 400 < 0.985
    assert wilsons / 400 < 0.6
