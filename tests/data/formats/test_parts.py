"""Parts of a region lie together."""

import pytest

from rbc_tf.data.formats import parts

_LEFT, _RIGHT, _BETWEEN = (0, 0, 10, 10), (0, 40, 10, 50), (8, 15, 12, 36)


@pytest.mark.parametrize("found", [[], [_LEFT], [_LEFT, (2, 2, 3, 3)], [_LEFT, _RIGHT, _BETWEEN]])
def test_together(found):
    parts.check_together(found)


def test_apart():
    message = r"3 parts in 2 places; make each an annotation of its own \(so\)"
    with pytest.raises(ValueError, match=message):
        parts.check_together([_LEFT, (2, 15, 4, 17), _RIGHT], " (so)")
    parts.check_together([_LEFT] * 5000)  # of an outline with many holes
