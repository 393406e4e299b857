"""What is measured of images, and which are unlike those that were learnt from."""

import cv2
import numpy as np
import pytest

from rbc_tf.inference import appearance
from tests import builders

_CENTRES = [(y, x) for y in (40, 120, 200) for x in (40, 120, 200)]


def _smear(radius=15, background=220, cell=(180, 90, 120), blur=0.0):
    """uint8 [240, 240, 3] with nine discs, and their boxes."""
    image = np.full((240, 240, 3), background, np.uint8)
    for y, x in _CENTRES:
        cv2.circle(image, (x, y), radius, cell, -1)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    boxes = np.array(
        [[y - radius, x - radius, y + radius + 1, x + radius + 1] for y, x in _CENTRES]
    )
    return image, boxes


def test_measures_of_known_discs():
    found = appearance.measure(*_smear())
    assert found["cell_size"] == pytest.approx(31)
    assert found["crowding"] == pytest.approx(9 * 31**2 / 240**2)
    assert found["brightness"] == pytest.approx(220)
    assert found["contrast"] == pytest.approx((220 - 130) / 220)
    assert found["colour"] == pytest.approx((180 - 90) / 180)
    assert 1 < found["edge_width"] < 3  # a step, seen through a Sobel filter of three pixels


def test_blur_widens_edges_as_it_should():
    """A step under a Gaussian has a slope of 1 / (sigma sqrt(2 pi)) of its height at most."""
    found = appearance.measure(*_smear(blur=4.0))
    assert found["edge_width"] == pytest.approx(4 * np.sqrt(2 * np.pi), rel=0.15)


def test_without_regions_only_brightness_and_compression_are_known():
    image, boxes = _smear()
    assert set(appearance.measure(image, boxes[:4])) == {"brightness", "compression"}


def test_compression_is_that_of_the_image_as_it_came():
    image, boxes = _smear(blur=2.0)
    source = builders.compressed(image, 20)
    scaled = cv2.resize(source, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    found = appearance.measure(scaled, boxes * 0.7, source)
    assert found["compression"] == appearance.measure(source, boxes)["compression"]
    assert "more compressed" in appearance.unlike(found, {"compression": (1.0, 1.05)})


def test_brightness_is_that_of_the_image_as_it_came():
    image, boxes = _smear()
    found = appearance.measure(image, boxes, image // 2)
    assert found["brightness"] == pytest.approx(110)
    assert found["contrast"] == appearance.measure(image, boxes)["contrast"]


def test_some_compression_is_tolerated_though_none_was_seen():
    assert appearance.unlike({"compression": 1.44}, {"compression": (1.0, 1.01)}) == {}


def test_boxes_at_the_edge_and_without_pixels_do_no_harm():
    image, boxes = _smear()
    outside = np.array([[-5.2, -5.0, 10, 10], [230, 230, 240.4, 240], [3, 3, 4, 4]])
    assert appearance.measure(image, np.concatenate([boxes, outside]))["cell_size"] > 20


_SEEN = appearance.ranges(
    appearance.measure(*_smear(radius, background))
    for radius in (13, 15, 17)
    for background in (210, 220, 230)
)


def test_what_was_learnt_from_is_like_itself():
    assert appearance.unlike(appearance.measure(*_smear()), _SEEN) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"radius": 30}, {"larger cells", "more crowded"}),
        ({"radius": 6}, {"smaller cells", "emptier"}),
        ({"background": 120, "cell": (98, 49, 65)}, {"darker"}),
        ({"blur": 2.0}, {"out of focus"}),
        ({"cell": (130, 130, 130)}, {"paler or grey"}),
        ({"cell": (215, 108, 144)}, {"less contrast"}),
    ],
)
def test_other_images_are_named_by_what_they_are(change, expected):
    found = appearance.unlike(appearance.measure(*_smear(**change)), _SEEN)
    assert expected <= set(found)
    assert set(found) <= expected | {"sharper", "out of focus"}  # of 3 pixels of slope, in 12


def test_a_message_has_the_value_and_what_was_seen():
    found = appearance.unlike({"cell_size": 80.0}, {"cell_size": (30.0, 50.0)})
    assert found == {"larger cells": "size of cells in pixels 80, learnt from 30 to 50"}


def test_a_bundle_that_does_not_say_is_not_compared():
    assert appearance.unlike(appearance.measure(*_smear(30)), {}) == {}


def test_one_line_for_a_run():
    found = {"b.png": ["darker"], "a.png": ["darker", "out of focus"], "c.png": []}
    assert appearance.warning(found, 9) == (
        "2 of 9 images are unlike those that the bundle learnt from, and what is found in them is "
        "less certain: darker: 2 (a.png, b.png); out of focus: 1 (a.png)"
    )
    assert appearance.warning({}, 9) is None


_CELL, _PAIR, _ACROSS = (20, 21), (21, 41), (36, 35)  # height, width; two on a slant


def _in_a_row(*sizes):
    """Boxes of these sizes in an image of 100 x 1000, ten pixels apart."""
    starts = np.cumsum([10] + [width + 10 for _, width in sizes])[:-1]
    return np.array(
        [[30, x, 30 + height, x + width] for x, (height, width) in zip(starts, sizes, strict=True)]
    )


def test_clusters_do_not_pass_for_larger_cells():
    """Areas would say 29 = sqrt(21 * 41), as six of eleven regions are pairs."""
    boxes = _in_a_row(*[_CELL] * 5, *[_PAIR] * 6)
    assert appearance.cell_size(boxes, 100, 1000) == 21
    boxes = _in_a_row(*[_CELL] * 5, *[_PAIR] * 3, *[_ACROSS] * 3)
    assert appearance.cell_size(boxes, 100, 1000) == 21


def test_what_the_border_cuts_says_nothing_of_the_size_of_cells():
    whole = _in_a_row(*[_CELL] * 5)
    slivers = [[0, x, 9, x + 8] for x in range(100, 800, 50)]
    boxes = np.concatenate([whole, slivers])
    assert appearance.cell_size(boxes, 100, 1000) == 20
    assert appearance.cell_size(boxes[1:], 100, 1000) is None
    image = builders.noise_image(100, 1000)
    found = appearance.measure(image, boxes[1:])
    assert "cell_size" not in found
    assert "crowding" in found


def test_no_colour_is_unlike_any_colour():
    """A range as of stained smears, whose room would reach below 0."""
    assert appearance.is_beyond(0.0, (0.067, 0.324))
    assert not appearance.is_beyond(0.05, (0.067, 0.324))
