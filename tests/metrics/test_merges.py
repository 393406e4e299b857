"""Merged and split regions, all hand-derived."""

import numpy as np
import pytest

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections
from rbc_tf.metrics import merges
from rbc_tf.metrics.merges import MergeCounts

_NONE = MergeCounts(0, 0, 0, 0)


def _count(truth, found, score_threshold=0.5):
    array = np.array(found, np.float32).reshape(-1, 5)
    detections = Detections(array[:, :4], array[:, 4])
    return merges.count_merges([detections], [boxes.as_boxes(truth)], score_threshold)


def test_one_detection_over_two_regions():
    # IoU with each 100 / 220 = 0.45: it takes neither, and both are missed.
    truth = [[0, 0, 10, 10], [0, 12, 10, 22]]
    assert _count(truth, [[0, 0, 10, 22, 0.9]]) == MergeCounts(1, 2, 0, 0)


def test_a_detection_that_takes_one_of_the_regions_it_covers():
    # IoU with the larger 200 / 280 = 0.71: it is found, the other is lost in the merge.
    truth = [[0, 0, 10, 20], [0, 20, 10, 28]]
    assert _count(truth, [[0, 0, 10, 28, 0.9]]) == MergeCounts(1, 1, 0, 0)


def test_a_covered_region_with_a_detection_of_its_own_is_not_merged():
    truth = [[0, 0, 10, 20], [0, 20, 10, 28]]
    assert _count(truth, [[0, 0, 10, 28, 0.9], [0, 20, 10, 28, 0.8]]) == _NONE


def test_less_than_half_of_a_neighbour_is_no_merge():
    # Of the second region 4 of 10 columns are covered; with the fifth it is half.
    truth = [[0, 0, 10, 10], [0, 10, 10, 20]]
    assert _count(truth, [[0, 0, 10, 14, 0.9]]) == _NONE
    assert _count(truth, [[0, 0, 10, 15, 0.9]]) == MergeCounts(1, 1, 0, 0)


def test_a_detection_far_too_large_for_one_region_is_no_merge():
    # IoU 90 / 200: wrong, and the region missed, but it covers no second one.
    assert _count([[0, 0, 10, 9]], [[0, 0, 10, 20, 0.9]]) == _NONE


def test_one_region_in_two_detections():
    # IoU of each 90 / 200 = 0.45: both are wrong.
    truth = [[0, 0, 10, 20]]
    found = [[0, 0, 10, 9, 0.9], [0, 11, 10, 20, 0.8]]
    assert _count(truth, found) == MergeCounts(0, 0, 1, 2)


def test_a_found_region_with_a_part_of_it_found_again():
    truth = [[0, 0, 10, 20]]
    found = [[0, 0, 10, 20, 0.9], [0, 0, 10, 8, 0.8]]
    assert _count(truth, found) == MergeCounts(0, 0, 1, 1)


def test_one_piece_alone_is_no_split():
    assert _count([[0, 0, 10, 20]], [[0, 0, 10, 9, 0.9]]) == _NONE


def test_a_region_in_the_box_of_another_is_neither():
    # A bent clump's box may hold a cell that does not belong to it.
    truth = [[0, 0, 20, 20], [0, 0, 8, 8]]
    assert _count(truth, [[0, 0, 20, 20, 0.9], [0, 0, 8, 8, 0.8]]) == _NONE


def test_detections_below_the_threshold_do_not_count():
    truth = [[0, 0, 10, 20]]
    found = [[0, 0, 10, 9, 0.9], [0, 11, 10, 20, 0.3]]
    assert _count(truth, found) == _NONE
    assert _count(truth, found, score_threshold=0.3) == MergeCounts(0, 0, 1, 2)


@pytest.mark.parametrize(
    ("truth", "found"),
    [([], []), ([[0, 0, 5, 5]], []), ([], [[0, 0, 5, 5, 0.9]]), ([[0, 0, 5, 5]],) * 2],
    ids=["nothing", "missed", "no truth", "found"],
)
def test_zero_and_one(truth, found):
    assert _count(truth, [[*row[:4], 0.9] for row in found]) == _NONE


def test_images_add_up_and_no_image_is_no_error():
    truth = boxes.as_boxes([[0, 0, 10, 10], [0, 12, 10, 22]])
    over_both = Detections(boxes.as_boxes([[0, 0, 10, 22]]), np.array([0.9], np.float32))
    assert merges.count_merges([over_both] * 3, [truth] * 3) == MergeCounts(3, 6, 0, 0)
    assert merges.count_merges([], []) == _NONE
    with pytest.raises(ValueError, match="shorter"):
        merges.count_merges([over_both], [])
