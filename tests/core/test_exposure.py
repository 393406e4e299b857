"""Images in which nothing can be seen are found, and ordinary smears are not."""

import numpy as np
import pytest

from rbc_tf.core import exposure


def _image(value, other=None, share=0.0):
    pixels = np.full((200, 300, 3), value, np.uint8)
    if other is not None:
        pixels[: int(200 * share)] = other
    return pixels


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (_image(0), exposure.NEARLY_BLACK),
        (_image(32), exposure.NEARLY_BLACK),
        (_image(33), None),
        (_image(10, 200, 0.005), exposure.NEARLY_BLACK),
        (_image(10, 200, 0.05), None),
        (_image((0, 0, 60)), None),  # a dark image of one colour, as of fluorescence
        (_image(255), exposure.NEARLY_WHITE),
        (_image(222), None),
        (_image(240, 120, 0.005), exposure.NEARLY_WHITE),
        (_image(240, 120, 0.05), None),  # one cell or two on a bright field
        (np.zeros((1, 1, 3), np.uint8), exposure.NEARLY_BLACK),
    ],
)
def test_of(pixels, expected):
    assert exposure.of(pixels) == expected


def test_warning():
    assert exposure.warning({}, 3, True) is None
    assert exposure.warning({"a": None}, 3, True) is None
    found = dict.fromkeys("fedcba", exposure.NEARLY_BLACK) | {"w": exposure.NEARLY_WHITE}
    text = exposure.warning(found, 9, True)
    assert text.startswith("6 of 9 images come out nearly black (a, b, c, d, e and 1 more); 1 of 9")
    assert "nearly white (w): check their bit depth (--bit_depth" in text
    # Of 8 bits there is nothing to choose.
    assert exposure.warning(found, 9, False).endswith(
        "(w): they are empty, or over- or underexposed"
    )


def test_grey_images_have_no_colours_but_those_of_compression():
    pixels = np.full((20, 20, 3), (120, 123, 118), np.uint8)
    assert exposure.is_grey(pixels)
    pixels[:10, :2] = (180, 90, 120)  # a stained cell, of 5 % of the image
    assert not exposure.is_grey(pixels)
