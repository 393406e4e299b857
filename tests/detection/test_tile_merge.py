"""No region cut at a seam, none lost, none twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbc_tf.core import boxes as boxes_lib
from rbc_tf.core.types import Detections
from rbc_tf.detection import tile_merge
from rbc_tf.detection.tiling import Tiles

# Two tiles of 100 x 100 that share columns 60 to 100 of an image of 100 x 160.
_PAIR = tile_merge.Seams(np.array([[0, 0, 100, 100], [0, 60, 100, 160]]), 100, 160, edge=2)
# Four that meet around (80, 80) in an image of 160 x 160.
_FOUR = tile_merge.Seams(
    np.array([[0, 0, 100, 100], [0, 60, 100, 160], [60, 0, 160, 100], [60, 60, 160, 160]]),
    160,
    160,
    edge=2,
)


def _found(*boxes, score=0.9):
    scores = score if isinstance(score, list) else [score] * len(boxes)
    return Detections(boxes_lib.as_boxes(boxes), np.array(scores, np.float32))


def _seen(seams, truth, least=3):
    """What an ideal detector says of each tile: every region as far as the tile goes."""
    answers = []
    for y0, x0, y1, x1 in seams.tiles:
        seen = np.clip(boxes_lib.as_boxes(truth), [y0, x0, y0, x0], [y1, x1, y1, x1])
        answers.append(_found(*seen[((seen[:, 2:] - seen[:, :2]) >= least).all(axis=1)].tolist()))
    return answers


def _merged(seams, truth):
    return sorted(tile_merge.merge(seams, _seen(seams, truth)).boxes.tolist())


@pytest.mark.parametrize(
    "box",
    [
        [40, 10, 60, 30],  # in the middle of one tile
        [40, 70, 60, 90],  # whole in both
        [40, 50, 60, 75],  # the right tile has half of it
        [40, 85, 60, 110],  # the left tile has half of it
        [40, 62, 60, 98],  # within 2 pixels of either seam, though whole
        [0, 70, 20, 90],  # at the border of the image, which is no seam
        [40, 0, 60, 20],
        [80, 140, 100, 160],
        [40, 30, 60, 130],  # longer than the overlap, 40: whole in none
        [0, 0, 100, 160],
    ],
)
def test_one_region_comes_out_whole_and_once(box):
    assert _merged(_PAIR, [box]) == [box]


@pytest.mark.parametrize(
    "box",
    [
        [65, 65, 95, 95],  # whole in all four
        [70, 90, 90, 110],  # whole in the two on the right
        [95, 90, 110, 115],  # whole in the last only
        [30, 30, 130, 130],  # across the corner, whole in none
        [90, 20, 110, 140],  # long, cut by all: in the upper two also below
    ],
)
def test_where_four_tiles_meet(box):
    assert _merged(_FOUR, [box]) == [box]


def test_no_detection_and_empty_tiles():
    assert _merged(_PAIR, []) == []
    merged = tile_merge.merge(_PAIR, [_found([10, 10, 30, 30]), _found()])
    assert merged.boxes.tolist() == [[10, 10, 30, 30]]
    assert merged.boxes.dtype == merged.scores.dtype == np.float32
    assert tile_merge.merge(_PAIR, [_found(), _found()]).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    "pair",
    [
        # One ends where the other begins, at the middle of the overlap and at a seam.
        [[40, 60, 60, 80], [40, 80, 60, 100]],
        [[40, 80, 60, 100], [40, 100, 60, 120]],
        # Boxes that share more than half of the smaller one: a cell beside a bent chain.
        [[20, 65, 60, 95], [40, 70, 64, 90]],
        # Two long ones, one above the other.
        [[20, 30, 40, 130], [36, 30, 60, 130]],
    ],
)
def test_two_regions_stay_two(pair):
    assert _merged(_PAIR, pair) == sorted(pair)


def test_of_two_whole_boxes_the_better_seen_is_kept():
    # 15 pixels from the left tile's seam at 100, 8 from the right tile's at 60, whose score is
    # better but whose box is further out.
    left, right = _found([40, 70, 60, 85], score=0.8), _found([41, 68, 61, 86], score=0.95)
    merged = tile_merge.merge(_PAIR, [left, right])
    assert merged.boxes.tolist() == [[40, 70, 60, 85]]
    np.testing.assert_allclose(merged.scores, [0.8])


def test_joined_parts_have_the_best_score_of_them():
    left = _found([40, 30, 60, 99], score=0.7)
    right = _found([41, 60, 60, 130], score=0.9)
    merged = tile_merge.merge(_PAIR, [left, right])
    assert merged.boxes.tolist() == [[40, 30, 60, 130]]
    np.testing.assert_allclose(merged.scores, [0.9])


def test_a_part_is_dropped_though_its_tile_does_not_see_it_as_cut():
    # Of the region [40, 65, 60, 110], 5 pixels from the right tile's seam, the left tile reports
    # a part that ends 4 pixels before its own: IoU of the two 31 / 45, and it is less well seen.
    left, right = _found([40, 65, 60, 96]), _found([40, 65, 60, 110])
    assert tile_merge.merge(_PAIR, [left, right]).boxes.tolist() == [[40, 65, 60, 110]]
    # Of a longer one only 15 / 55, no match; dropped as it lies inside and is less well seen.
    left, right = _found([40, 81, 60, 96]), _found([40, 81, 60, 136])
    assert tile_merge.merge(_PAIR, [left, right]).boxes.tolist() == [[40, 81, 60, 136]]


def test_tiles_that_disagree_are_settled_by_the_better_view():
    # The left tile sees two cells, 25 and 14 pixels from its seam; the right one, 5 pixels from
    # its own, one region of both: IoU with either 200 / 420. It would see the second cell alone
    # better, 16 pixels, but what it reports there is dropped itself.
    two, one = _found([40, 65, 60, 75], [40, 76, 60, 86]), _found([40, 65, 60, 86])
    merged = tile_merge.merge(_PAIR, [two, one])
    assert sorted(merged.boxes.tolist()) == [[40, 65, 60, 75], [40, 76, 60, 86]]


def test_what_only_the_worse_view_found_is_kept():
    left, right = _found(), _found([40, 65, 60, 85])
    assert tile_merge.merge(_PAIR, [left, right]).boxes.tolist() == [[40, 65, 60, 85]]


def test_a_part_without_its_region_is_dropped_and_a_long_one_kept():
    # The right tile sees [40, 80, 60, 100] with room on all sides, and nothing there.
    assert len(tile_merge.merge(_PAIR, [_found([40, 80, 60, 100]), _found()])) == 0
    # What crosses all of the overlap no tile sees whole.
    kept = tile_merge.merge(_PAIR, [_found([40, 30, 60, 100]), _found()])
    assert kept.boxes.tolist() == [[40, 30, 60, 100]]


def test_low_scores_have_no_part_in_what_is_joined():
    # Without the threshold the long box of 0.9 would be joined with that of 0.1.
    left = _found([40, 30, 60, 100], score=0.9)
    right = _found([40, 60, 60, 150], [40, 70, 60, 90], score=[0.1, 0.05])
    merged = tile_merge.merge(_PAIR, [left, right], score_threshold=0.5)
    # The second low box is 10 pixels from either seam: both see it as well, one reported it.
    expected = [[40, 30, 60, 100], [40, 60, 60, 150], [40, 70, 60, 90]]
    assert merged.boxes.tolist() == expected
    np.testing.assert_allclose(merged.scores, [0.9, 0.1, 0.05])
    joined = tile_merge.merge(_PAIR, [left, right], score_threshold=0.0)
    assert joined.boxes.tolist()[0] == [40, 30, 60, 150]


def test_a_low_score_seen_better_elsewhere_is_dropped():
    low = _found([40, 62, 60, 75], score=0.1)
    merged = tile_merge.merge(_PAIR, [_found(), low], score_threshold=0.5)
    assert len(merged) == 0


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 60))
def test_an_ideal_detector_finds_each_region_exactly_once(seed, count):
    random = np.random.default_rng(seed)
    tiles = Tiles(*random.integers(40, 90, 2).tolist(), overlap=int(random.integers(10, 20)))
    height, width = random.integers(30, 300, 2)
    seams = tile_merge.Seams(tiles.cut(height, width), height, width, tiles.edge)
    truth = _regions(random, count, height, width, tiles.overlap)
    assert _merged(seams, truth) == truth


def _regions(random, count, height, width, largest):
    """Different boxes of 5 to `largest` pixels, overlapping as they come."""
    extent = random.integers(5, largest + 1, (count, 2))
    low = random.integers(0, np.maximum(1, [height, width] - extent + 1))
    return np.unique(np.concatenate([low, low + extent], axis=1), axis=0).astype(float).tolist()


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_long_regions_apart_from_one_another_are_joined(seed):
    random = np.random.default_rng(seed)
    height, width = 70, int(random.integers(100, 400))
    tiles = Tiles(70, 80, overlap=20)
    seams = tile_merge.Seams(tiles.cut(height, width), height, width, tiles.edge)
    # One long region in each of three rows; pieces of 3 pixels and more are seen.
    truth = []
    for top in (0, 25, 50):
        low, high = np.sort(random.integers(0, width, 2)).tolist()
        if high - low >= 30:
            truth.append([float(top), float(low), float(top + 12), float(high)])
    assert _merged(seams, truth) == truth
