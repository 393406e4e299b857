"""TIFF: what the files say of their intensities, and files that are made to do harm."""

import contextlib
import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.intensity import FILE, IntensityRange
from tests.core.decoding.varieties import HEIGHT, WIDTH, deep, picture, raw_tiff, tiff, without_tag

_GREY = picture()[..., 0]


def _header(pixels=None, **settings):
    pixels = deep(_GREY) if pixels is None else pixels
    return image_io.header(tiff(pixels, **{"photometric": "minisblack"} | settings), "a.tif")


def _samples(low, high):
    """Of SMinSampleValue and SMaxSampleValue; None: without."""
    tags = [(340, low), (341, high)]
    return [(tag, "H", 1, value, True) for tag, value in tags if value is not None]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("low", [0, None])
def test_the_whole_range_of_a_camera_is_certain(bits, low):
    header = _header(extratags=_samples(low, 2**bits - 1))
    assert header.intensity == IntensityRange.of_bits(bits, FILE)
    assert not header.lacks_intensity
    shown = {"min": 0.0, "max": 2.0**bits - 1}
    header = image_io.header(tiff(deep(_GREY), imagej=True, metadata=shown), "a.tif")
    assert header.intensity == IntensityRange.of_bits(bits, FILE)


def test_any_other_range_may_be_of_the_image_alone():
    expected = IntensityRange(117, 3380, FILE)
    header = _header(extratags=_samples(117, 3380))
    assert (header.intensity, header.display) == (None, expected)
    shown = {"min": 117.0, "max": 3380.0}
    header = image_io.header(tiff(deep(_GREY), imagej=True, metadata=shown), "a.tif")
    assert (header.intensity, header.display) == (None, expected)
    for low, high in ((9, 9), (None, None), (4000, 20)):
        header = _header(extratags=_samples(low, high))
        assert (header.intensity, header.display) == (None, None)
    for shown in ({"min": float("nan"), "max": float("inf")}, {"min": -5.0, "max": 70000.0}):
        header = image_io.header(tiff(deep(_GREY), imagej=True, metadata=shown), "a.tif")
        assert (header.intensity, header.display) == (None, None)


def test_samples_of_colours_share_their_range():
    tags = [(341, "H", 3, (4095, 4095, 4095), True)]
    header = _header(deep(picture()), photometric="rgb", extratags=tags)
    assert header.intensity == IntensityRange.of_bits(12, FILE)


def test_bits_of_other_programs():
    metadata = {"axes": "YX", "SignificantBits": 12}
    content = tiff(deep(_GREY), ome=True, metadata=metadata)
    header = image_io.header(content, "a.tif")
    assert header.intensity == IntensityRange.of_bits(12, FILE)
    micromanager = b'{"BitDepth": 14, "Width": 64}\0'
    header = _header(extratags=[(51123, "s", len(micromanager), micromanager, True)])
    assert header.intensity == IntensityRange.of_bits(14, FILE)


def test_white_is_zero_fills_all_bits_unless_the_file_says_otherwise():
    header = _header(65535 - deep(_GREY, 16), photometric="miniswhite")
    assert header.intensity == IntensityRange.of_bits(16, FILE)
    header = _header(photometric="miniswhite", extratags=_samples(0, 4095))
    assert header.intensity == IntensityRange.of_bits(12, FILE)


@pytest.mark.parametrize("compression", [None, "adobe_deflate"])
def test_white_is_zero_shows_the_same_in_8_and_in_16_bits(compression):
    settings = {"photometric": "miniswhite", "compression": compression}
    for stored in (255 - _GREY, 65535 - deep(_GREY, 16)):
        found = image_io.decode_image(tiff(stored, **settings), "a.tif")
        np.testing.assert_array_equal(found[..., 0], _GREY)


def test_images_of_8_bits_have_no_range():
    header = _header(_GREY, extratags=_samples(3, 200))
    assert (header.bits, header.intensity, header.display) == (8, None, None)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_masks_of_all_depths(tmp_path, dtype, photometric):
    cells = _GREY > 128
    stored = cells.astype(dtype) * np.iinfo(dtype).max
    stored = np.iinfo(dtype).max - stored if photometric == "miniswhite" else stored
    (tmp_path / "mask.tif").write_bytes(tiff(stored, photometric=photometric))
    np.testing.assert_array_equal(image_io.read_mask(tmp_path / "mask.tif"), cells)


def test_a_width_of_several_numbers_is_the_image_s_failure():
    content = raw_tiff(_GREY.tobytes(), tags={256: (WIDTH, 7, 9)})
    with pytest.raises(image_io.ImageError, match=r"a\.tif: "):
        image_io.decode_image(content, "a.tif")
    with pytest.raises(image_io.ImageError, match=r"a\.tif: "):
        image_io.header(content, "a.tif")


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279])
@pytest.mark.parametrize("value", [(), (0,), (2**32 - 1,), (3, 5), (2**31,)])
def test_impossible_values_of_tags_are_the_image_s_failure_or_no_matter(tag, value):
    content = raw_tiff(_GREY.tobytes(), tags={tag: value})
    try:
        found = image_io.decode_image(content, "a.tif")
    except image_io.ImageError:
        return
    # All rows in a strip, or the length of a strip without compression, which follows from others.
    shown = 255 - _GREY if (tag, value) == (262, (0,)) else _GREY
    np.testing.assert_array_equal(found[..., 0], shown)


