"""Which images and regions are shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.figures import choice


def test_choice_takes_earlier_tiers_first():
    tiers = np.array([2, -1, 0, 1, 0, -1, 2])
    chosen = choice.by_tier(tiers, 4, seed=0)
    # Both of tier 0, the one of tier 1, and one of the two of tier 2; never those of -1.
    assert sorted(tiers[chosen]) == [0, 0, 1, 2]
    assert list(tiers[chosen]) == [0, 0, 1, 2]
    assert len(choice.by_tier(tiers, 99, seed=0)) == 5
    assert len(choice.by_tier(np.zeros(0, int), 3, seed=0)) == 0


def test_choice_follows_the_seed():
    tiers = np.zeros(50, int)
    np.testing.assert_array_equal(choice.by_tier(tiers, 9, 1), choice.by_tier(tiers, 9, 1))
    assert list(choice.by_tier(tiers, 9, 1)) != list(choice.by_tier(tiers, 9, 2))
    # Every candidate can be chosen: over many seeds each of 5 is first at times.
    assert {int(choice.by_tier(np.zeros(5, int), 1, seed)[0]) for seed in range(60)} == set(
        range(5)
    )


@given(
    tiers=st.lists(st.integers(-1, 3), max_size=30),
    count=st.integers(0, 10),
    seed=st.integers(0, 5),
)
def test_choice_leaves_nothing_better_behind(tiers, count, seed):
    tiers = np.array(tiers, int)
    chosen = choice.by_tier(tiers, count, seed)
    usable = np.sort(tiers[tiers >= 0])
    np.testing.assert_array_equal(tiers[chosen], usable[:count])
    assert len(set(chosen.tolist())) == len(chosen)


@pytest.mark.parametrize(
    ("num_first", "num_second", "expected"),
    [(9, 9, (3, 3)), (1, 9, (1, 5)), (9, 2, (4, 2)), (0, 0, (0, 0)), (2, 1, (2, 1))],
)
def test_halves_make_up_for_each_other(num_first, num_second, expected):
    first = np.array([0] * num_first + [-1] * num_second, int)
    second = np.array([-1] * num_first + [0] * num_second, int)
    chosen = choice.halves(first, second, count=6, of_first=3, seed=0)
    is_first = chosen < num_first
    assert (is_first.sum(), (~is_first).sum()) == expected
    assert list(is_first) == sorted(is_first, reverse=True)


def test_tiers_of_regions():
    labels = np.array([[1, 1], [1, 0], [0, 1], [1, 1], [1, -1]], np.int8)
    tiers = choice.cell_tiers(
        np.array([2, 3, 1, 2, 2]), labels, np.array([True, True, True, False, True])
    )
    # several cells of two types; of one type; one cell; not usable; one known type only
    np.testing.assert_array_equal(tiers, [0, 1, 2, -1, 1])


def test_the_best_image():
    # Most multi-cell regions: 4, twice; of these the second has more regions in all.
    assert choice.best_image(np.array([1, 4, 4, 0]), np.array([90, 20, 25, 99])) == 2
    assert choice.best_image(np.array([0, 0]), np.array([0, 0])) == 0
    with pytest.raises(ValueError, match="At least one image"):
        choice.best_image(np.zeros(0, int), np.zeros(0, int))
