"""Training images under other light and stain, and out of focus, as other microscopes give them.

Model Garden's parser turns and zooms images; their colours it leaves as they are.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from official.modeling import hyperparams
from official.vision.ops import preprocess_ops

# Normalised images are (values / 255 - mean) / deviation.
_MEAN = np.array(preprocess_ops.MEAN_RGB, np.float32) / 255
_DEVIATION = np.array(preprocess_ops.STDDEV_RGB, np.float32) / 255
# Values below it have no density that could be told from that of black.
_DARKEST = 1 / 255
# A blur reaches this many of its standard deviations to each side.
_REACH = 2


@dataclasses.dataclass
class Photometric(hyperparams.Config):
    """How far the colours of training images are varied; 0 leaves them as they are.

    Attributes:
        density: largest relative change of the optical density of each channel, one part of it
            drawn for all channels and one, half as large, for each.
        gain: largest relative change of each channel, as by a lamp of another colour.
        contrast: largest relative change of contrast about the image's mean.
        light: largest change of brightness, as a share of white.
        blur: largest standard deviation of a Gaussian blur, in pixels of the network's input. Half
            of the images stay sharp.
        grey: share of images that are made grey, as without a stain.
    """

    density: float = 0.0
    gain: float = 0.0
    contrast: float = 0.0
    light: float = 0.0
    blur: float = 0.0
    grey: float = 0.0

    @property
    def is_off(self) -> bool:
        return not any(self.as_dict().values())


def check(config: Photometric) -> None:
    """Raises ValueError where a setting is out of bounds."""
    for name, value in config.as_dict().items():
        if name == "grey" and not 0 <= value <= 1:
            raise ValueError(f"photometric.grey must be 0 to 1. Received: {value}")
        if name == "blur" and not 0 <= value <= 16:
            raise ValueError(f"photometric.blur must be 0 to 16 pixels. Received: {value}")
        if name not in ("grey", "blur") and not 0 <= value < 1:
            raise ValueError(f"photometric.{name} must be 0 or more, below 1. Received: {value}")


def vary(batches: tf.data.Dataset, config: Photometric, seed: int | None) -> tf.data.Dataset:
    """Batches of (images, labels) with every image drawn anew.

    Args:
        batches: images float [B, H, W, 3] as Model Garden normalises them, padded with zeros.
        config: how far.
        seed: of the draws; None for others in every run.
    """
    if config.is_off:
        return batches
    # Seeds come beside the batches, so that neither threads nor their order change the draws.
    seeds = tf.data.Dataset.random(seed).batch(2, drop_remainder=True)
    return tf.data.Dataset.zip((batches, seeds)).map(
        lambda batch, drawn: (vary_images(batch[0], config, drawn), batch[1]),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def vary_images(images: tf.Tensor, config: Photometric, seed: tf.Tensor) -> tf.Tensor:
    """Images like `images`, float [B, H, W, 3] normalised; padding stays 0.

    Args:
        images: normalised; what is 0 in all channels is padding.
        config: how far.
        seed: int [2]; the same gives the same.
    """
    draw = _Draws(seed, tf.shape(images)[0])
    inside = tf.reduce_any(images != 0, axis=-1, keepdims=True)
    values = tf.cast(images, tf.float32) * _DEVIATION + _MEAN
    if config.density:
        factor = 1 + draw.uniform(config.density, 1)
        factor *= 1 + draw.uniform(config.density / 2, 3)
        values = tf.maximum(values, _DARKEST) ** factor
    if config.contrast:
        count = tf.reduce_sum(tf.cast(inside, tf.float32), axis=(1, 2), keepdims=True)
        total = tf.reduce_sum(tf.where(inside, values, 0.0), axis=(1, 2), keepdims=True)
        mean = total / tf.maximum(count, 1)
        values = (values - mean) * (1 + draw.uniform(config.contrast, 1)) + mean
    if config.gain:
        values *= 1 + draw.uniform(config.gain, 3)
    if config.light:
        values += draw.uniform(config.light, 1)
    if config.grey:
        is_grey = draw.share() < config.grey
        values = tf.where(is_grey, tf.reduce_mean(values, axis=-1, keepdims=True), values)
    if config.blur:
        deviation = config.blur * tf.maximum(2 * draw.share() - 1, 0)
        values = _blurred(values, tf.reshape(deviation, [-1]), config.blur)
    normalised = (tf.clip_by_value(values, 0, 1) - _MEAN) / _DEVIATION
    return tf.cast(tf.where(inside, normalised, 0.0), images.dtype)


class _Draws:
    """One draw after the other, of which each has a seed of its own."""

    def __init__(self, seed: tf.Tensor, count: tf.Tensor):
        self._seed = seed
        self._count = count

    def uniform(self, limit: float, channels: int) -> tf.Tensor:
        """[B, 1, 1, channels], from -limit to limit."""
        return self._next((self._count, 1, 1, channels), -limit, limit)

    def share(self) -> tf.Tensor:
        """[B, 1, 1, 1], from 0 to 1."""
        return self._next((self._count, 1, 1, 1), 0.0, 1.0)

    def _next(self, shape: tuple, low: float, high: float) -> tf.Tensor:
        self._seed, seed = tf.unstack(tf.random.split(self._seed, 2))
        return tf.random.stateless_uniform(shape, seed, low, high)


def _blurred(values: tf.Tensor, deviation: tf.Tensor, largest: float) -> tf.Tensor:
    """Each image under a Gaussian of its own standard deviation, [B]; 0 leaves it sharp."""
    reach = max(1, round(_REACH * largest))
    steps = tf.range(-reach, reach + 1, dtype=tf.float32)
    variance = tf.maximum(deviation, 1e-3)[:, None] ** 2
    weights = tf.exp(-(steps**2) / (2 * variance))
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)

    def blur(arguments: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image, weight = arguments
        padded = tf.pad(image, [[reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")
        for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
            kernel = tf.tile(tf.reshape(weight, shape), (1, 1, 3, 1))
            padded = tf.nn.depthwise_conv2d(padded[None], kernel, [1] * 4, "VALID")[0]
        return padded

    return tf.map_fn(blur, (values, weights), fn_output_signature=tf.float32)
