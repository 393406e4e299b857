"""JPEG, PNG and BMP that are damaged or made to do harm, and what enters detection records."""

import io
import re
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.decoding import raster
from tests.core.decoding.varieties import picture, pillow, png_chunk, tiff

_FILES = {
    "baseline.jpg": pillow(picture(), "JPEG"),
    "progressive.jpg": pillow(picture(), "JPEG", progressive=True),
    "grey.jpg": pillow(picture(), "JPEG", "L"),
    "a.png": pillow(picture(), "PNG"),
    "palette.png": pillow(picture(), "PNG", "P"),
    "a.bmp": pillow(picture(), "BMP"),
    "deflate.tif": tiff(picture(), photometric="rgb", compression="adobe_deflate"),
    "plain.tif": tiff(picture(), photometric="rgb"),
}


@pytest.mark.parametrize("name", _FILES)
def test_a_file_cut_anywhere_is_refused_or_read_whole(name):
    content = _FILES[name]
    whole = image_io.decode_image(content, name)
    lengths = sorted({*range(0, len(content), 37), *range(len(content) - 20, len(content))})
    refused = 0
    for length in lengths:
        try:
            found = image_io.decode_image(content[:length], name)
        except image_io.ImageError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, whole)
    # Only the marks of an end that come after all data may be missing.
    assert refused >= len(lengths) - 20


@pytest.mark.parametrize("name", ["a.png", "palette.png", "deflate.tif"])
def test_a_changed_byte_is_found_where_there_is_a_hash(name):
    content = _FILES[name]
    whole = image_io.decode_image(content, name)
    start = content.index(b"IDAT") if name.endswith(".png") else 200
    end = content.index(b"IEND") if name.endswith(".png") else len(content) - 300
    refused = 0
    places = range(start, end, 29)
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0x10
        try:
            np.testing.assert_array_equal(image_io.decode_image(bytes(changed), name), whole)
        except image_io.ImageError:
            refused += 1
    assert refused >= 0.9 * len(places)


def _many_scans(count):
    """A progressive JPEG whose last scan comes again and again."""
    content = _FILES["progressive.jpg"]
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


def test_a_jpeg_of_endless_scans_is_refused_at_once():
    start = time.process_time()
    with pytest.raises(image_io.ImageError, match=r"at most 100 scans are read. Received: 10,?\d+"):
        image_io.decode_image(_many_scans(10_000), "bomb.jpg")
    assert time.process_time() - start < 5
    content = _FILES["progressive.jpg"]
    assert image_io.decode_image(content, "fine.jpg").shape == picture().shape


def test_pictures_within_segments_count_for_nothing():
    exif = Image.Exif()
    exif[270] = "\xff\xda" * 200
    content = pillow(picture(), "JPEG", exif=exif.tobytes())
    assert image_io.decode_image(content, "a.jpg").shape == picture().shape


def _png_of(data, height=8, width=8):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + end


def test_png_whose_chunks_are_whole_and_whose_data_are_not():
    rows = (b"\0" + bytes(range(8))) * 8
    assert image_io.decode_image(_png_of(zlib.compress(rows)), "a.png")[3, 5].tolist() == [5, 5, 5]
    for data in (
        zlib.compress(rows[:36]),  # four of the rows
        zlib.compress(rows)[:-4],  # no hash
        zlib.compress(rows)[:-1] + b"\0",  # another hash
        zlib.compress(b"\x09" + rows[1:]),  # no such filter
        b"",
    ):
        with pytest.raises(image_io.ImageError, match=r"a\.png: the image is damaged"):
            image_io.decode_image(_png_of(data), "a.png")


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (_FILES["baseline.jpg"], True),
        (_FILES["progressive.jpg"], True),
        (_FILES["grey.jpg"], True),
        (pillow(picture(), "JPEG", "CMYK"), False),
        (_FILES["a.png"], False),
        (_FILES["plain.tif"], False),
        (re.sub(rb"\xff\xc0", b"\xff\xc9", _FILES["baseline.jpg"], count=1), False),  # arithmetic
    ],
)
def test_which_jpeg_every_decoder_reads_alike(content, plain):
    assert raster.is_plain_jpeg(content) is plain


@pytest.mark.parametrize("tag", range(1, 9))
def test_a_jpeg_that_is_to_be_turned_is_not_plain(tag):
    exif = Image.Exif()
    exif[274] = tag
    content = pillow(picture(), "JPEG", exif=exif)
    assert raster.is_plain_jpeg(content) is (tag == 1)


def test_any_failure_of_a_decoder_is_the_image_s_own(monkeypatch):
    def fails(*_, **__):
        raise MemoryError("no memory")

    monkeypatch.setattr(raster.imagecodecs, "png_decode", fails)
    monkeypatch.setattr(raster.simplejpeg, "decode_jpeg_header", fails)
    for name in ("a.png", "baseline.jpg"):
        with pytest.raises(image_io.ImageError, match=f"{name}: .*no memory"):
            image_io.decode_image(_FILES[name], name)


def test_what_pillow_writes_beside_the_image_is_no_matter():
    stream = io.BytesIO()
    Image.fromarray(picture()).save(
        stream, "JPEG", comment=b"\xff\xd9\xff\xda", icc_profile=b"x" * 99
    )
    assert image_io.decode_image(stream.getvalue(), "a.jpg").shape == picture().shape
