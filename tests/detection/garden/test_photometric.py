"""Light, stain and focus of training images, on images whose outcome is known."""

import json

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import preprocess_ops

from rbc_tf.detection.garden import experiments, parameters, photometric
from rbc_tf.detection.garden.photometric import Photometric


def _normalised(values: np.ndarray) -> tf.Tensor:
    return preprocess_ops.normalize_image(tf.constant(values, tf.uint8))


def _values(images: tf.Tensor) -> np.ndarray:
    """Grey values of 0 to 255 of normalised images."""
    return images.numpy() * preprocess_ops.STDDEV_RGB + preprocess_ops.MEAN_RGB


def _varied(values: np.ndarray, seed=(1, 2), **config) -> np.ndarray:
    images = _normalised(values)
    return _values(photometric.vary_images(images, Photometric(**config), tf.constant(seed)))


def _flat(count: int, *colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (count, 8, 8, 3)).copy()


def test_nothing_asked_for_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    assert np.allclose(_varied(images), images, atol=1e-3)
    assert Photometric().is_off
    batches = tf.data.Dataset.from_tensors((_normalised(images), 1))
    assert photometric.vary(batches, Photometric(), 0) is batches


def test_light_moves_all_values_of_an_image_alike_within_the_limit():
    varied = _varied(_flat(200, 100, 120, 140), light=0.1)
    moved = varied - np.array([100, 120, 140])
    assert np.allclose(moved, moved[:, :1, :1, :1], atol=1e-3)
    steps = moved[:, 0, 0, 0]
    assert -25.5 <= steps.min() < -20
    assert 20 < steps.max() <= 25.5


def test_density_leaves_white_and_changes_what_is_dark():
    """Light of share p becomes p ** f, with f within 0.8 * 0.9 and 1.2 * 1.1."""
    values = _flat(300, 128, 128, 128)
    values[:, :4] = 255
    varied = _varied(values, density=0.2)
    assert np.allclose(varied[:, :4], 255, atol=1e-2)
    factor = np.log(varied[:, 4, 0] / 255) / np.log(128 / 255)
    assert 0.72 <= factor.min() < 0.78
    assert 1.26 < factor.max() <= 1.32 + 1e-4
    assert np.any(np.ptp(factor, axis=1) > 0.05)  # channels differ


def test_gain_is_of_each_channel():
    gain = _varied(_flat(300, 100, 100, 100), gain=0.3)[:, 0, 0] / 100
    assert 0.7 <= gain.min() < 0.72
    assert 1.28 < gain.max() <= 1.3
    assert np.any(np.ptp(gain, axis=1) > 0.2)


def test_contrast_leaves_the_mean():
    values = _flat(200, 90, 90, 90)
    values[:, :4] = 110
    varied = _varied(values, contrast=0.5)
    assert np.allclose(varied.mean(axis=(1, 2, 3)), 100, atol=1e-2)
    halves = varied[:, 0, 0, 0] - varied[:, -1, 0, 0]
    assert 10 <= halves.min() < 12
    assert 28 < halves.max() <= 30


def test_grey_images_have_one_value_in_all_channels():
    varied = _varied(_flat(400, 90, 120, 150), grey=0.25)
    is_grey = np.ptp(varied[:, 0, 0], axis=1) < 1e-3
    assert np.allclose(varied[is_grey], 120, atol=1e-3)
    assert 0.18 < is_grey.mean() < 0.32


def test_blur_spreads_a_point_and_keeps_its_light():
    values = np.zeros((100, 31, 31, 3), np.uint8)
    values[:, 15, 15] = 250
    varied = _varied(values, blur=2.0)
    peaks = varied[:, 15, 15, 0]
    assert np.allclose(varied.sum(axis=(1, 2))[:, 0], 250, rtol=2e-2)
    assert 0.3 < np.mean(peaks > 249) < 0.8  # about half stay sharp
    # A Gaussian of 2 pixels has 1 / (2 pi 4) of its light in the middle.
    assert 250 / (2 * np.pi * 4) * 0.9 < peaks.min() < 250 / (2 * np.pi * 2)


def test_padding_stays_as_it_is():
    images = tf.pad(_normalised(_flat(3, 100, 120, 140)), [[0, 0], [0, 4], [0, 4], [0, 0]])
    config = Photometric(density=0.2, gain=0.2, contrast=0.2, light=0.2, blur=1.0, grey=0.5)
    varied = photometric.vary_images(images, config, tf.constant([1, 2])).numpy()
    assert not varied[:, 8:].any()
    assert not varied[:, :, 8:].any()
    assert varied[:, :8, :8].all()


def test_a_seed_makes_the_draws_of_a_run_repeatable():
    images = _normalised(_flat(2, 100, 120, 140))
    batches = tf.data.Dataset.from_tensors((images, 1)).repeat(3)
    config = Photometric(light=0.2)
    runs = [
        [batch.numpy() for batch, _ in photometric.vary(batches, config, seed)]
        for seed in (5, 5, 6)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0][0], runs[0][1])


@pytest.mark.parametrize(
    "wrong", [{"gain": 1.0}, {"light": -0.1}, {"blur": 17.0}, {"grey": 1.5}, {"density": 2.0}]
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError, match=rf"photometric\.{next(iter(wrong))} must be"):
        parameters.build(
            parameters.Sources(
                experiments.FPN, params_override=json.dumps({"task": {"photometric": wrong}})
            )
        )
