"""ImageJ archives: read by roifile, and byte by byte after ImageJ's own decoder."""

import struct
import zipfile

import numpy as np
import roifile
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.data.formats import imagej
from rbc_tf.data.formats.marked import MarkedImage, MarkedRegion

_TYPES = ("Oval", "Stom", "Oval + Disc: a/b", "Zähl", "😀")


def _write(folder, image):
    imagej.writer(folder, _TYPES)(image)
    return folder / f"{image.name}.zip"


def _edges():
    return (
        st.tuples(*(st.floats(0, 60000, width=32) for _ in range(2)))
        .map(sorted)
        .filter(lambda edges: edges[1] - edges[0] > 1e-3)
    )


@given(st.lists(st.tuples(_edges(), _edges()), min_size=1, max_size=4))
def test_boxes_as_roifile_reads_them(tmp_path_factory, edges):
    boxes = [(ymin, xmin, ymax, xmax) for (ymin, ymax), (xmin, xmax) in edges]
    regions = tuple(MarkedRegion(box, ("Stom",)) for box in boxes)
    path = _write(tmp_path_factory.mktemp("rois"), MarkedImage("é 1.png", 9, 9, regions))
    for roi, (ymin, xmin, ymax, xmax) in zip(roifile.roiread(path), boxes, strict=True):
        assert roi.roitype == roifile.ROI_TYPE.RECT
        assert roi.subpixelrect
        found = (roi.yd, roi.xd, roi.heightd, roi.widthd)
        expected = np.array((ymin, xmin, ymax - ymin, xmax - xmin), np.float32)
        assert np.array_equal(np.array(found, np.float32), expected)


def test_bytes_as_imagej_decodes_them(tmp_path):
    """The offsets of ij.io.RoiDecoder: big endian, a rectangle of floats over whole pixels."""
    region = MarkedRegion((10.5, 20.25, 30.75, 50.125), ("Oval",))
    with zipfile.ZipFile(_write(tmp_path, MarkedImage("a.png", 99, 99, (region,)))) as archive:
        (name,) = archive.namelist()
        content = archive.read(name)
    assert name == "0001 Oval.roi"
    assert content[:4] == b"Iout"
    assert struct.unpack_from(">h", content, 4)[0] >= 223  # since when rectangles have fractions
    assert content[6] == 1  # a rectangle
    # The whole pixels that it touches: top, left, bottom, right.
    assert struct.unpack_from(">4h", content, 8) == (10, 20, 31, 51)
    # x, y, width and height.
    assert struct.unpack_from(">4f", content, 18) == (20.25, 10.5, 29.875, 20.25)
    assert struct.unpack_from(">h", content, 50)[0] & 128  # these floats count
    (second_header,) = struct.unpack_from(">i", content, 60)
    offset, length = struct.unpack_from(">2i", content, second_header + 16)
    assert content[offset : offset + 2 * length].decode("utf-16-be") == "0001 Oval"


def _java_properties(text):
    """The rules of java.util.Properties.load that matter here."""
    pairs = (line.split(": ", 1) for line in text.splitlines())
    return {
        key.encode("ascii")
        .decode("unicode_escape")
        .encode("utf-16-be", "surrogatepass")
        .decode("utf-16-be"): value.encode("ascii")
        .decode("unicode_escape")
        .encode("utf-16-be", "surrogatepass")
        .decode("utf-16-be")
        for key, value in pairs
    }


def test_what_is_said_of_a_region(tmp_path):
    p = dict(zip(_TYPES, (0.9, 0.1, 1e-11, 0.25, 0.5), strict=True))
    regions = (
        MarkedRegion((0, 0, 5, 5), _TYPES[2:], None, None, 0.99951, p, 0.75),
        MarkedRegion((0, 0, 5, 5), (), 2, False),
        MarkedRegion((0, 0, 5, 5), ("Oval",)),
        MarkedRegion((0, 0, 5, 5), ("Stom",)),
    )
    path = _write(tmp_path, MarkedImage("a.png", 9, 9, regions))
    several, none, oval, stom = roifile.roiread(path)
    # U+1F600 needs two units of UTF-16, which this field cannot have.
    assert several.name == "0001 Oval + Disc: a/b+Zähl+\ufffd 1.000"
    assert (none.name, oval.name) == ("0002 ?", "0003 Oval")
    assert _java_properties(several.props) == {
        "types": "Oval + Disc: a/b;Zähl;😀",
        "score": "0.99951",
        "abnormal_probability": "0.75",
        **{f"p_{name}": str(value) for name, value in p.items()},
    }
    # A reader that knows nothing of Java's rules must not stumble either.
    assert len(several.properties) == 8
    assert none.properties == {"types": "", "num_cells": 2, "complete": False}
    colours = {roi.stroke_color for roi in (several, none, oval, stom)}
    assert len(colours) == 4
    assert all(colour[0] == 255 for colour in colours)  # opaque
    with zipfile.ZipFile(path) as archive:
        assert not any("/" in name for name in archive.namelist())


def test_empty_images_and_equal_files(tmp_path):
    with zipfile.ZipFile(_write(tmp_path, MarkedImage("slide/a.png", 9, 9))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == []
    image = MarkedImage("b.png", 9, 9, (MarkedRegion((0, 0, 5, 5), ("Oval",)),))
    first = _write(tmp_path, image).read_bytes()
    assert _write(tmp_path, image).read_bytes() == first
