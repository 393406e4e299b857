"""How much of an image is the blocks of JPEG."""

import cv2
import numpy as np
import pytest

from rbc_tf.core import jpeg_blocks
from tests import builders


def _texture(height=240, width=320, seed=0):
    """uint8 [H, W, 3]: noise of a camera over soft shapes, as a smear has."""
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), 6)
    soft = 128 + (soft - soft.mean()) * 3
    return np.clip(soft + rng.normal(0, 2, soft.shape), 0, 255).astype(np.uint8)


def test_known_steps_give_their_ratio():
    """Steps of 2 between blocks and of 1 within: (2 + 0.05) / (1 + 0.05)."""
    steep = np.where(np.arange(95) % 8 == 7, 2, 1)
    line = np.concatenate([[0], np.cumsum(steep)])
    grey = (line[:, None] + line[None, :]).astype(np.uint8)
    assert grey.max() < 255
    found = jpeg_blocks.steps(np.repeat(grey[..., None], 3, axis=2))
    assert found == pytest.approx(2.05 / 1.05)


def test_texture_without_compression_has_none():
    assert jpeg_blocks.steps(_texture()) == pytest.approx(1, abs=0.05)


def test_steps_grow_as_quality_falls():
    image = _texture()
    found = [
        jpeg_blocks.steps(builders.compressed(image, quality)) for quality in (95, 75, 50, 30, 10)
    ]
    assert found == sorted(found)
    assert found[0] < 1.25
    assert found[3] > 1.5


def test_blocks_are_found_wherever_an_image_was_cut():
    image = builders.compressed(_texture(), 30)
    whole, cut = jpeg_blocks.steps(image), jpeg_blocks.steps(image[3:, 5:])
    assert cut == pytest.approx(whole, rel=0.05)


def test_stripes_in_one_direction_are_no_blocks():
    image = _texture()
    image[:, ::8] = np.clip(image[:, ::8].astype(int) - 40, 0, 255).astype(np.uint8)
    assert jpeg_blocks.steps(image) < 1.1


@pytest.mark.parametrize("times", [2, 4])
def test_pixels_made_larger_are_no_blocks(times):
    small = _texture(80, 96)
    assert jpeg_blocks.steps(small.repeat(times, axis=0).repeat(times, axis=1)) < 1.1


def test_without_anything_in_it_an_image_has_no_blocks():
    assert jpeg_blocks.steps(np.full((96, 96, 3), 200, np.uint8)) == pytest.approx(1)


def test_too_few_blocks_say_nothing():
    assert jpeg_blocks.steps(_texture(95, 320)) is None
    assert jpeg_blocks.steps(_texture(96, 96)) is not None


def test_of_a_large_image_the_middle_is_looked_at():
    image = _texture(1200, 1300)
    image[:80] = 0
    middle = image[88:1112, 138:1162]
    assert jpeg_blocks.steps(image) == jpeg_blocks.steps(middle)
