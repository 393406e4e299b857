import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from rbc_tf.evaluation.baselines import watershed
from rbc_tf.evaluation.baselines.watershed import WatershedConfig, separate

_SQUARE = np.ones((3, 3), bool)


def discs(*circles, shape=(140, 300)):
    """bool mask of discs (y, x, radius)."""
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    return np.any([(ys - y) ** 2 + (xs - x) ** 2 <= r * r for y, x, r in circles], axis=0)


# Of two discs of radius 40 whose centres are 1.6 radii apart the pass is half way, 0.8 radii from
# each centre, and the border is sqrt(1 - 0.8^2) = 0.6 radii from it: each hill rises by 0.4.
PAIR = discs((70, 70, 40), (70, 134, 40))


def test_empty_mask_has_no_cell():
    found = separate(np.zeros((20, 30), bool))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, np.zeros((20, 30)))


@pytest.mark.parametrize("radius", [1, 3, 10, 50])
def test_one_disc_is_one_cell(radius):
    mask = discs((70, 70, radius))
    np.testing.assert_array_equal(separate(mask), mask)


def test_full_mask_is_one_cell():
    np.testing.assert_array_equal(separate(np.ones((9, 12), bool)), np.ones((9, 12)))


def test_single_pixels_are_cells():
    mask = np.zeros((5, 7), bool)
    mask[1, 1] = mask[3, 5] = True
    assert sorted(separate(mask)[mask].tolist()) == [1, 2]


def test_two_overlapping_discs_are_two_cells_parted_half_way():
    found = separate(PAIR)
    assert found.max() == 2
    xs = np.arange(300)[None, :].repeat(140, axis=0)
    sure = PAIR & (np.abs(xs - 102) > 2)
    left = found[70, 70]
    np.testing.assert_array_equal(found[sure] == left, (xs < 102)[sure])


@pytest.mark.parametrize(("min_depth", "expected"), [(0.36, 2), (0.44, 1)])
def test_depth_is_the_rise_above_the_pass(min_depth, expected):
    assert separate(PAIR, WatershedConfig(min_depth=min_depth)).max() == expected


@pytest.mark.parametrize(("min_distance", "expected"), [(1.55, 2), (1.65, 1)])
def test_distance_is_between_tops(min_distance, expected):
    assert separate(PAIR, WatershedConfig(min_distance=min_distance)).max() == expected


@pytest.mark.parametrize(("min_height", "expected"), [(0.2, 2), (0.3, 1)])
def test_height_is_that_of_the_top(min_height, expected):
    # Radii 40 and 10: the small disc's top is at a quarter of the large one's.
    mask = discs((70, 70, 40), (70, 118, 10))
    assert separate(mask, WatershedConfig(min_height=min_height)).max() == expected


def test_regions_have_scales_of_their_own():
    """A small pair beside a large disc is parted as it is alone."""
    mask = discs((70, 70, 60), (70, 180, 10), (70, 196, 10))
    assert separate(mask).max() == 3


@pytest.mark.parametrize("scale", [2, 3])
def test_magnification_changes_nothing(scale):
    mask = discs((30, 30, 20), (30, 62, 20), (62, 62, 20), shape=(90, 100))
    large = np.kron(mask, np.ones((scale, scale), bool))
    assert separate(mask).max() == separate(large).max() == 3


def test_order_of_input_memory_is_no_matter():
    np.testing.assert_array_equal(separate(np.asfortranarray(PAIR)), separate(PAIR))


circles = st.tuples(st.integers(0, 59), st.integers(0, 79), st.integers(1, 16))


@settings(max_examples=40)
@given(st.lists(circles, max_size=8))
def test_cells_share_out_the_mask(drawn):
    mask = discs(*drawn, shape=(60, 80)) if drawn else np.zeros((60, 80), bool)
    found = separate(mask)
    np.testing.assert_array_equal(found > 0, mask)
    assert np.unique(found[mask]).tolist() == list(range(1, found.max() + 1))
    for cell in range(1, found.max() + 1):
        assert ndimage.label(found == cell, _SQUARE)[1] == 1
    np.testing.assert_array_equal(separate(mask), found)


def raised(start, ceiling):
    """The greatest height at which each pixel can be reached from `start`, by SciPy."""
    now = np.minimum(start, ceiling)
    while True:
        grown = np.minimum(ndimage.grey_dilation(now, size=(3, 3)), ceiling)
        if np.array_equal(grown, now):
            return now
        now = grown


def landscape(seed):
    """Few levels, so that there are plateaus and equal tops; a border of 0."""
    values = np.random.default_rng(seed).integers(0, 9, (14, 17))
    return np.pad(values / 8, 1).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("depth", [0.2, 0.45])
def test_hills_are_those_of_the_h_maxima_transform(seed, depth):
    height = landscape(seed)
    # By definition: the regional maxima of the landscape lowered by `depth` and dilated below it.
    lowered = raised(np.maximum(height - depth, 0), height)
    plateaus = [
        (labels, place)
        for level in np.unique(lowered[lowered > 0])
        for labels in [ndimage.label(lowered == level, _SQUARE)[0]]
        for place in range(1, labels.max() + 1)
    ]
    tops = 0
    for labels, place in plateaus:
        around = ndimage.binary_dilation(labels == place, _SQUARE) & (labels != place)
        level = lowered[labels == place][0]
        tops += (lowered[around] < level).all()
    assert watershed._hills(height, depth).max() == tops


@pytest.mark.parametrize("seed", range(6))
def test_each_pixel_goes_to_a_hill_that_it_is_reached_from_highest(seed):
    height = landscape(seed)
    markers = watershed._hills(height, 0.25)
    found = watershed._flood(height, markers)
    reach = [
        raised(np.where(markers == marker, height, 0), height)
        for marker in range(1, markers.max() + 1)
    ]
    reached = np.max(reach, axis=0) > 0
    np.testing.assert_array_equal(found > 0, reached)
    of_own = np.take_along_axis(np.array(reach), np.maximum(found - 1, 0)[None], axis=0)[0]
    np.testing.assert_array_equal(of_own[reached], np.max(reach, axis=0)[reached])


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_depth", 0), ("min_depth", 1), ("min_height", 1.1), ("min_distance", -0.1)],
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        dataclasses.replace(WatershedConfig(), **{name: value})
