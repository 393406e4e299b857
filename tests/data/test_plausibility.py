"""What is unlikely is counted, with a place; what is likely is not."""

import pathlib

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.core.types import Cell, Region, Sample
from rbc_tf.data import plausibility
from rbc_tf.data.plausibility import DatasetCheck, Doubts

_SIZE = (400, 600)
_CELLS = [(10, 10, 50, 52), (60, 100, 98, 141), (200, 300, 240, 342), (300, 20, 344, 60)]


def _of_boxes(boxes, size=_SIZE):
    doubts = Doubts()
    places = [f"box {number}" for number in range(len(boxes))]
    plausibility.check_boxes(np.array(boxes, float).reshape(-1, 4), places, size, doubts)
    return doubts.lines()


@pytest.mark.parametrize(
    "boxes",
    [
        [],
        _CELLS,
        [*_CELLS, (10, 53, 50, 95), (30, 30, 70, 72)],  # touching and overlapping
        [*_CELLS, (5, 5, 70, 145)],  # holds one whole cell and most of another
        [(0, 0, 300, 500)],  # a patch of one cell
    ],
)
def test_cells_are_no_doubt(boxes):
    assert _of_boxes(boxes) == ()


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ([(40, 100, 41, 101)], "1 boxes are smaller than 3 pixels a side; first: box 4"),
        ([(40, 100, 42, 180)], "1 boxes are smaller than 3 pixels a side; first: box 4"),
        ([(0, 0, 400, 600)], "1 boxes span the whole image; first: box 4"),
        ([(5, 3, 398, 599)], "1 boxes span the whole image; first: box 4"),
        ([(5, 5, 120, 160)], "1 boxes hold two or more of the others; first: box 4"),
        ([(11, 10, 50, 53)], "1 boxes are nearly the same as another; first: box 0"),
    ],
)
def test_what_is_hardly_a_region(more, line):
    assert _of_boxes([*_CELLS, *more]) == (line,)


def test_doubts_of_a_kind_are_one_line():
    doubts = Doubts()
    for number in range(3):
        doubts.add("boxes are odd", f"file {number}", 2)
    doubts.add("points are odd", "file 9", 0)
    assert doubts.lines() == ("6 boxes are odd; first: file 0",)


def test_what_is_far_smaller_than_the_rest():
    doubts, areas = Doubts(), [1600, 1500, 1700, 1400, 12, 1800]
    plausibility.check_sizes(np.array(areas), [f"box {n}" for n in range(6)], doubts)
    assert doubts.lines() == (
        "1 boxes are smaller than a hundredth of the usual area; first: box 4",
    )
    few = Doubts()
    plausibility.check_sizes(np.array(areas[3:]), ["a", "b", "c"], few)
    assert few.lines() == ()


def _of_areas(boxes, areas):
    doubts = Doubts()
    places = [f"box {number}" for number in range(len(boxes))]
    plausibility.check_areas(np.array(boxes, float), np.array(areas, float), places, doubts)
    return doubts.lines()


# As x, y, width and height they would be 45 x 45, 90 x 50 and 45 x 90, as corners 40 x 40.
_AS_CORNERS = [(5, 5, 50, 50), (50, 10, 140, 60), (5, 50, 50, 140)]


@pytest.mark.parametrize(
    ("boxes", "areas", "begins"),
    [
        (_AS_CORNERS, [1600] * 3, "3 boxes have the area that they have as corners"),
        (_AS_CORNERS, [41 * 41] * 3, "3 boxes have the area that they have as corners"),
        ([*_AS_CORNERS, _CELLS[0]], [1600] * 3 + [1300], "3 boxes have the area"),
        (_AS_CORNERS[1:], [1600] * 2, None),  # 0.36 and 0.4 of the box: could be thin cells
        (_CELLS, [1300] * 4, None),
        (_CELLS, [0] * 4, None),
        (_CELLS, [40 * 42, 38 * 41, 41 * 43, 44 * 40], None),  # of the boxes
        (_CELLS, [0.15 * 1680, 1200, 1300, 1300], None),  # one thin sickle
        (_CELLS, [16, 1200, 1300, 1300], "1 boxes are far larger than their area"),
        (_CELLS, [400, 400, 450, 1300], "3 boxes are far larger than their area"),
        (_CELLS[:2], [400, 400], None),
        ([], [], None),
    ],
)
def test_areas_that_contradict_their_boxes(boxes, areas, begins):
    lines = _of_areas(boxes, areas)
    assert len(lines) == (begins is not None)
    if begins:
        assert lines[0].startswith(begins)
        assert lines[0].endswith("; first: box 0")


def _cells(*points):
    return tuple(Cell(x, y, "Oval") for x, y in points)


