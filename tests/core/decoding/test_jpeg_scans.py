"""JPEG whose last scans are gone, in which nothing but what is missing tells of it."""

import io
import itertools

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.decoding import jpeg_scans
from tests.core.decoding.varieties import picture, pillow, raw_tiff, scans

_END = b"\xff\xd9"
_PROGRESSIVE = {
    "RGB": pillow(picture(), "JPEG", progressive=True),
    "grey": pillow(picture(), "JPEG", "L", progressive=True),
    "CMYK": pillow(picture(), "JPEG", "CMYK", progressive=True),
}


def _refused(content, message="the image is damaged .all scans of a JPEG must be there"):
    with pytest.raises(image_io.ImageError, match=message):
        image_io.decode_image(content, "a.jpg")


@pytest.mark.parametrize("name", _PROGRESSIVE)
def test_a_progressive_jpeg_without_its_last_scans_is_refused(name):
    content = _PROGRESSIVE[name]
    places = scans(content)
    assert len(places) >= 6
    assert image_io.decode_image(content, "a.jpg").shape == picture().shape
    for place in places[1:]:
        # The decoder alone takes it.
        kinds = {"grey": "GRAY", "CMYK": "CMYK"}
        simplejpeg.decode_jpeg(content[:place] + _END, kinds.get(name, "RGB"))
        _refused(content[:place] + _END)


@pytest.mark.parametrize("name", _PROGRESSIVE)
def test_nor_is_one_read_that_lacks_any_of_them(name):
    content = _PROGRESSIVE[name]
    places = [*scans(content), len(content) - 2]
    for start, end in itertools.pairwise(places):
        _refused(content[:start] + content[end:], r"a\.jpg: ")


def test_the_share_that_is_missing_is_said():
    content = _PROGRESSIVE["grey"]
    # The first scan sends but some bits of the mean.
    with pytest.raises(image_io.ImageError, match="leave out 100% of its coefficients"):
        image_io.decode_image(content[: scans(content)[1]] + _END, "a.jpg")


def _of_three_scans():
    """A baseline JPEG that sends each colour in a scan of its own."""
    content = pillow(picture(), "JPEG", subsampling=0)
    start = scans(content)[0]
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
    # The data of a grey image, whose tables are those of the first colour, three times.
    grey = pillow(picture(), "JPEG", "L")
    data = grey[scans(grey)[0] + 10 : -2]
    headers = [b"\xff\xda\0\x08\x01" + bytes([c, 0, 0, 63, 0]) for c in (1, 2, 3)]
    return content[:start] + b"".join(header + data for header in headers) + _END


def test_a_baseline_jpeg_of_several_scans_must_send_all_colours():
    content = _of_three_scans()
    assert image_io.decode_image(content, "a.jpg").shape == picture().shape
    for place in scans(content)[1:]:
        _refused(content[:place] + _END)


def test_a_jpeg_within_tiff_must_be_whole():
    content = _PROGRESSIVE["grey"]
    whole = raw_tiff(content, compression=7)
    np.testing.assert_array_equal(
        image_io.decode_image(whole, "a.tif"), image_io.decode_image(content, "a.jpg")
    )
    cut = raw_tiff(content[: scans(content)[1]] + _END, compression=7)
    with pytest.raises(image_io.ImageError, match=r"a\.tif: .*all scans of a JPEG must be there"):
        image_io.decode_image(cut, "a.tif")


@pytest.mark.parametrize("length", [0, 1, 3, 5])
def test_a_damaged_header_of_a_scan(length):
    content = _PROGRESSIVE["grey"]
    place = scans(content)[0]
    header = content[place + 4 : place + 4 + length]
    cut = content[:place] + b"\xff\xda" + (length + 2).to_bytes(2, "big") + header + _END
    with pytest.raises(ValueError, match="the header of a scan is damaged"):
        jpeg_scans.check_whole(list(jpeg_scans.segments(cut)))
    _refused(cut, r"a\.jpg: ")
