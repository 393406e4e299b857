import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays

from rbc_tf.metrics.label_sets import confusion


def _sets(*names):
    """bool [N, 2] of the types A and B, from texts such as 'AB', 'B' and ''."""
    return np.array([["A" in name, "B" in name] for name in names], bool).reshape(-1, 2)


def test_pairs_of_sets_are_counted():
    truth = _sets("A", "A", "A", "AB", "AB", "B")
    named = _sets("A", "A", "B", "A", "AB", "")
    found = confusion(truth, named, most=3)
    # Told apart: A (3 true, 3 named), AB (2, 1) and B (1, 1); '' (0, 1) is among the others.
    np.testing.assert_array_equal(found.sets, _sets("A", "AB", "B"))
    np.testing.assert_array_equal(
        found.counts, [[2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    )
    assert (found.num_right, found.num_regions) == (3, 6)


def test_what_is_right_among_the_others_counts():
    found = confusion(_sets("A", "A", "B"), _sets("A", "A", "B"), most=1)
    np.testing.assert_array_equal(found.counts, [[2, 0], [0, 1]])
    assert found.num_right == 3


def test_a_set_that_is_only_named_has_a_column():
    found = confusion(_sets("A", "A"), _sets("AB", "AB"), most=5)
    np.testing.assert_array_equal(found.sets, _sets("A", "AB"))
    np.testing.assert_array_equal(found.counts, [[0, 2, 0], [0, 0, 0], [0, 0, 0]])


def test_no_region():
    found = confusion(_sets(), _sets(), most=3)
    assert (found.sets.shape, found.counts.tolist(), found.num_right) == ((0, 2), [[0]], 0)


_PAIRS = strategies.integers(0, 12).flatmap(
    lambda n: strategies.tuples(*(arrays.arrays(bool, (n, 3)) for _ in range(2)))
)


@hypothesis.given(_PAIRS, strategies.integers(1, 9))
def test_every_region_is_counted_once(pair, most):
    truth, named = pair
    found = confusion(truth, named, most)
    assert found.num_regions == len(truth)
    assert found.num_right == (truth == named).all(axis=1).sum()
    assert np.trace(found.counts[:-1, :-1]) <= found.num_right
    for place, own in enumerate(found.sets):
        assert found.counts[place].sum() == (truth == own).all(axis=1).sum()
        assert found.counts[:, place].sum() == (named == own).all(axis=1).sum()


def test_bad_arguments():
    with pytest.raises(ValueError, match="same shape"):
        confusion(_sets("A"), _sets("A", "B"), 1)
    with pytest.raises(ValueError, match="`most` must be 1 or more"):
        confusion(_sets("A"), _sets("A"), 0)
