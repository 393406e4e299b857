"""Regions against a plain breadth-first search, and what is known of each."""

import collections
import dataclasses

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.types import Cell, Region, Sample
from rbc_tf.data import cell_count, dataset, examples, outlines, regions

_FOUR = ((-1, 0), (1, 0), (0, -1), (0, 1))
_EIGHT = (*_FOUR, (-1, -1), (-1, 1), (1, -1), (1, 1))


def _breadth_first(mask, connectivity):
    """(ymin, xmin, ymax, xmax, area) of each region in scan order."""
    return [list(row[:5]) for row in _breadth_first_pixels(mask, connectivity)]


def _breadth_first_pixels(mask, connectivity):
    """The paper's search: (ymin, xmin, ymax, xmax, area, pixels) of each region in scan order."""
    seen, found = np.zeros_like(mask), []
    for start in zip(*np.nonzero(mask), strict=True):
        if seen[start]:
            continue
        seen[start] = True
        queue, pixels = collections.deque([start]), []
        while queue:
            y, x = queue.popleft()
            pixels.append((y, x))
            for dy, dx in _EIGHT if connectivity == 8 else _FOUR:
                near = (y + dy, x + dx)
                inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                if inside and mask[near] and not seen[near]:
                    seen[near] = True
                    queue.append(near)
        (ys, xs) = zip(*pixels, strict=True)
        box = (min(ys), min(xs), max(ys) + 1, max(xs) + 1)
        found.append((*(int(edge) for edge in box), len(pixels), set(pixels)))
    return found


@settings(max_examples=60)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)),
    st.sampled_from([4, 8]),
    st.integers(1, 4),
)
def test_equal_to_breadth_first_search(mask, connectivity, min_area):
    labels, stats = regions.label_regions(mask, regions.RegionConfig(connectivity, min_area))
    expected = [row for row in _breadth_first(mask, connectivity) if row[4] >= min_area]
    assert stats.tolist() == expected
    for row, (ymin, xmin, ymax, xmax, area) in enumerate(expected, start=1):
        ys, xs = np.nonzero(labels == row)
        assert (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1) == (ymin, xmin, ymax, xmax)
        assert len(ys) == area


def _slow_regions(mask, cells, config):
    """What `find_regions_in_mask` answers, each region by itself, pixel by pixel."""
    found, pixels = [], []
    for ymin, xmin, ymax, xmax, area, region in _breadth_first_pixels(mask, config.connectivity):
        if area >= config.min_area:
            found.append((ymin, xmin, ymax, xmax, area))
            pixels.append(region)
    counts = _slow_counts(mask.shape, pixels)
    regions_ = []
    for (ymin, xmin, ymax, xmax, area), region, count in zip(found, pixels, counts, strict=True):
        types = [cell.type for cell in cells if (int(cell.y), int(cell.x)) in region]
        regions_.append(
            Region(
                box=(ymin, xmin, ymax, xmax),
                types=tuple(sorted(set(types))),
                num_cells=max(count, len(types)),
                num_points=len(types),
                complete=len(types) >= count,
                touches_border=ymin == 0
                or xmin == 0
                or ymax == mask.shape[0]
                or xmax == mask.shape[1],
                area=area,
            )
        )
    return tuple(regions_)


def _slow_counts(shape, regions_pixels):
    """The number of cells of each region, from all pixels of its border and all its notches."""
    contours = []
    for region in regions_pixels:
        alone = np.zeros(shape, np.uint8)
        alone[tuple(zip(*region, strict=True))] = 1
        borders, _ = cv2.findContours(alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        contours.append(borders[0])
    areas = np.array([len(region) for region in regions_pixels], float)
    hulls = [cv2.contourArea(cv2.convexHull(contour)) for contour in contours]
    solid = [
        hull == 0 or cv2.contourArea(contour) / hull > 0.9
        for contour, hull in zip(contours, hulls, strict=True)
    ]
    typical = cell_count.typical_area(areas, np.array(solid, bool))
    depth = 0.08 * 2 * np.sqrt(typical / np.pi)
    counts = []
    for contour, ratio in zip(contours, areas / typical, strict=True):
        notches = 0
        hull = cv2.convexHull(contour, returnPoints=False)
        if len(hull) > 3:
            defects = cv2.convexityDefects(contour, np.sort(hull, axis=0)[::-1].copy())
            notches = (
                0 if defects is None else int((defects.reshape(-1, 4)[:, 3] / 256 > depth).sum())
            )
        single = ratio <= (2.3, 1.5, 1.4)[min(notches, 2)]
        counts.append(1 if single else max(2, int(np.rint(ratio))))
    return counts


@st.composite
def _drawn_masks(draw):
    """Discs, rings and arcs upon one another, with holes and specks: what regions can look like."""
    height, width = draw(st.integers(10, 60)), draw(st.integers(10, 60))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(1, 9))):
        centre = draw(st.integers(0, width)), draw(st.integers(0, height))
        radii = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        span, value = draw(st.integers(90, 360)), draw(st.sampled_from([1, 1, 1, 0]))
        thickness = draw(st.sampled_from([-1, -1, 1, 2]))
        cv2.ellipse(mask, centre, radii, draw(st.integers(0, 180)), 0, span, value, thickness)
    specks = np.random.default_rng(draw(st.integers(0, 99))).random(mask.shape)
    return (mask > 0) ^ (specks < draw(st.sampled_from([0.0, 0.0, 0.02])))


