import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.core import boxes

_edges = st.lists(
    st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 40)] * 2), min_size=0, max_size=5
)


def _make(rows):
    return boxes.as_boxes([(y, x, y + h, x + w) for y, x, h, w in rows])


def test_iou_by_hand():
    first = boxes.as_boxes([[0, 0, 10, 10]])
    # Half of each is shared: 50 / (100 + 100 - 50); next to each other: 0; the same: 1.
    others = boxes.as_boxes([[0, 5, 10, 15], [0, 10, 10, 20], [0, 0, 10, 10]])
    assert boxes.iou(first, others)[0].tolist() == pytest.approx([1 / 3, 0, 1])


@given(_edges, _edges)
def test_iou_is_symmetric_and_bounded(first, second):
    forth, back = boxes.iou(_make(first), _make(second)), boxes.iou(_make(second), _make(first))
    assert forth.shape == (len(first), len(second))
    np.testing.assert_allclose(forth, back.T)
    assert ((forth >= 0) & (forth <= 1)).all()


def test_empty_boxes_have_no_area_and_no_iou():
    empty = boxes.as_boxes([[5, 5, 5, 9], [5, 5, 3, 9]])
    assert boxes.area(empty).tolist() == [0, 0]
    assert boxes.iou(empty, empty).tolist() == [[0, 0], [0, 0]]


def test_pixels_as_shares():
    pixels = boxes.as_boxes([[10, 40, 50, 200]])
    shares = boxes.normalise(pixels, height=100, width=400)
    assert shares.tolist() == [[pytest.approx(v) for v in (0.1, 0.1, 0.5, 0.5)]]


def test_clip_and_points():
    cut = boxes.clip(boxes.as_boxes([[-5, 2, 30, 99]]), height=20, width=50)
    assert cut.tolist() == [[0, 2, 20, 50]]
    inside = boxes.contain_points(cut, np.array([[0, 2], [19.9, 49.9], [20, 10], [5, 1.9]]))
    assert inside.tolist() == [[True, True, False, False]]


def test_what_comes_within_a_pixel_of_the_border_touches_it():
    inner = [1.1, 1.1, 18.9, 48.9]
    cut = [[1, 5, 9, 9], [5, 1, 9, 9], [5, 5, 19, 9], [5, 5, 9, 49]]
    found = boxes.at_border(boxes.as_boxes([inner, *cut]), height=20, width=50)
    assert found.tolist() == [False, True, True, True, True]
    assert boxes.at_border(boxes.as_boxes([]), 20, 50).shape == (0,)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\[N, 4\]"):
        boxes.as_boxes([[1, 2, 3]])
    assert boxes.as_boxes([]).shape == (0, 4)
