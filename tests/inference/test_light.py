"""Images that are darker than those that a bundle learnt from."""

import numpy as np
import pytest

from rbc_tf.inference import light

# The middle of what was seen is 160.
_SEEN = {"brightness": (128.0, 200.0)}


def _image(background, cells=40):
    """uint8 [60, 80, 3]: cells on an even background, which is most of it."""
    pixels = np.full((60, 80, 3), background, np.uint8)
    pixels[10:30, 10:30] = cells
    return pixels


@pytest.mark.parametrize(
    ("background", "gain"),
    [
        (128, 1),  # as dark as what was seen
        (127, 1.26),
        (64, 2.5),
        (20, 8),
        (19, 1),  # less than an eighth of what is wanted: nearly black
        (0, 1),
        (200, 1),
        (255, 1),  # what is cut off at white does not come back
    ],
)
def test_what_is_darker_than_what_was_seen_is_made_as_bright(background, gain):
    assert light.gain_for(_image(background, cells=0), _SEEN) == gain


def test_no_colour_of_the_background_is_cut_off():
    """Under a warm lamp red is bright where the grey value is dark: 255 / 210 and not 160 / 110."""
    image = np.full((60, 80, 3), (210, 80, 40), np.uint8)
    assert light.gain_for(image, _SEEN) == 1.21
    assert light.lit(image, 1.21)[0, 0].tolist() == [254, 97, 48]
    image[..., 0] = 255
    assert light.gain_for(image, _SEEN) == 1


def test_places_of_pure_colours_are_as_bright_as_their_grey_value():
    """Each colour is 0 nearly everywhere, and their mean is not."""
    image = np.zeros((100, 100, 3), np.uint8)
    for colour in range(3):
        image[3 * colour : 3 * colour + 3, :, colour] = 255
    assert light.gain_for(image, _SEEN) == pytest.approx(160 / 85, abs=0.01)


def test_a_bundle_that_does_not_say_how_bright_its_images_were_changes_nothing():
    assert light.gain_for(_image(64), {}) == 1


def test_values_are_multiplied_and_cut_off_at_white():
    image = np.uint8([[[0, 1, 40], [51, 200, 255]]])
    np.testing.assert_array_equal(light.lit(image, 2.5), [[[0, 2, 100], [128, 255, 255]]])
    assert light.lit(image, 1.0) is image


def test_lit_images_are_dark_no_more():
    dark = _image(64)
    assert light.gain_for(light.lit(dark, light.gain_for(dark, _SEEN)), _SEEN) == 1


def test_the_note_counts_what_was_made_brighter():
    assert light.note({"a": 1.0}, 3) == ""
    assert light.note({"a": 2.0}, 3).startswith("1 of 3 images was made brighter by 2 for")
    assert "2 of 3 images were made brighter by 1.5 to 2 for" in light.note(
        {"a": 2.0, "b": 1.5, "c": 1.0}, 3
    )
