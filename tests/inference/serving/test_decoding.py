"""Images decoded in a graph have the pixels that `image_io` reads."""

import io
import os
import pathlib
import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference.serving import decoding
from tests.core.decoding.varieties import exif, png_chunk

_BYTES = [tf.TensorSpec([], tf.string)]
_decode = tf.function(lambda content: decoding.decode(content), input_signature=_BYTES)


@pytest.fixture(scope="module")
def pixels():
    """uint8 [41, 63, 4], smooth; odd sides, which halved colours do not divide."""
    noise = np.random.default_rng(0).integers(0, 255, (41, 63, 4), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def _check(path, content, tolerance=0):
    path.write_bytes(content)
    found = _decode(content).numpy()
    expected = image_io.read_image(path)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.astype(int), expected, atol=tolerance, strict=False)
    assert found.shape == expected.shape
    return found


def _encoded(image, kind, **settings):
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [40, 90])
def test_jpeg(tmp_path, pixels, subsampling, progressive, quality):
    settings = {"subsampling": subsampling, "progressive": progressive, "quality": quality}
    for shown in (pixels, pixels[:1, :1], pixels[:17, :9]):
        image = Image.fromarray(shown).convert("RGB")
        _check(tmp_path / "a.jpg", _encoded(image, "JPEG", **settings))


def test_jpeg_of_other_colours(tmp_path, pixels):
    _check(tmp_path / "grey.jpg", _encoded(Image.fromarray(pixels[..., 0]), "JPEG"))
    cmyk = Image.merge("CMYK", [Image.fromarray(pixels[..., band]) for band in range(4)])
    _check(tmp_path / "cmyk.jpg", _encoded(cmyk, "JPEG", quality=95), tolerance=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("tag", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_images_are_turned_as_their_tag_says(tmp_path, pixels, kind, tag, endian):
    turned = Image.Exif()
    turned.endian = endian
    turned[271], turned[274], turned[305] = "maker", tag, "software"
    image = Image.fromarray(pixels).convert("RGB")
    found = _check(tmp_path / "a", _encoded(image, kind, exif=turned.tobytes()))
    assert found.shape == ((63, 41, 3) if 5 <= tag <= 8 else (41, 63, 3))


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_png_whose_tag_comes_behind_the_data_is_turned(tmp_path, pixels, tag):
    content = _encoded(Image.fromarray(pixels), "PNG")
    end = len(content) - 12
    late = png_chunk(b"eXIf", exif(tag).removeprefix(b"Exif\0\0"))
    found = _check(tmp_path / "a.png", content[:end] + late + content[end:])
    assert found.shape == ((63, 41, 3) if tag >= 5 else (41, 63, 3))


def test_damaged_exif_turns_nothing(tmp_path, pixels):
    turned = Image.Exif()
    turned[274] = 6
    block = turned.tobytes()
    image = Image.fromarray(pixels).convert("RGB")
    for damaged in (block[:6], block[:9], block[:14], block[:10] + b"\xff" * 8):
        found = _check(tmp_path / "a.jpg", _encoded(image, "JPEG", exif=damaged))
        assert found.shape == (41, 63, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png(tmp_path, pixels, mode):
    image = Image.fromarray(pixels)
    image = image.convert("RGB").quantize(7) if mode == "P" else image.convert(mode)
    _check(tmp_path / "a.png", _encoded(image, "PNG"))
    if mode in ("L", "P"):
        _check(tmp_path / "clear.png", _encoded(image, "PNG", transparency=3))


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_sixteen_bits(tmp_path, pixels, bits, channels):
    raw = np.rint(pixels / 255.0 * (2**bits - 1)).astype(np.uint16)
    raw[..., 3] = 65535  # opaque, which tells nothing of the camera
    stored = raw[..., :channels] if channels > 1 else raw[..., 0]
    path = tmp_path / "deep.png"
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())
    intensity = IntensityRange.of_bits(bits)
    found = decoding.decode(tf.constant(path.read_bytes()), intensity).numpy()
    np.testing.assert_array_equal(found, image_io.read_image(path, intensity))
    shown = pixels[..., 2::-1] if channels > 1 else pixels[..., :1]
    np.testing.assert_allclose(found.astype(int), np.broadcast_to(shown, found.shape), atol=1)
    _refused(path.read_bytes(), "8 bits is required")


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_bmp(tmp_path, pixels, mode):
    image = Image.fromarray(pixels)
    image = image.convert("RGB").quantize(200) if mode == "P" else image.convert(mode)
    _check(tmp_path / "a.bmp", _encoded(image, "BMP"))


def test_bmp_with_bit_fields_and_from_the_top(tmp_path, pixels):
    content = cv2.imencode(".bmp", pixels)[1].tobytes()
    assert content[30:34] == struct.pack("<I", 3)
    _check(tmp_path / "fields.bmp", content)
    content = bytearray(_encoded(Image.fromarray(pixels).convert("RGB"), "BMP"))
    content[22:26] = struct.pack("<i", -41)
    found = _check(tmp_path / "top.bmp", bytes(content))
    np.testing.assert_array_equal(found, pixels[::-1, :, :3])


def _refused(content, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        _decode(content)


@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0" + b"\0" * 100, b"GIF89a" * 20])
def test_other_formats_are_refused(content):
    _refused(content, "JPEG, PNG or BMP bytes are required")


_decode_at = tf.function(
    lambda content, place: decoding.decode(content, place=place),
    input_signature=[*_BYTES, tf.TensorSpec([], tf.int32)],
)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG",
        b"\xff\xd8",
        bytes(range(128, 256)),
        b"RIFF\xff\xfe\0\0WEBP",
        b"BM\x80" + b"\xff" * 90,
    ],
)
def test_errors_are_utf8_whatever_came_and_name_the_place(content):
    # Of other text the client of Python would make an UnicodeDecodeError.
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"counted from 0:\] \[7\]"):
        _decode_at(content, 7)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_files_are_refused(pixels, kind, share):
    content = _encoded(Image.fromarray(pixels).convert("RGB"), kind)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"counted from 0:\] \[7\]"):
        _decode_at(content[: int(len(content) * share)], 7)