@settings(max_examples=150, deadline=None)
@given(_drawn_masks(), st.sampled_from([8, 8, 4]), st.sampled_from([1, 5, 30]), st.randoms())
def test_equal_to_each_region_by_itself(mask, connectivity, min_area, random):
    config = regions.RegionConfig(connectivity, min_area)
    height, width = mask.shape
    cells = [
        Cell(random.uniform(0, width - 0.01), random.uniform(0, height - 0.01), random.choice("ab"))
        for _ in range(12)
    ]
    found = regions.find_regions_in_mask(mask, cells, config)
    assert found == _slow_regions(mask, cells, config)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_a_point_belongs_to_the_inner_of_nested_regions(connectivity):
    mask = np.zeros((40, 40), bool)
    for inset in (2, 6, 10):  # square rings of two pixels around one another
        mask[inset : 40 - inset, inset : 40 - inset] = True
        mask[inset + 2 : 38 - inset, inset + 2 : 38 - inset] = False
    found = outlines.trace(mask, connectivity)
    points = np.array([[3, 20], [7, 20], [11, 20], [20, 20], [5, 20], [0, 0]])
    assert found.rows_at(points).tolist() == [0, 1, 2, -1, -1, -1]
    # 36^2 - 32^2, 28^2 - 24^2, 20^2 - 16^2
    assert found.areas.tolist() == [272, 208, 144]


def _mask_of_discs(discs, size=200):
    y, x = np.mgrid[:size, :size]
    mask = np.zeros((size, size), bool)
    for cy, cx, radius in discs:
        mask |= (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
    return mask


# Three single cells give the typical size.
_SINGLES = [(20, 20, 12), (20, 60, 12), (20, 100, 12)]


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ([(100, 100, 12)], 1),
        ([(100, 100, 15)], 1),  # a macrocyte of 1.56 times the area
        ([(100, 100, 7)], 1),  # a microcyte
        ([(100, 90, 12), (100, 112, 12)], 2),  # touching
        ([(100, 92, 12), (100, 108, 12)], 2),  # overlapping
        ([(100, 80, 12), (100, 102, 12), (100, 124, 12)], 3),
        ([(90, 90, 12), (90, 112, 12), (110, 101, 12), (130, 101, 12)], 4),
    ],
)
def test_number_of_cells_is_told_from_the_shape(cluster, expected):
    found = regions.find_regions_in_mask(_mask_of_discs(_SINGLES + cluster))
    assert [region.num_cells for region in found] == [1, 1, 1, expected]


def test_a_bent_cell_is_one_cell():
    crescent = _mask_of_discs([(100, 100, 16)]) & ~_mask_of_discs([(100, 108, 14)])
    found = regions.find_regions_in_mask(_mask_of_discs(_SINGLES) | crescent)
    assert found[-1].num_cells == 1


def test_points_make_a_region_complete():
    mask = _mask_of_discs([*_SINGLES, (100, 90, 12), (100, 112, 12)])
    one, two = Cell(90, 100, "Oval"), Cell(112, 100, "Stom")
    partly = regions.find_regions_in_mask(mask, [one])[-1]
    assert (partly.types, partly.num_points, partly.complete) == (("Oval",), 1, False)
    fully = regions.find_regions_in_mask(mask, [two, one])[-1]
    assert (fully.types, fully.num_points, fully.complete) == (("Oval", "Stom"), 2, True)
    unlabelled = regions.find_regions_in_mask(mask, [Cell(5, 190, "Oval")])[-1]
    assert (unlabelled.types, unlabelled.complete) == ((), False)


def test_more_points_than_the_shape_tells_are_believed():
    mask = _mask_of_discs(_SINGLES)
    found = regions.find_regions_in_mask(mask, [Cell(15, 20, "Oval"), Cell(25, 20, "Oval")])
    assert (found[0].num_cells, found[0].complete) == (2, True)


