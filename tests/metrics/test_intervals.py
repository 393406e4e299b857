"""Wilson's interval, by hand and at its ends."""

import pytest

from rbc_tf.metrics import intervals


def test_by_hand():
    """Of 5 in 10: half of 1.96 sqrt(1 / 40 + 1.96^2 / 400) / (1 + 1.96^2 / 10) around a half."""
    low, high = intervals.wilson(5, 10)
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-4)


@pytest.mark.parametrize("total", [1, 7, 10, 13, 1000])
def test_of_none_and_of_all_one_end_is_the_share_itself(total):
    assert intervals.wilson(0, total)[0] == 0
    assert intervals.wilson(total, total)[1] == 1


def test_nothing_counted_and_nonsense():
    assert intervals.wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match=r"Received: 3 of 2"):
        intervals.wilson(3, 2)
