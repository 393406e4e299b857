"""The background's colour on made-up images of which it is known."""

import cv2
import numpy as np
import pytest

from rbc_tf.features import background


def smear(colour, cells, size=200, cell=(150, 90, 110), seed=0, vignette=0.0):
    """Cells as discs of radius 12 at random on an even background with camera noise."""
    rng = np.random.default_rng(seed)
    image = np.empty((size, size, 3), np.float32)
    image[:] = colour
    for x, y in rng.integers(0, size, (cells, 2)):
        dark = tuple(c * b / 255 for c, b in zip(cell, colour, strict=True))
        cv2.circle(image, (int(x), int(y)), 12, dark, -1)
    y, x = np.mgrid[:size, :size] / size - 0.5
    image *= (1 - vignette * 2 * (x**2 + y**2))[..., None]
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", [(230, 220, 210), (150, 170, 160), (90, 90, 90)])
@pytest.mark.parametrize("cells", [0, 20, 120])
def test_it_is_that_of_the_empty_part_however_many_cells(colour, cells):
    image = smear(colour, cells)
    covered = (image[..., 1] < 0.8 * colour[1]).mean()
    assert covered > 0.5 or cells < 120
    np.testing.assert_allclose(background.colour(image), colour, rtol=0.02)


def test_dark_corners_do_not_count():
    # The corners have half of the light of the middle; the mean over the background has 0.83.
    image = smear((220, 220, 220), 40, vignette=0.5)
    np.testing.assert_allclose(background.colour(image), 220, rtol=0.08)


def test_small_patches_and_black_images_have_one_too():
    np.testing.assert_allclose(background.colour(np.full((3, 2, 3), 90, np.uint8)), 90)
    np.testing.assert_allclose(background.colour(np.zeros((40, 40, 3), np.uint8)), 8)
