"""Weighted scores and resamples of groups, against scikit-learn on rows that are repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from rbc_tf.metrics import bootstrap, statistics
from rbc_tf.metrics.bootstrap import GroupBootstrap


def draw(seed, count=40, num_groups=6):
    """Scores with many ties, and units."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, count) / 5
    truth = rng.random(count) < 0.4
    groups = np.array([f"g{n}" for n in rng.integers(0, num_groups, count)])
    folds = rng.integers(0, 2, count)
    kinds = rng.random((count, 2)) < 0.5
    return scores, truth, groups, folds, kinds


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_weighted_area_is_scikit_learns(seed):
    scores, truth, *_ = draw(seed)
    rng = np.random.default_rng(seed)
    units = rng.integers(0, 7, len(scores))
    # Weights of units, some of them 0; one vector leaves no positive.
    weights = rng.integers(0, 4, (5, units.max() + 1)) * rng.random((5, 1))
    weights[0, np.unique(units[truth])] = 0
    found = statistics.area(scores, truth, units)(weights)[:, 0]
    for value, of_row in zip(found, weights[:, units], strict=True):
        if not of_row[truth].any() or not of_row[~truth].any():
            assert np.isnan(value)
        else:
            expected = metrics.roc_auc_score(truth, scores, sample_weight=of_row)
            assert value == pytest.approx(expected)
    assert np.isnan(found[0])


def test_area_counts_pairs_and_halves_ties():
    # Pairs (positive, negative): 0.8 > 0.4, 0.8 > 0.1, 0.4 = 0.4 (half), 0.4 > 0.1. With twice the
    # weight on the second unit, 0.4 = 0.4 counts 4 half pairs of 1 + 2 + 2 + 4 = 9:
    # 0.8 > 0.1 is within unit 0 (1), 0.8 > 0.4 across (2), 0.4 > 0.1 across (2), together 7.
    scores, truth = np.array([0.8, 0.1, 0.4, 0.4]), np.array([True, False, True, False])
    area = statistics.area(scores, truth, np.array([0, 0, 1, 1]))
    found = area(np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))[:, 0]
    assert found[:3] == pytest.approx([3.5 / 4, 7 / 9, 1.0])
    assert np.isnan(found[3])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows_have_shares_and_no_area(count):
    values = np.array([[True], [False]])[:count]
    units = np.zeros(count, int)
    weights = np.ones((1, 1 if count else 0))
    shares = statistics.shares(values, units)(weights)[0, 0]
    area = statistics.area(np.zeros(count), values[:, 0], units)(weights)[0, 0]
    assert [shares, area] == pytest.approx(
        [[np.nan, np.nan], [1, np.nan], [0.5, 0.5]][count], nan_ok=True
    )


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_shares_are_weighted_means_of_what_counts(seed):
    rng = np.random.default_rng(seed)
    values, counted = rng.random((2, 20, 3)) < 0.5
    counted[:, 0], counted[:, 1] = True, False
    units = rng.integers(0, 5, 20)
    weights = rng.random((4, units.max() + 1))
    found = statistics.shares(values, units, counted)(weights)
    for row, of_row in zip(found, weights[:, units], strict=True):
        assert row[0] == pytest.approx(np.average(values[:, 0], weights=of_row))
        assert np.isnan(row[1])
        if counted[:, 2].any():
            expected = np.average(values[counted[:, 2], 2], weights=of_row[counted[:, 2]])
            assert row[2] == pytest.approx(expected)


