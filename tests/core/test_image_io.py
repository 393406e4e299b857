"""Images of every format, and the errors of broken ones."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile

from rbc_tf.core import image_io


@pytest.fixture(scope="module")
def pixels():
    """uint8 [40, 60, 3] RGB, smooth, so that JPEG keeps it."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 20, 235, cv2.NORM_MINMAX)


def _write(path, stored):
    """Writes as given; the channels of `stored` are in OpenCV's order."""
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_JPEG_QUALITY, 100])
    return path


@pytest.mark.parametrize("extension", image_io.EXTENSIONS)
def test_colour_and_grey(tmp_path, pixels, extension):
    tolerance = 25 if extension in (".jpg", ".jpeg") else 0
    colour = _write(tmp_path / f"Zelle 1 \u00e9{extension}", pixels[..., ::-1])
    read = image_io.read_image(colour)
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int), pixels, atol=tolerance)
    assert image_io.image_size(colour) == (40, 60)
    grey = _write(tmp_path / f"grey{extension}", pixels[..., 0])
    expected = np.repeat(pixels[..., :1], 3, axis=2)
    np.testing.assert_allclose(image_io.read_image(grey).astype(int), expected, atol=tolerance)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("bits", [12, 14, 16])
def test_sixteen_bits_are_scaled_from_what_the_camera_gave(tmp_path, pixels, extension, bits):
    raw = np.rint(pixels / 255.0 * (2**bits - 1)).astype(np.uint16)
    read = image_io.read_image(_write(tmp_path / f"deep{extension}", raw[..., ::-1]))
    np.testing.assert_allclose(read.astype(int), pixels, atol=1)


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_alpha_is_dropped(tmp_path, pixels, extension):
    path = _write(tmp_path / f"alpha{extension}", np.dstack([pixels[..., ::-1], pixels[..., 0]]))
    np.testing.assert_array_equal(image_io.read_image(path), pixels)


def test_own_files_come_back(tmp_path, pixels):
    image_io.write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(image_io.read_image(tmp_path / "a.png"), pixels)
    image_io.write_jpeg(tmp_path / "a.jpg", pixels, quality=95)
    assert image_io.read_image(tmp_path / "a.jpg").shape == pixels.shape
    mask = pixels[..., 0] > 100
    image_io.write_mask(tmp_path / "m.png", mask)
    np.testing.assert_array_equal(image_io.read_mask(tmp_path / "m.png"), mask)


@pytest.mark.parametrize("extension", image_io.EXTENSIONS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files_are_errors(tmp_path, pixels, extension, share):
    path = _write(tmp_path / f"cut{extension}", pixels)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(image_io.ImageError, match="cut"):
        image_io.read_image(path)


def test_other_content_is_an_error(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(image_io.ImageError, match=r"text\.png.*PNG, JPEG, TIFF or BMP"):
        image_io.read_image(tmp_path / "text.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(image_io.ImageError, match="empty"):
        image_io.read_image(tmp_path / "empty.jpg")
    with pytest.raises(image_io.ImageError, match="cannot be read"):
        image_io.read_image(tmp_path / "missing.png")


def _png_of_declared_size(path, width, height):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("side", [13_000, 20_000])
def test_huge_declared_sizes_are_refused_before_decoding(tmp_path, side):
    _png_of_declared_size(tmp_path / "huge.png", side, side)
    with pytest.raises(image_io.ImageError, match="150,000,000 pixels"):
        image_io.read_image(tmp_path / "huge.png")


def test_tiff_of_several_pages_or_of_floats_is_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "stack.tif", np.zeros((3, 8, 9), np.uint8), photometric="minisblack"
    )
    with pytest.raises(image_io.ImageError, match=r"one page.*3 pages"):
        image_io.read_image(tmp_path / "stack.tif")
    tifffile.imwrite(tmp_path / "float.tif", np.zeros((8, 9), np.float32))
    with pytest.raises(image_io.ImageError, match="float32"):
        image_io.read_image(tmp_path / "float.tif")


def test_masks_have_two_values(tmp_path, pixels):
    grey = np.zeros((8, 9), np.uint8)
    grey[2:4], grey[5] = 255, 128
    _write(tmp_path / "three.png", grey)
    with pytest.raises(image_io.ImageError, match=r"3 values \(0, 128, 255\)"):
        image_io.read_mask(tmp_path / "three.png")
    _write(tmp_path / "no_black.png", np.where(grey > 0, np.uint8(255), np.uint8(128)))
    with pytest.raises(image_io.ImageError, match=r"2 values \(128, 255\)"):
        image_io.read_mask(tmp_path / "no_black.png")
    _write(tmp_path / "full.png", np.full((8, 9), 255, np.uint8))
    assert image_io.read_mask(tmp_path / "full.png").all()
    _write(tmp_path / "colour.png", pixels)
    with pytest.raises(image_io.ImageError, match="coloured"):
        image_io.read_mask(tmp_path / "colour.png")
    _write(tmp_path / "black.png", np.zeros((8, 9), np.uint8))
    assert not image_io.read_mask(tmp_path / "black.png").any()
    _write(tmp_path / "ones.png", (grey > 0).astype(np.uint8))  # 0 and 1, as ImageJ may save
    assert image_io.read_mask(tmp_path / "ones.png").sum() == 27


def test_smallest_image(tmp_path):
    _write(tmp_path / "one.png", np.zeros((1, 1, 3), np.uint8))
    assert image_io.read_image(tmp_path / "one.png").shape == (1, 1, 3)
