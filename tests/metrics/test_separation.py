import numpy as np
import pytest
from scipy import ndimage

from rbc_tf.metrics.separation import assign_segments, have_own_segment, segment_boxes

REGIONS = np.array(
    [
        [1, 1, 1, 0, 0, 2, 2],
        [1, 1, 1, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0, 0],
    ]
)
SEGMENTS = np.array(
    [
        [1, 1, 2, 2, 2, 2, 2],  # 1 and 2 within region 1; 2 also joins it with region 2
        [1, 1, 2, 0, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 0],
        [3, 3, 3, 0, 4, 4, 0],  # 3 reaches out of region 3; 4 lies on the background
    ]
)


def test_segments_belong_where_most_of_them_lies():
    # Segment 2 has two pixels in region 1 and four in region 2.
    assert assign_segments(SEGMENTS, REGIONS).tolist() == [0, 1, 2, -1]


def test_of_equal_regions_the_first_is_taken():
    assert assign_segments(np.array([[1, 1]]), np.array([[2, 1]])).tolist() == [0]


def test_no_segment_and_no_region():
    nothing = np.zeros((2, 3), int)
    assert assign_segments(nothing, REGIONS[:2, :3]).tolist() == []
    assert assign_segments(np.ones((2, 3), int), nothing).tolist() == [-1]


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="of one shape"):
        assign_segments(np.zeros((2, 3), int), np.zeros((3, 2), int))


@pytest.mark.parametrize("seed", range(5))
def test_assignment_is_that_of_counting_pixels(seed):
    generator = np.random.default_rng(seed)
    segments, regions = generator.integers(0, 6, (2, 12, 13))
    expected = []
    for segment in range(1, segments.max() + 1):
        shared = [
            ((segments == segment) & (regions == r)).sum() for r in range(1, regions.max() + 1)
        ]
        expected.append(int(np.argmax(shared)) if max(shared) else -1)
    assert assign_segments(segments, regions).tolist() == expected


def test_cells_of_their_own():
    points = [(0.9, 0.2), (1, 2), (0, 6), (3.5, 0), (2, 0)]  # 2 and 2 share; the last is outside
    assert have_own_segment(SEGMENTS, points).tolist() == [True, False, False, True, False]


def test_no_points():
    assert have_own_segment(SEGMENTS, np.zeros((0, 2))).tolist() == []


def test_boxes_by_hand():
    # ymin, xmin, ymax, xmax with the maximum exclusive.
    expected = [(0, 0, 2, 2), (0, 2, 2, 7), (3, 0, 4, 3), (3, 4, 4, 6)]
    np.testing.assert_array_equal(segment_boxes(SEGMENTS), expected)
    assert segment_boxes(SEGMENTS).dtype == np.float32


def test_no_segment_has_no_box():
    assert segment_boxes(np.zeros((4, 5), np.int32)).shape == (0, 4)


@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_those_of_scipy(seed):
    labels, _ = ndimage.label(np.random.default_rng(seed).random((20, 31)) < 0.3)
    expected = [(y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(labels)]
    np.testing.assert_array_equal(segment_boxes(labels), expected)