@pytest.mark.parametrize(
    ("points", "count"),
    [
        ([(10, 10), (50, 10), (10, 50)], 0),
        ([(10, 10), (10, 10)], 1),
        ([(10, 10), (50, 50), (10.5, 10.5)], 1),
        ([(10, 10), (10.4, 80), (10.2, 10), (10.4, 80)], 2),
        ([(10, 10), (12, 10)], 0),
        ([], 0),
    ],
)
def test_a_point_given_twice(points, count):
    doubts = Doubts()
    plausibility.check_points(_cells(*points), "image 'a'", doubts)
    assert sum(int(line.split()[0]) for line in doubts.lines()) == count


def test_shares_for_pixels():
    shares = _cells((0.2, 0.3), (0.9, 1), (0, 0.5))
    assert plausibility.relative_points(shares)
    assert not plausibility.relative_points(shares[:2])
    assert not plausibility.relative_points((*shares, Cell(2, 0.5, "Oval")))
    assert plausibility.relative_boxes(np.array([(0.1, 0.1, 0.5, 1.0)]))
    assert not plausibility.relative_boxes(np.array([(0.1, 0.1, 0.5, 1.0), (0, 0, 1, 2)]))
    assert not plausibility.relative_boxes(np.zeros((0, 4)))


def _as_sizes(corners):
    """What corners (ymin, xmin, ymax, xmax) become where they are read as x, y, width, height."""
    corners = np.array(corners, float)
    return np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)


def test_corners_for_sizes():
    sizes = np.array([_SIZE] * 4)
    assert plausibility.corners_for_sizes(_as_sizes(_CELLS), sizes)
    assert not plausibility.corners_for_sizes(np.array(_CELLS), sizes)
    assert not plausibility.corners_for_sizes(_as_sizes(_CELLS[:2]), sizes[:2])
    # All near the upper left: read as sizes they are odd, and lie in the image.
    assert not plausibility.corners_for_sizes(_as_sizes(_CELLS[:1] * 3), sizes[:3])


def _checked(*images):
    check = DatasetCheck()
    for number, (cells, regions, given) in enumerate(images):
        sample = Sample(
            f"i{number}", pathlib.Path("i"), None, "g", "", cells, regions if given else None
        )
        check.add(sample, _SIZE, regions)
    return check.errors(), check.doubts()


def _region(box, types=(), num_points=0, area=1600):
    return Region(box, types, num_points=num_points, area=area)


def test_points_that_lie_on_no_region_are_counted():
    cells = _cells((20, 20), (200, 200), (500, 300))
    regions = (_region(_CELLS[0], ("Oval",), 1),)
    errors, doubts = _checked((cells, regions, False), (cells[:1], regions, False))
    assert errors == []
    assert doubts == (
        "2 of 4 labelled cells lie on no region, and count nowhere; first: image 'i0'",
    )


def test_an_inverted_mask():
    background = (_region((0, 0, 400, 600), area=150_000),)
    _, (doubt,) = _checked(((), background, False))
    assert "most of the image" in doubt
    assert _checked(((), (_region((0, 0, 300, 300), area=80_000),), False))[1] == ()


def test_an_inverted_mask_of_a_dense_smear():
    between = (_region((0, 0, 400, 600), area=74_000), _region(_CELLS[0]))  # 31 % of the image
    _, (doubt,) = _checked(((), between, False))
    assert doubt.startswith("1 masks have one region from edge to edge")
    for box, area in (((0, 0, 400, 599), 74_000), ((0, 0, 400, 600), 40_000)):
        assert _checked(((), (_region(box, area=area),), False))[1] == ()


def test_points_beside_the_boxes_of_their_image():
    regions = (_region(_CELLS[0], ("Oval",)), _region(_CELLS[1]))
    good = _cells((20, 20))
    assert _checked((good, regions, True)) == ([], ())
    lost = (*good, Cell(110, 70, "Oval"), Cell(20, 20.5, "Stom"), Cell(500, 300, "Oval"))
    _, doubts = _checked((lost, regions, True))
    assert [line.partition(":")[0] for line in doubts] == [
        "1 labelled cells are marked twice, at nearly the same point; first",
        "3 labelled cells lie in no box with their type",
    ]


def test_all_points_as_shares_are_an_error():
    shares = _cells((0.2, 0.3), (0.9, 1), (0, 0.5))
    errors, _ = _checked((shares, (), False))
    assert "must be in pixels" in errors[0]


@pytest.mark.parametrize(
    ("tag", "size", "has_mask", "is_doubt"),
    [
        (1, (40, 60), False, False),
        (3, (40, 60), True, True),  # turned round: the mask's size tells nothing
        (6, (40, 60), True, False),  # a mask of the stored pixels would have another size
        (6, (40, 60), False, True),
        (6, (50, 50), True, True),
    ],
)
def test_turned_images_are_a_doubt_where_no_size_tells(tag, size, has_mask, is_doubt):
    header = image_io.Header("JPEG", *size, orientation=tag)
    sample = Sample("a", pathlib.Path("a.jpg"), None, "a", regions=None if has_mask else ())
    check = DatasetCheck()
    check.add_header(sample, header)
    assert bool(check.doubts()) == is_doubt
    if is_doubt:
        assert check.doubts()[0].startswith("1 images have an orientation tag")
