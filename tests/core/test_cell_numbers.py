"""Label images as cellpose and StarDist write them, and what only looks like one."""

import cv2
import numpy as np
import pytest
import tifffile

from rbc_tf.core import cell_numbers, image_io


def _discs(*circles, shape=(60, 90)):
    """int32, number n on the n-th circle (y, x, radius); later ones lie on top."""
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    numbers = np.zeros(shape, np.int32)
    for number, (y, x, radius) in enumerate(circles, start=1):
        numbers[(ys - y) ** 2 + (xs - x) ** 2 <= radius**2] = number
    return numbers


# Two that touch, one alone.
_CELLS = _discs((20, 20, 10), (20, 39, 10), (40, 70, 9))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((f"a.{end}", np.uint8) for end in ("png", "tif", "bmp")),
        *((f"a.{end}", np.uint16) for end in ("png", "tif")),
        *(("a.tif", dtype) for dtype in (np.int16, np.int32, np.uint32, np.float32)),
    ],
)
def test_label_images_are_read(tmp_path, name, dtype):
    path = tmp_path / name
    values = _CELLS.astype(dtype)
    if name.endswith("tif"):
        tifffile.imwrite(path, values, compression="zlib")
    else:
        cv2.imwrite(str(path), values)
    mask, numbers = image_io.read_numbered_mask(path)
    np.testing.assert_array_equal(mask, _CELLS > 0)
    np.testing.assert_array_equal(numbers, _CELLS)
    assert numbers.dtype == np.int32
    np.testing.assert_array_equal(image_io.read_mask(path), mask)
    assert image_io.mask_size(path) == mask.shape


def test_hundreds_of_cells_with_gaps_in_the_numbers(tmp_path):
    places = [(y, x, 8) for y in range(10, 400, 20) for x in range(10, 500, 20)]
    numbers = _discs(*places, shape=(400, 500))
    numbers[np.isin(numbers, np.arange(1, 500, 3))] = 0  # deleted by hand
    tifffile.imwrite(tmp_path / "a.tif", numbers.astype(np.uint16))
    found = image_io.read_numbered_mask(tmp_path / "a.tif")[1]
    np.testing.assert_array_equal(found, numbers)


def test_some_cells_may_be_in_pieces():
    numbers = _discs(*((30, x, 4) for x in range(5, 115, 10)), shape=(60, 120))
    numbers[5:7, 50:60] = 3
    assert cell_numbers.are_numbers(numbers)


def test_two_values_are_a_mask(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.uint8(_CELLS > 0))
    assert image_io.read_numbered_mask(tmp_path / "a.png")[1] is None


def _classes():
    """Two kinds of cells and no numbers: 1 on the first and third cell, 2 on the second."""
    return np.where(_CELLS == 3, 1, _CELLS)


def _blurred(numbers):
    return cv2.GaussianBlur(np.uint8(numbers > 0) * 255, (0, 0), 1.5)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.uint8(_classes()), id="classes"),
        pytest.param(np.uint8(np.minimum(_CELLS, 2) * 127), id="grey-levels"),
        pytest.param(_blurred(_CELLS), id="blurred"),
        pytest.param(_blurred(_discs((30, 40, 20))), id="one-blurred"),
        pytest.param(np.arange(60 * 90).reshape(60, 90) % 251, id="a-ramp"),
        pytest.param(np.random.default_rng(0).integers(0, 9, (60, 90)), id="noise"),
    ],
)
def test_other_values_are_no_numbers(tmp_path, values):
    cv2.imwrite(str(tmp_path / "a.png"), values.astype(np.uint8))
    with pytest.raises(image_io.ImageError, match="two values, 0 for background and one other"):
        image_io.read_numbered_mask(tmp_path / "a.png")


@pytest.mark.parametrize("change", [-1, 0.5])
def test_numbers_below_0_or_with_fractions_are_none(tmp_path, change):
    tifffile.imwrite(tmp_path / "a.tif", (_CELLS + change).astype(np.float32))
    with pytest.raises(image_io.ImageError, match="float32"):
        image_io.read_mask(tmp_path / "a.tif")
    with pytest.raises(image_io.ImageError, match="float32"):
        image_io.mask_size(tmp_path / "a.tif")


def test_cells_in_the_alpha_channel_are_refused(tmp_path):
    pixels = np.zeros((60, 90, 4), np.uint8)
    pixels[..., 3] = np.uint8(_CELLS > 0) * 255
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with pytest.raises(image_io.ImageError, match="cells in the alpha channel"):
        image_io.read_mask(tmp_path / "a.png")
    pixels[..., 3] = 255
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert not image_io.read_mask(tmp_path / "a.png").any()


def test_a_cell_is_counted_where_most_of_it_lies():
    regions = np.minimum(_CELLS, 1)
    regions[_CELLS == 3] = 2
    np.testing.assert_array_equal(cell_numbers.count_in_regions(_CELLS, regions, 2), [2, 1])
    stray = _CELLS.copy()
    stray[40, 70] = 1
    np.testing.assert_array_equal(cell_numbers.count_in_regions(stray, regions, 2), [2, 1])
    np.testing.assert_array_equal(cell_numbers.count_in_regions(_CELLS, regions * 0, 0), [])
