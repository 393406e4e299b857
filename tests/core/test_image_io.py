"""Images of every format, and the errors of broken ones."""

import io
import os
import socket
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from rbc_tf.core import image_io
from rbc_tf.core.intensity import ESTIMATED, IntensityRange


@pytest.fixture(scope="module")
def pixels():
    """uint8 [40, 60, 3] RGB, smooth, so that JPEG keeps it."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 20, 235, cv2.NORM_MINMAX)


_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")


def _write(path, stored):
    """Writes as given; the channels of `stored` are in OpenCV's order."""
    extension = ".jpg" if path.suffix in _JPEG else path.suffix
    done, encoded = cv2.imencode(extension, stored, [cv2.IMWRITE_JPEG_QUALITY, 100])
    assert done
    path.write_bytes(encoded.tobytes())
    return path


@pytest.mark.parametrize("extension", image_io.EXTENSIONS)
def test_colour_and_grey(tmp_path, pixels, extension):
    tolerance = 25 if extension in _JPEG else 0
    colour = _write(tmp_path / f"Zelle 1 \u00e9{extension}", pixels[..., ::-1])
    read = image_io.read_image(colour)
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int), pixels, atol=tolerance)
    assert image_io.image_size(colour) == (40, 60)
    grey = _write(tmp_path / f"grey{extension}", pixels[..., 0])
    expected = np.repeat(pixels[..., :1], 3, axis=2)
    np.testing.assert_allclose(image_io.read_image(grey).astype(int), expected, atol=tolerance)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_sixteen_bits_are_scaled_from_what_the_camera_gave(tmp_path, pixels, extension, bits):
    raw = np.rint(pixels / 255.0 * (2**bits - 1)).astype(np.uint16)
    path = _write(tmp_path / f"deep{extension}", raw[..., ::-1])
    read = image_io.read_image(path, IntensityRange.of_bits(bits))
    np.testing.assert_allclose(read.astype(int), pixels, atol=1)
    with pytest.raises(image_io.ImageError, match=r"16 bits, and does not say.*--bit_depth"):
        image_io.read_image(path)


def test_a_given_range_counts_before_that_of_the_file_and_that_before_an_estimate(tmp_path):
    path = tmp_path / "said.tif"
    tags = [(341, "H", 1, 4095, False)]  # SMaxSampleValue
    tifffile.imwrite(path, np.full((4, 5), 2048, np.uint16), extratags=tags)
    for intensity, grey in (
        (None, 128),
        (IntensityRange.of_bits(16, ESTIMATED), 128),
        (IntensityRange.of_bits(16), 8),
        (IntensityRange(2048 - 51, 2048 + 204), 51),
        (IntensityRange(3000, 4000), 0),
        (IntensityRange(0, 2000), 255),
    ):
        assert (image_io.read_image(path, intensity) == grey).all()


def test_values_above_a_range_that_nobody_gave(tmp_path):
    values = np.full((40, 50), 2000, np.uint16)
    values.flat[:20] = 60_000  # a hundredth: hot pixels
    path = _write(tmp_path / "hot.png", values)
    estimated = IntensityRange.of_bits(12, ESTIMATED)
    assert np.unique(image_io.read_image(path, estimated)).tolist() == [125, 255]
    values.flat[:21] = 60_000
    _write(path, values)
    with pytest.raises(image_io.ImageError, match=r"hot\.png: 1% of its values lie above"):
        image_io.read_image(path, estimated)
    assert image_io.read_image(path, IntensityRange.of_bits(12)).max() == 255


@pytest.mark.parametrize(
    ("extension", "shape"), [(".png", (900, 700, 3)), (".tif", (900, 700, 3)), (".tif", (900, 700))]
)
def test_images_of_16_bits_take_few_times_their_own_memory(tmp_path, extension, shape):
    """The largest that is read has 150 million pixels."""
    path = _write(tmp_path / f"deep{extension}", np.full(shape, 3000, np.uint16))
    tracemalloc.start()
    image_io.read_image(path, IntensityRange.of_bits(12))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 25 * 900 * 700


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


@pytest.mark.parametrize(
    ("width", "height"), [(13_000, 13_000), (20_000, 20_000), (1_000_000, 1), (1, 30_001), (0, 9)]
)
def test_sizes_out_of_bounds_are_refused_before_decoding(tmp_path, width, height):
    _png_of_declared_size(tmp_path / "huge.png", width, height)
    message = "150,000,000 pixels, and 30,000 on a side" if width else "must have pixels"
    with pytest.raises(image_io.ImageError, match=f"{message}.*{width} x {height}"):
        image_io.read_image(tmp_path / "huge.png")


def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.png"))
        for name in ("pipe", "folder", "link", "loop", "socket"):
            with pytest.raises(image_io.ImageError, match=rf"{name}\.png: cannot be read"):
                image_io.read_image(tmp_path / f"{name}.png")
    _write(tmp_path / "real.png", np.zeros((3, 4), np.uint8))
    (tmp_path / "fine.png").symlink_to("real.png")
    assert image_io.image_size(tmp_path / "fine.png") == (3, 4)


def test_files_larger_than_any_image_are_refused_unread(tmp_path):
    with (tmp_path / "large.tif").open("wb") as file:
        file.truncate(image_io.MAX_BYTES + 1)
    with pytest.raises(image_io.ImageError, match="1,500,000,000 bytes"):
        image_io.read_image(tmp_path / "large.tif")


def _with_exif(image, exif):
    """The image as Pillow opens it from a PNG with a block of EXIF."""
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    return Image.open(stream)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif"])
def test_every_reader_turns_images_and_masks(tmp_path, tag, extension):
    cells = np.zeros((16, 24), bool)
    cells[:8, :10] = True
    path = tmp_path / f"mask{extension}"
    stored = Image.fromarray(np.uint8(cells) * 255)
    exif = Image.Exif()
    exif[274] = tag
    stored.save(path, **({"tiffinfo": {274: tag}} if extension == ".tif" else {"exif": exif}))
    shown = np.asarray(ImageOps.exif_transpose(_with_exif(stored, exif))) > 128
    assert image_io.image_size(path) == shown.shape
    np.testing.assert_array_equal(image_io.read_image(path)[..., 0] > 128, shown)
    if extension != ".jpg":
        np.testing.assert_array_equal(image_io.read_mask(path), shown)


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
