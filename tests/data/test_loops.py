"""Loops through the ends of runs, beside borders and hulls that OpenCV finds by other means."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rbc_tf.data.loops import Loops

_MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))


def _mask(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows], np.uint8)


def _loops(mask):
    return Loops.join(cv2.findContoursLinkRuns(np.asarray(mask, np.uint8))[0])


def _outer(mask):
    """The loops around regions, and the border of each as OpenCV follows it, in the same order."""
    loops = _loops(mask)
    loops = loops.only(np.flatnonzero(loops.enclosed_pixels() > 0))
    if not len(loops):
        return loops, []
    borders, hierarchy = cv2.findContours(
        np.asarray(mask, np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    outer = [border for border, row in zip(borders, hierarchy[0], strict=True) if row[3] < 0]
    by_first = {min(map(tuple, border[:, 0, ::-1].tolist())): border for border in outer}
    firsts = [min(map(tuple, p[:, 0, ::-1].tolist())) for p in loops.polygons()]
    return loops, [by_first[first] for first in firsts]


def test_pixels_of_a_region_and_of_its_hole():
    ring = _mask(
        ".####.",
        "##..##",
        ".####.",
    )
    # Three rows of 4, 6 and 4 pixels, the hole of 2 counted in; by the runs the region has 12.
    assert sorted(_loops(ring).enclosed_pixels().tolist()) == [-2, 14]


@pytest.mark.parametrize(
    ("rows", "area"),
    [
        (["#"], 0.0),
        (["###"], 0.0),
        (["####", "####", "####"], 6.0),  # 3 x 2 from centre to centre
        ([".#.", "###", ".#."], 2.0),  # a diamond with diagonals of 2
        (["#.#", ".#.", "#.#"], 0.0),  # four arms of no width
        (["#..#", "####"], 1.0),  # two triangles of 1/2 between the arms and the row below
    ],
)
def test_area_inside_a_border(rows, area):
    assert _loops(_mask(*rows)).polygon_areas().tolist() == [area]


def test_corners_where_rows_differ_by_more_than_a_pixel():
    (step,) = _loops(_mask("##...", "#####", ".#.#.")).polygons_with_corners()
    # Down the right side, widening: along the row below. Back over the gap between the feet: along
    # the row above.
    assert list(map(tuple, step[:, 0].tolist())) == [
        *[(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)],
        *[(3, 2), (3, 2), (2, 1), (2, 1), (1, 2), (1, 2), (0, 1)],
    ]


def test_hull_candidates_turn_right_or_about():
    (bar,) = _loops(_mask("####", "####", "####")).hull_candidates()
    assert sorted(map(tuple, bar[:, 0].tolist())) == [(0, 0), (0, 2), (3, 0), (3, 2)]
    (line,) = _loops(_mask("#...", ".#..", "..#.")).hull_candidates()
    assert {(0, 0), (2, 2)} <= set(map(tuple, line[:, 0].tolist()))


@given(_MASKS)
def test_area_and_corners_equal_the_followed_border(mask):
    loops, borders = _outer(mask)
    assert loops.polygon_areas().tolist() == [cv2.contourArea(border) for border in borders]
    for polygon, border in zip(loops.polygons_with_corners(), borders, strict=True):
        assert cv2.contourArea(polygon) == cv2.contourArea(border)
        on_border = set(map(tuple, border[:, 0].tolist()))
        assert set(map(tuple, polygon[:, 0].tolist())) <= on_border
        steps = np.abs(np.diff(polygon[:, 0], axis=0, append=polygon[:1, 0]))
        # Straight along a row, or to a neighbour.
        assert ((steps[:, 1] == 0) | (steps.max(axis=1) == 1)).all()


@given(_MASKS)
def test_hull_of_the_candidates_is_that_of_the_border(mask):
    loops, borders = _outer(mask)
    for polygon, border in zip(loops.hull_candidates(), borders, strict=True):
        assert len(polygon)
        found, expected = (
            set(map(tuple, cv2.convexHull(points)[:, 0].tolist())) for points in (polygon, border)
        )
        assert found == expected


@given(_MASKS, st.randoms())
def test_some_of_the_loops(mask, random):
    loops = _loops(mask)
    rows = random.sample(range(len(loops)), random.randint(0, len(loops)))
    polygons = loops.polygons()
    chosen = loops.only(np.array(rows, np.int64)).polygons()
    assert len(chosen) == len(rows)
    for row, polygon in zip(rows, chosen, strict=True):
        np.testing.assert_array_equal(polygon, polygons[row])


def test_no_loops():
    none = _loops(np.zeros((3, 4), np.uint8))
    assert len(none) == 0
    assert none.polygons() == []
    assert none.enclosed_pixels().shape == none.polygon_areas().shape == (0,)
    assert none.polygons_with_corners() == none.hull_candidates() == []