def test_border_and_box():
    mask = _mask_of_discs([(5, 100, 12), (100, 100, 12), (100, 191, 12)])
    touching = [region.touches_border for region in regions.find_regions_in_mask(mask)]
    assert touching == [True, False, True]
    assert regions.find_regions_in_mask(mask)[1].box == (88, 88, 113, 113)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_zero_one_and_two_regions(count):
    mask = _mask_of_discs(_SINGLES[:count])
    assert len(regions.find_regions_in_mask(mask)) == count


def test_settings_are_checked():
    with pytest.raises(ValueError, match="4 or 8"):
        regions.RegionConfig(connectivity=6)
    with pytest.raises(ValueError, match="min_area"):
        regions.RegionConfig(min_area=0)


def test_what_is_not_labelled_is_unknown_in_an_incomplete_region():
    box = (0, 0, 1, 1)
    complete = Region(box, types=("Echi", "Oval"), complete=True)
    partly = Region(box, types=("Oval",), complete=False)
    assert examples.label_vector(complete, PAPER).tolist() == [1, 0, 0, 0, 1, 0]
    assert examples.label_vector(partly, PAPER).tolist() == [1, -1, -1, -1, -1, -1]


def test_regions_with_a_type_out_of_the_list_are_no_examples():
    box = (0, 0, 1, 1)
    assert examples.is_example(Region(box, types=("Oval",)))
    assert not examples.is_example(Region(box, types=("Oval", "other")))
    assert not examples.is_example(Region(box))


def test_counts_of_regions():
    box = (0, 0, 1, 1)
    counts = examples.count_regions(
        [
            Region(box, ("Oval",), num_cells=1, complete=True),
            Region(box, ("Oval", "Stom"), num_cells=2, complete=True),
            Region(box, ("Oval",), num_cells=5),
            Region(box, ("Oval", "other"), num_cells=2, complete=True),
            Region(box),
        ]
    )
    assert counts == {
        "all": 5,
        "single_cell": 2,
        "multi_cell": 3,
        "mixed_types": 1,
        "unlabelled": 1,
        "other_type": 1,
        "examples": 3,
        "complete_examples": 2,
        "incomplete": 1,
        "incomplete_4_or_more": 1,
    }


def test_agreement_of_estimates_and_labels(tmp_path):
    centres = [(20 + 40 * row, 20 + 40 * column) for row in range(4) for column in range(5)]
    mask = _mask_of_discs([(y, x, 12) for y, x in centres] + [(180, 90, 12), (180, 112, 12)], 220)
    image_io.write_mask(tmp_path / "mask.png", mask)
    # One cell of the last region is not labelled: the shape tells two, the labels one.
    cells = tuple(Cell(x, y, "Oval") for y, x in [*centres, (180, 90)])
    sample = Sample("a", tmp_path / "a.png", tmp_path / "mask.png", "a", cells=cells)
    assert regions.count_agreement([sample]) == (20, 21)
    few = dataclasses.replace(sample, cells=cells[:15])
    assert regions.count_agreement([few]) == (0, 0)


def test_in_a_fully_labelled_image_the_labels_count_not_the_shape():
    mask = np.zeros((60, 200), bool)
    for left in (5, 35, 65):  # three squares of one cell
        mask[10:30, left : left + 20] = True
    mask[10:30, 100:160] = True  # as large as three of them
    mask[40:50, 5:15] = True  # without a label
    cells = [Cell(x, 20, "Oval") for x in (10, 40, 70)] + [Cell(110, 20, "Elon")]
    by_shape = regions.find_regions_in_mask(mask, cells)
    by_labels = regions.find_regions_in_mask(mask, cells, fully_labelled=True)
    assert [(r.num_cells, r.complete) for r in by_shape][3:] == [(3, False), (1, False)]
    assert [(r.num_cells, r.complete) for r in by_labels][3:] == [(1, True), (1, False)]


def test_numbers_of_cells_say_how_many_a_region_holds(tmp_path):
    """Touching numbers are one region of so many cells, whatever its shape."""
    numbers = np.zeros((60, 120), np.uint16)
    for number, x in enumerate((5, 15, 25, 90), start=1):
        numbers[10:20, x : x + 10] = number  # three of them side by side: a bar without notches
    image_io.write_png(tmp_path / "images" / "a.png", np.full((60, 120, 3), 200, np.uint8))
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a_cp_masks.tif", numbers)
    (tmp_path / "cells.csv").write_text("image,x,y,type\na,8,15,Oval\na,95,15,Stom\n")
    (sample,) = dataset.load_dataset(tmp_path, check_pixels=True)
    several, single = regions.find_regions(sample)
    assert (several.box, several.num_cells, several.complete) == ((10, 5, 20, 35), 3, False)
    assert (single.num_cells, single.types, single.complete) == (1, ("Stom",), True)
    # A mask of the same pixels leaves it to the shape.
    assert regions.find_regions_in_mask(numbers > 0)[0].num_cells != 3