def test_rebalanced_weights_have_the_share():
    # Unit 0 holds 3 single cells, unit 1 one, unit 2 holds 2 multi-cell regions.
    counts, single = np.array([3.0, 1.0, 2.0]), np.array([True, True, False])
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    found = statistics.rebalance(weights, counts, single, 0.25)
    # First: 4 single rows share 0.25, 2 others 0.75. Second: 6 (3 rows twice) and 2.
    expected = [[0.25 / 4, 0.25 / 4, 0.75 / 2], [0.5 / 6, 0, 0.75 / 2], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("seed", range(3))
def test_replicates_are_scores_of_repeated_rows(seed):
    scores, truth, groups, folds, kinds = draw(seed)
    resampled = GroupBootstrap(groups, folds, kinds, num_resamples=50, seed=seed)
    found = statistics.area(scores, truth, resampled.unit_of_row)(resampled.weights)[:, 0]
    assert found[0] == pytest.approx(metrics.roc_auc_score(truth, scores))
    of_row = resampled.weights[:, resampled.unit_of_row]
    for value, times in zip(found[1:], of_row[1:].astype(int), strict=True):
        for group in set(groups):
            assert len(set(times[groups == group])) == 1
        rows = np.repeat(np.arange(len(scores)), times)
        assert value == pytest.approx(metrics.roc_auc_score(truth[rows], scores[rows]))


def test_units_keep_folds_and_kinds_apart():
    _, _, groups, folds, kinds = draw(0)
    resampled = GroupBootstrap(groups, folds, kinds, num_resamples=2)
    np.testing.assert_array_equal(resampled.folds[resampled.unit_of_row], folds)
    np.testing.assert_array_equal(resampled.kinds[resampled.unit_of_row], kinds)
    assert resampled.counts.sum() == len(groups)


def test_resamples_draw_groups_as_often_as_chance_says():
    # Two groups of one row, one True: two draws give the shares 0, 1/2, 1 with 1/4, 1/2, 1/4.
    values, groups = np.array([[True], [False]]), np.array(["a", "b"])
    resampled = GroupBootstrap(groups, np.zeros(2, int), np.ones((2, 1)), 4000, seed=3)
    found = statistics.shares(values, resampled.unit_of_row)(resampled.weights)[1:, 0]
    shares = [(found == value).mean() for value in (0, 0.5, 1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert bootstrap.interval(found) == (0, 1)
    again = GroupBootstrap(groups, np.zeros(2, int), np.ones((2, 1)), 4000, seed=3)
    np.testing.assert_array_equal(again.weights, resampled.weights)


def test_what_few_resamples_define_has_no_interval():
    # 0.025 of 1..100 lies 0.025 * 99 = 2.475 above the first (linear between order statistics).
    assert bootstrap.interval(np.arange(1.0, 101)) == pytest.approx((3.475, 97.525))
    assert bootstrap.interval(np.array([1.0] * 80 + [np.nan] * 20)) == (1, 1)
    assert bootstrap.interval(np.array([1.0] * 79 + [np.nan] * 21)) is None


def test_a_type_in_one_group_has_no_interval_and_one_in_two_has():
    groups = np.repeat([f"g{n}" for n in range(40)], 3)
    rng = np.random.default_rng(0)
    scores = rng.random(120)
    for held, defined in ((1, False), (2, True)):
        truth = np.isin(groups, [f"g{n}" for n in range(held)])
        resampled = GroupBootstrap(groups, np.zeros(120, int), np.ones((120, 1)))
        found = statistics.area(scores, truth, resampled.unit_of_row)(resampled.weights)[1:, 0]
        assert (bootstrap.interval(found) is not None) == defined


def test_without_resamples_there_are_no_intervals():
    without = GroupBootstrap(np.array(["a", "b"]), np.zeros(2, int), np.ones((2, 1)), 0)
    np.testing.assert_array_equal(without.weights, [[1, 1]])
    assert bootstrap.interval(without.weights[1:, 0]) is None
    of_nothing = GroupBootstrap(np.zeros(0, str), np.zeros(0, int), np.ones((0, 1)), 0)
    assert of_nothing.weights.shape == (1, 0)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="-1 of 1 rows"):
        GroupBootstrap(np.array(["a"]), np.zeros(1, int), np.ones((1, 1)), -1)
    with pytest.raises(ValueError, match="5 of 0 rows"):
        GroupBootstrap(np.zeros(0, str), np.zeros(0, int), np.ones((0, 1)), 5)
