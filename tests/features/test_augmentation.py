import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from rbc_tf.features.augmentation import AugmentationConfig, augment

STILL = AugmentationConfig(zoom=0, shift=0, stain=0, light=0, contrast=0)


def _disc(side=33, radius=8):
    """A dark disc in the middle of a light patch."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    patch = np.full((side, side, 3), 200, np.uint8)
    patch[np.hypot(y, x) < radius] = (90, 40, 60)
    return patch


def _dark(patches):
    return (patches[..., 1] < 120).sum(axis=(1, 2))


def test_what_is_round_stays_as_it_is_when_turned():
    patches = np.stack([_disc()] * 5)
    turned = augment(patches, STILL, np.random.default_rng(0))
    assert turned.dtype == np.float32
    # Only the rim of the disc is interpolated: 2 pi 8 = 50 pixels long, 2 wide.
    changed = np.abs(turned - patches).max(axis=-1) > 1
    assert changed.sum(axis=(1, 2)).max() <= 100
    # Its area, pi 64 = 201 pixels, stays.
    np.testing.assert_allclose(_dark(turned), _dark(patches), rtol=0.05)


def test_every_angle_occurs():
    patch = np.zeros((41, 41, 3), np.uint8)
    patch[18:23, 20:38] = 255  # a bar from the centre to the right
    turned = augment(np.stack([patch] * 200), STILL, np.random.default_rng(1))[..., 0]
    y, x = np.mgrid[:41, :41] - 20
    total = turned.sum(axis=(1, 2))
    angles = np.arctan2(
        (turned * y).sum(axis=(1, 2)) / total, (turned * x).sum(axis=(1, 2)) / total
    )
    in_quarters = np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0]
    assert in_quarters.min() > 30  # 50 are expected, with a deviation of 6


def test_zoom_and_shift_stay_within_their_limits():
    config = AugmentationConfig(zoom=0.2, shift=0.1, stain=0, light=0, contrast=0)
    turned = augment(np.stack([_disc(65)] * 60), config, np.random.default_rng(2))
    areas = _dark(turned) / _dark(_disc(65)[None])
    # (1 ± 0.2)^2 = 0.64 to 1.44, and a pixel row more or less.
    assert 0.58 < areas.min() < 0.8
    assert 1.25 < areas.max() < 1.52
    y, x = np.mgrid[:65, :65] - 32
    dark = turned[..., 1] < 120
    for offset in (
        (dark * y).sum((1, 2)) / dark.sum((1, 2)),
        (dark * x).sum((1, 2)) / dark.sum((1, 2)),
    ):
        assert 3 < np.abs(offset).max() <= 6.5 + 0.2  # 0.1 * 65


def test_light_and_stain_stay_within_their_limits():
    grey = np.full((300, 4, 4, 3), 100, np.uint8)
    config = AugmentationConfig(zoom=0, shift=0, stain=0.1, light=20, contrast=0.5)
    relit = augment(grey, config, np.random.default_rng(3))
    # A grey patch has no contrast: gains of 0.9 to 1.1 and offsets of -20 to 20 are left.
    assert 70 <= relit.min() < 78
    assert 122 < relit.max() <= 130
    assert np.ptp(relit, axis=(1, 2)).max() < 1e-3  # one value per patch and channel


@hypothesis.given(st.integers(0, 3), st.integers(0, 2**31))
@hypothesis.settings(max_examples=25)
def test_values_stay_grey_values_and_the_input_as_it_was(count, seed):
    patches = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    before = patches.copy()
    seen = augment(
        patches, AugmentationConfig(light=200, contrast=0.9), np.random.default_rng(seed)
    )
    assert seen.shape == patches.shape
    assert ((seen >= 0) & (seen <= 255)).all()
    np.testing.assert_array_equal(patches, before)
    again = augment(
        patches, AugmentationConfig(light=200, contrast=0.9), np.random.default_rng(seed)
    )
    np.testing.assert_array_equal(again, seen)


@pytest.mark.parametrize(
    "bad",
    [
        {"zoom": 1},
        {"shift": -0.1},
        {"stain": 2},
        {"light": 300},
        {"blur": -1},
        {"jpeg_quality": 0},
        {"jpeg_quality": 101},
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
        AugmentationConfig(**bad)


def test_stain_varies_in_optical_density_and_leaves_the_background():
    patch = np.full((1, 33, 33, 3), 190, np.uint8)
    patch[0, _disc()[..., 1] < 120] = (95, 95, 190)  # half of the light of two colours passes
    config = dataclasses.replace(STILL, density=0.5, white=190.0)
    turned = augment(np.repeat(patch, 300, axis=0), config, np.random.default_rng(3))
    clear = turned[:, 0, 0]
    np.testing.assert_allclose(clear, 190, rtol=1e-4)
    # Of density log 2 times 1 ± 0.5, times 1 ± 0.25 for each colour: 0.375 to 1.875.
    centre = turned[:, 16, 16]
    np.testing.assert_allclose(centre[:, 2], 190, rtol=1e-4)
    density = np.log(190 / centre[:, :2]) / np.log(2)
    assert 0.375 <= density.min() < 0.5
    assert 1.5 < density.max() <= 1.875
    assert np.abs(density[:, 0] - density[:, 1]).max() > 0.2


def _steepest(patches):
    """Largest difference of two neighbours in a row, of each patch."""
    return np.abs(np.diff(patches[..., 1], axis=2)).max(axis=(1, 2))


def test_half_of_the_patches_are_softened_up_to_the_limit():
    config = dataclasses.replace(STILL, blur=4.0)
    seen = augment(np.stack([_disc(97, 24)] * 200), config, np.random.default_rng(4))
    sharp = augment(_disc(97, 24)[None], STILL, np.random.default_rng(4))
    steepest = _steepest(seen)
    # A step of 160 grey values, under a Gaussian of deviation s, rises by 160 / (s sqrt(2 pi)) at
    # most: by 32 for 2 and by 16 for 4.
    assert 12 < steepest.min() < 20
    assert 60 < (steepest > 0.5 * _steepest(sharp)[0]).sum() < 180
    assert 25 < (steepest < 32).sum() < 75  # a deviation above 2: one of four
    # Light is spread, not lost.
    np.testing.assert_allclose(seen.mean(axis=(1, 2, 3)), sharp.mean(), rtol=0.01)


def test_half_of_the_patches_are_compressed_anywhere_on_the_grid():
    patch = np.random.default_rng(5).integers(80, 176, (48, 48, 3), dtype=np.uint8)
    config = dataclasses.replace(STILL, jpeg_quality=5)
    seen = augment(np.stack([patch] * 200), config, np.random.default_rng(5))
    assert seen.shape == (200, 48, 48, 3)
    # Colour has half the resolution in JPEG: of noise, a quarter of its variance at most is left.
    colour = np.var(seen[..., 0] - seen[..., 1], axis=(1, 2))
    uncompressed = np.var(patch[..., 0] - patch[..., 1].astype(float)) / 2  # turned: interpolated
    assert 70 < (colour < 0.4 * uncompressed).sum() < 130
    # Light and colour on the whole stay.
    np.testing.assert_allclose(seen.mean(axis=(1, 2)), [patch.mean(axis=(0, 1))] * 200, atol=6)
    # Under the same draws of quality, what lies elsewhere on the grid is stored differently.
    assert len(np.unique(np.round(colour, 3))) > 100
