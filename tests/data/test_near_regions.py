"""Regions joined across a gap."""

import numpy as np
import pytest

from rbc_tf.core.types import Cell
from rbc_tf.data import near_regions, regions


def _mask():
    """Squares of 20 pixels with gaps of 3 and of 6 pixels between them, and one far away."""
    mask = np.zeros((100, 120), bool)
    mask[10:30, 10:30] = mask[10:30, 33:53] = mask[10:30, 59:79] = mask[70:90, 10:30] = True
    return mask


_CELLS = (Cell(20, 20, "Oval"), Cell(40, 20, "Elon"), Cell(20, 80, "Oval"))


@pytest.mark.parametrize(
    ("distance", "boxes"),
    [
        (2, [(10, 10, 30, 30), (10, 33, 30, 53), (10, 59, 30, 79), (70, 10, 90, 30)]),
        (3, [(10, 10, 30, 53), (10, 59, 30, 79), (70, 10, 90, 30)]),
        (5, [(10, 10, 30, 53), (10, 59, 30, 79), (70, 10, 90, 30)]),
        (6, [(10, 10, 30, 79), (70, 10, 90, 30)]),
    ],
)
def test_gaps_up_to_the_distance_are_joined(distance, boxes):
    found = near_regions.find_near_regions(_mask(), _CELLS, distance)
    assert [region.box for region in found] == boxes


def test_a_joined_region_holds_what_its_parts_hold():
    first, unlabelled, last = near_regions.find_near_regions(_mask(), _CELLS, 3)
    assert (first.types, first.num_cells, first.num_points) == (("Elon", "Oval"), 2, 2)
    assert (first.complete, first.area, first.touches_border) == (True, 800, False)
    assert (unlabelled.complete, last.complete) == (False, True)
    (joined, _) = near_regions.find_near_regions(_mask(), _CELLS, 6)
    assert (joined.num_cells, joined.num_points, joined.complete) == (3, 2, False)


def test_distance_zero_joins_none_and_a_full_mask_is_one():
    assert near_regions.find_near_regions(_mask(), _CELLS, 0) == regions.find_regions_in_mask(
        _mask(), _CELLS
    )
    assert len(near_regions.find_near_regions(np.ones((50, 50), bool), (), 5)) == 1


def test_dirt_is_no_bridge():
    mask = _mask()
    mask[18:21, 55:57] = True  # between the second and the third, too small for a region
    found = near_regions.find_near_regions(mask, _CELLS, 3)
    assert len(found) == 3
