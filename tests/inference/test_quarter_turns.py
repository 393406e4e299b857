"""Turned images hold the same patches, turned."""

import numpy as np
import pytest

from rbc_tf.inference import quarter_turns


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_box_holds_the_turned_patch(turns):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    boxes = np.float32([[2, 3, 9, 21], [0, 0, 20, 30]])
    turned, found = quarter_turns.turn(image, boxes, turns)
    for before, after in zip(boxes.astype(int), found.astype(int), strict=True):
        expected = np.rot90(_cut(image, before), turns)
        np.testing.assert_array_equal(_cut(turned, after), expected)


def _cut(image, box):
    ymin, xmin, ymax, xmax = box
    return image[ymin:ymax, xmin:xmax]


def test_without_a_turn_nothing_is_copied():
    image, boxes = np.zeros((4, 5, 3), np.uint8), np.zeros((0, 4), np.float32)
    same, as_well = quarter_turns.turn(image, boxes, 0)
    assert same is image
    assert as_well is boxes
    assert quarter_turns.turn(image, boxes, 3)[1].shape == (0, 4)


def test_turns_are_spread_over_the_circle():
    assert [list(quarter_turns.spread(count)) for count in (1, 2, 4)] == [[0], [0, 2], [0, 1, 2, 3]]
