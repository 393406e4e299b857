"""Where a file may say how its image is turned: EXIF anywhere in PNG, profiles, and XMP."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from rbc_tf.core import image_io
from rbc_tf.core.decoding import png_chunks, raster
from tests.core.decoding.varieties import exif, picture, pillow, png_chunk, tiff, turned

_PNG = pillow(picture(), "PNG")
_FORMS = ("an attribute", "an element", "single quotes")


def _xmp(tag, form="an attribute"):
    attribute, element = "", ""
    if form == "an element":
        element = f"<tiff:Orientation>{tag}</tiff:Orientation>"
    else:
        quote = "'" if form == "single quotes" else '"'
        attribute = f" tiff:Orientation={quote}{tag}{quote}"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{element}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def _profile(data):
    digits = data.hex().encode()
    lines = [digits[place : place + 72] for place in range(0, len(digits), 72)]
    return b"\nexif\n" + str(len(data)).rjust(8).encode() + b"\n" + b"\n".join(lines) + b"\n"


def _text(keyword, text):
    return png_chunk(b"tEXt", keyword + b"\0" + text)


def _packed_text(keyword, text):
    return png_chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))


def _international(keyword, text):
    return png_chunk(b"iTXt", keyword + b"\0\0\0en\0name\0" + text)


def _packed_international(keyword, text):
    return png_chunk(b"iTXt", keyword + b"\0\1\0en\0name\0" + zlib.compress(text))


def _png(*chunks, before=b"IDAT"):
    place = _PNG.rindex(before) - 4
    return _PNG[:place] + b"".join(chunks) + _PNG[place:]


def _raw_exif(tag):
    return exif(tag).removeprefix(b"Exif\0\0")


def _jpeg(**settings):
    return pillow(picture(), "JPEG", quality=95, **settings)


def _pngs_of(tag):
    """Every place in which a PNG may say it, and a name of it."""
    yield "eXIf", _png(png_chunk(b"eXIf", _raw_exif(tag)))
    yield "eXIf with a name", _png(png_chunk(b"eXIf", exif(tag)))
    for text in (_text, _packed_text, _international, _packed_international):
        name = text.__name__
        yield f"profile {name}", _png(text(b"Raw profile type exif", _profile(exif(tag))))
        yield f"XMP {name}", _png(text(b"XML:com.adobe.xmp", _xmp(tag)))
    yield "APP1", _png(_packed_text(b"Raw profile type APP1", _profile(exif(tag))))
    yield "profile of XMP", _png(_packed_text(b"Raw profile type xmp", _profile(_xmp(tag))))


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_a_png_is_turned_wherever_it_says_so(tag, before):
    expected = turned(picture(), tag)
    for name, content in _pngs_of(tag):
        start = _PNG.rindex(b"IDAT") - 4
        chunks = content[start : start + len(content) - len(_PNG)]
        moved = _png(chunks, before=before)
        found = image_io.decode_image(moved, "a.png")
        np.testing.assert_array_equal(found, expected, err_msg=name)
        assert image_io.header(moved, "a.png").orientation == tag


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_pillow_turns_these_alike(before):
    for chunk in (
        png_chunk(b"eXIf", _raw_exif(6)),
        _packed_text(b"Raw profile type exif", _profile(exif(6))),
        _international(b"XML:com.adobe.xmp", _xmp(6)),
    ):
        content = _png(chunk, before=before)
        with Image.open(io.BytesIO(content)) as image:
            theirs = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(image_io.decode_image(content, "a.png"), theirs)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("form", _FORMS)
def test_xmp_turns_jpeg_and_tiff(tag, form):
    content = _jpeg(xmp=_xmp(tag, form))
    upright = image_io.decode_image(_jpeg(), "a.jpg")
    np.testing.assert_array_equal(image_io.decode_image(content, "a.jpg"), turned(upright, tag))
    assert raster.is_plain_jpeg(content) is (tag == 1)
    xmp = _xmp(tag, form)
    content = tiff(picture(), photometric="rgb", extratags=[(700, "B", len(xmp), xmp, True)])
    np.testing.assert_array_equal(image_io.decode_image(content, "a.tif"), turned(picture(), tag))


def _files_that_say(first, second):
    """By EXIF, or the tag of TIFF, and by something else."""
    yield _jpeg(exif=exif(first), xmp=_xmp(second))
    block = png_chunk(b"eXIf", _raw_exif(first))
    for _, content in _pngs_of(second):
        place = len(_PNG) - 12
        yield content[: len(content) - 12] + block + _PNG[place:]
    xmp = _xmp(second)
    tags = [(274, "H", 1, first, True), (700, "B", len(xmp), xmp, True)]
    yield tiff(picture(), photometric="rgb", extratags=tags)


@pytest.mark.parametrize(("first", "second"), [(1, 6), (6, 1), (3, 8)])
def test_two_that_contradict_are_refused(first, second):
    for content in _files_that_say(first, second):
        for read in (image_io.decode_image, image_io.header):
            expected = rf"a: all orientation tags.*Received: {min(first, second)}, "
            with pytest.raises(image_io.ImageError, match=expected):
                read(content, "a")


def test_two_that_say_the_same_are_read():
    for content in _files_that_say(6, 6):
        assert image_io.header(content, "a").orientation == 6


def test_what_is_no_orientation_says_nothing():
    for tag in (0, 9, 66, 600):
        assert image_io.header(_jpeg(xmp=_xmp(tag)), "a.jpg").orientation == 1
        assert image_io.header(_jpeg(exif=exif(tag), xmp=_xmp(6)), "a.jpg").orientation == 6
    profile = _profile(exif(6))
    for chunk in (
        _text(b"Comment", profile),
        _text(b"Raw profile type exif", b"\nexif\n 9\nno digits"),
        png_chunk(b"zTXt", b"Raw profile type exif\0\0no deflate"),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp"),
    ):
        content = _png(chunk)
        np.testing.assert_array_equal(image_io.decode_image(content, "a.png"), picture())


@pytest.mark.parametrize("kind", [b"eXIf", b"tEXt", b"pHYs"])
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_a_chunk_that_is_damaged_is_no_reason_not_to_turn_an_image(kind, before):
    chunk = bytearray(png_chunk(kind, _raw_exif(6)))
    chunk[-1] ^= 1
    content = _png(bytes(chunk), before=before)
    for read in (image_io.decode_image, image_io.header):
        with pytest.raises(image_io.ImageError, match=rf"damaged .its chunk '{kind.decode()}' is"):
            read(content, "a.png")


def test_a_text_that_unpacks_to_very_much_is_refused(monkeypatch):
    monkeypatch.setattr(png_chunks, "_MAX_TEXT", 10_000)
    content = _png(_packed_text(b"XML:com.adobe.xmp", _xmp(6) + b" " * 20_000))
    with pytest.raises(image_io.ImageError, match=r"a\.png: .* at most 10,000 bytes"):
        image_io.header(content, "a.png")


def test_chunks_behind_the_data_are_none_of_the_header():
    """Nothing may put another header behind the one that the decoder reads."""
    other = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
    assert image_io.header(_png(other, before=b"IEND"), "a.png").size == picture().shape[:2]