@pytest.mark.parametrize("photometric", [0, 1, 2])
def test_whether_black_or_white_is_zero_must_be_said(photometric):
    pixels = picture() if photometric == 2 else _GREY
    bits = (8,) * (3 if photometric == 2 else 1)
    content = raw_tiff(pixels.tobytes(), bits=bits, photometric=photometric)
    assert image_io.decode_image(content, "a.tif").shape == picture().shape
    for read in (image_io.decode_image, image_io.header):
        with pytest.raises(image_io.ImageError, match=r"a\.tif: .*PhotometricInterp.*Received: no"):
            read(without_tag(content, 262), "a.tif")


def test_sizes_and_numbers_are_bounded_before_anything_is_decoded():
    content = raw_tiff(b"\0" * 100, height=13_000, width=13_000)
    with pytest.raises(image_io.ImageError, match="150,000,000 pixels"):
        image_io.decode_image(content, "a.tif")
    content = raw_tiff(b"\0" * 100, height=31_000, width=2)
    with pytest.raises(image_io.ImageError, match="30,000 on a side"):
        image_io.header(content, "a.tif")
    tiles = {322: (16,), 323: (16,), 324: (8,), 325: (9,)}
    content = raw_tiff(b"\0" * 100, height=10_000, width=10_000, tags=tiles)
    with pytest.raises(image_io.ImageError, match="at most 200,000 strips or tiles"):
        image_io.decode_image(content, "a.tif")
    tiles = {322: (2**20,), 323: (2**20,), 324: (8,), 325: (9,)}
    content = raw_tiff(b"\0" * 100, compression=8, tags=tiles)
    with pytest.raises(image_io.ImageError, match=r"tiles, of 150,000,000 pixels.*1048576 x"):
        image_io.decode_image(content, "a.tif")


def test_a_strip_that_unpacks_to_more_than_the_image_is_refused_or_cut():
    bomb = zlib.compress(bytes(200 * HEIGHT * WIDTH), 9)
    with pytest.raises(image_io.ImageError, match="damaged"):
        image_io.decode_image(raw_tiff(bomb, compression=8), "bomb.tif")


def _zeros(content, start, length):
    content[start : start + length] = bytes(length)


def _one_byte(content, start, length):
    content[start + length // 2] ^= 0xFF


@pytest.mark.parametrize(
    ("compression", "damage"),
    [("adobe_deflate", _zeros), ("adobe_deflate", _one_byte), ("lzw", _zeros)],
)
@pytest.mark.parametrize("first", [1, 4, 11])
def test_strips_that_are_damaged_behind_whole_ones_are_refused(compression, damage, first):
    content = bytearray(tiff(picture(), photometric="rgb", rowsperstrip=4, compression=compression))
    assert image_io.decode_image(bytes(content), "a.tif").shape == picture().shape
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        page = file.pages[0]
        strips = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    assert len(strips) == 12
    for start, length in strips[first:]:
        damage(content, start, length)
    with pytest.raises(image_io.ImageError, match=r"a\.tif: the TIFF file is damaged"):
        image_io.decode_image(bytes(content), "a.tif")


@pytest.mark.parametrize("compression", [34712, 33005])
def test_jpeg_2000_of_rgb_is_read(compression):
    stream = imagecodecs.jpeg2k_encode(picture(), reversible=True, codecformat="J2K")
    content = raw_tiff(stream, bits=(8,) * 3, photometric=2, compression=compression)
    np.testing.assert_array_equal(image_io.decode_image(content, "a.tif"), picture())


def test_jpeg_2000_of_other_colours_than_its_file_says_is_refused():
    """As Aperio writes 33003: the file says RGB, and holds brightness and differences of colour."""
    stored = np.asarray(Image.fromarray(picture()).convert("YCbCr"))
    stream = imagecodecs.jpeg2k_encode(stored, reversible=True, codecformat="J2K", mct=False)
    content = raw_tiff(stream, bits=(8,) * 3, photometric=2, compression=33003)
    with pytest.raises(image_io.ImageError, match=r"a\.tif: .* APERIO_JP2000_YCBC is not read"):
        image_io.decode_image(content, "a.tif")


def test_random_damage_never_ends_in_another_error():
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    tifffile.imwrite(stream, picture(), compression="lzw", photometric="rgb", tile=(16, 16))
    content = stream.getvalue()
    for _ in range(300):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            changed[place] = rng.integers(256)
        with contextlib.suppress(image_io.ImageError):
            image_io.decode_image(bytes(changed), "a.tif")


def test_big_endian_tags_are_read_alike():
    content = tiff(
        deep(_GREY), photometric="minisblack", byteorder=">", extratags=_samples(0, 4095)
    )
    assert struct.unpack(">2sH", content[:4]) == (b"MM", 42)
    np.testing.assert_array_equal(image_io.decode_image(content, "a.tif")[..., 0], _GREY)
