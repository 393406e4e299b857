"""Each variety of image is read as it was written and as others read it, or refused.

The table in docs/ says the same: `python -m tests.core.decoding.varieties` writes it.
"""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from rbc_tf.core import image_io
from tests.core.decoding import varieties
from tests.core.decoding.varieties import RANGE_12_BITS, READ

_ALL = varieties.all_varieties()
_READ = [variety for variety in _ALL if variety.shown is not None]
_REFUSED = [variety for variety in _ALL if variety.shown is None]


def _names(found):
    return [f"{variety.kind} {variety.name}" for variety in found]


def _rgb(pixels):
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


@pytest.mark.parametrize("variety", _READ, ids=_names(_READ))
def test_pixels_are_those_that_were_written(variety):
    found = image_io.decode_image(variety.content, "FILE", variety.intensity).astype(int)
    expected = _rgb(variety.shown)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=variety.tolerance)
    assert image_io.header(variety.content, "FILE").size == expected.shape[:2]


@pytest.mark.parametrize("variety", _REFUSED, ids=_names(_REFUSED))
def test_what_is_not_certain_is_refused(variety):
    with pytest.raises(image_io.ImageError, match=r"^FILE: "):
        image_io.decode_image(variety.content, "FILE", variety.intensity)


def _of_others(variety):
    """uint8 [H, W, 3] by another decoder; None where there is none that reads it so."""
    if "orientation" in variety.name or variety.kind == "JPEG":
        with Image.open(io.BytesIO(variety.content)) as image:
            # Pillow turns TIFF by itself.
            shown = image if variety.kind == "TIFF" else ImageOps.exif_transpose(image)
            return np.asarray(shown.convert("RGB"))
    stored = varieties.independent(variety)
    if stored is None or stored.dtype not in (np.uint8, np.uint16, np.bool_):
        return None
    if stored.ndim == 3 and stored.shape[0] < 5:
        stored = np.moveaxis(stored, 0, -1)
    if stored.dtype == np.bool_:
        stored = stored * np.uint8(255)
    if "white is zero" in variety.name:
        stored = (4095 if stored.dtype == np.uint16 else 255) - stored
    if stored.dtype == np.uint16:
        stored = RANGE_12_BITS.to_bytes(stored)
    if stored.ndim == 3:
        stored = stored[..., :3] if stored.shape[2] >= 3 else stored[..., 0]
    return _rgb(stored)


# Of which the other decoders give places in a palette, or numbers of fewer bits.
_STORED_OTHERWISE = ("palette", ", 2 bits", ", 4 bits", ", 6 bits", "1 bit", "packed", "mode P")


def test_pixels_are_those_that_other_programs_read():
    compared = 0
    for variety in _READ:
        if any(part in variety.name for part in _STORED_OTHERWISE):
            continue
        others = _of_others(variety)
        if others is not None:
            found = image_io.decode_image(variety.content, "FILE", variety.intensity).astype(int)
            np.testing.assert_allclose(found, others, atol=1, err_msg=variety.name)
            compared += 1
    assert compared >= 150


def test_there_are_many_and_the_table_says_what_becomes_of_each():
    assert len(_ALL) >= 250
    assert varieties.DOCS.read_text(encoding="utf-8") == varieties.table()
    assert all((varieties.answer(v) == READ) == (v.shown is not None) for v in _ALL)