@pytest.mark.parametrize("kind", ["PNG", "PNG of 16 bits"])
def test_damaged_data_are_refused_with_their_place(pixels, kind):
    image = Image.fromarray(pixels).convert("RGB") if kind == "PNG" else None
    content = bytearray(
        _encoded(image, "PNG")
        if image
        else cv2.imencode(".png", pixels[..., :3].astype(np.uint16) * 257)[1].tobytes()
    )
    content[len(content) // 2] ^= 0xFF
    decode = tf.function(lambda data, place: decoding.decode(data, IntensityRange(0, 65535), place))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"whole is required.*\[3\]"):
        decode(bytes(content), 3)


def test_bmp_that_tensorflow_would_read_wrongly_is_refused(pixels):
    _refused(_encoded(Image.fromarray(pixels).convert("1"), "BMP"), "a BMP image of 8, 24 or 32")
    content = bytearray(_encoded(Image.fromarray(pixels).convert("L"), "BMP"))
    content[30] = 1  # says that rows are run-length encoded
    _refused(bytes(content), "without compression")
    content = bytearray(cv2.imencode(".bmp", pixels)[1].tobytes())
    content[54:66] = struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)  # red and blue exchanged
    _refused(bytes(content), "a BMP image")


@pytest.mark.parametrize(("height", "width"), [(13_000, 13_000), (2**31 - 1, 2**31 - 1)])
def test_huge_images_are_refused_before_decoding(pixels, height, width):
    content = bytearray(_encoded(Image.fromarray(pixels), "PNG"))
    content[16:24] = struct.pack(">II", width, height)
    _refused(bytes(content), "150,000,000 pixels")


@pytest.mark.skipif("RBC_CHULA_DIR" not in os.environ, reason="RBC_CHULA_DIR is not set")
def test_real_smears(tmp_path):
    folder = pathlib.Path(os.environ["RBC_CHULA_DIR"]) / "Dataset"
    for path in sorted(folder.iterdir())[::60]:
        np.testing.assert_array_equal(_decode(path.read_bytes()), image_io.read_image(path))
