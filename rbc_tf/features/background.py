"""The colour of an image's empty background, without a mask: what patches are divided by.

The background is where nothing is: it is even, and of what is even it is the bright part, since
cells hold light back. So the image is cut into small blocks, the most even third of them is taken,
and of these the bright ones; dark corners, of which there are fewer, fall out below, and glints and
lettering are not even. In bright field without stain cells are about as bright as the background,
and it matters little which of them is met.
"""

from __future__ import annotations

import typing

import numpy as np

if typing.TYPE_CHECKING:
    import tensorflow as tf
else:
    from rbc_tf.features.lazy_tensorflow import tf

# Side of a block in pixels: several fit between cells, and each averages the camera's noise.
_BLOCK = 4

# Of the blocks that are looked at, the share that is most even; of these, by brightness, the part
# whose median is the background.
_EVEN_SHARE = 1 / 3
_BRIGHT_PART = (0.6, 0.98)

# No colour is darker: an image that is black has no background to be divided by.
_DARKEST = 8.0


def colour(image: tf.Tensor) -> tf.Tensor:
    """float32 [3] RGB, 0 to 255, from an image uint8 or float [H, W, 3]; also in graphs.

    An image smaller than a block gives the mean of its pixels.
    """
    blocks = _blocks(tf.cast(image, tf.float32))
    means = tf.reduce_mean(blocks, axis=1)
    brightness = tf.reduce_mean(blocks, axis=2)  # of each pixel
    # Of a dark block the spread is small because it is dark: what counts is relative.
    spread = tf.math.reduce_std(brightness, axis=1) / (tf.reduce_mean(brightness, axis=1) + 1)
    count = tf.shape(means)[0]
    even = tf.argsort(spread)[: _at_least_one(count, _EVEN_SHARE)]
    means = tf.gather(means, even)
    means = tf.gather(means, tf.argsort(tf.reduce_mean(means, axis=1)))
    count = tf.shape(means)[0]
    low, high = (tf.cast(tf.cast(count, tf.float32) * part, tf.int32) for part in _BRIGHT_PART)
    bright = means[low : tf.maximum(high, low + 1)]
    middle = tf.sort(bright, axis=0)[tf.shape(bright)[0] // 2]
    return tf.maximum(middle, _DARKEST)


def thinned(image: np.ndarray, most_pixels: int) -> np.ndarray:
    """The image [H, W, 3], or whole rows of its blocks, evenly spaced, of about so many pixels."""
    height, width = image.shape[:2]
    step = -(-height * width // most_pixels)
    if step <= 1:
        return image
    rows = height // _BLOCK
    cut = image[: rows * _BLOCK].reshape(rows, _BLOCK, width, 3)[::step]
    return cut.reshape(-1, width, 3)


def _blocks(image: tf.Tensor) -> tf.Tensor:
    """float32 [blocks, pixels of each, 3]; what is left over at the lower and right edge is not."""
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    side = tf.minimum(_BLOCK, tf.minimum(height, width))
    rows, columns = height // side, width // side
    cut = tf.reshape(image[: rows * side, : columns * side], [rows, side, columns, side, 3])
    return tf.reshape(tf.transpose(cut, [0, 2, 1, 3, 4]), [rows * columns, side * side, 3])


def _at_least_one(count: tf.Tensor, share: float) -> tf.Tensor:
    return tf.maximum(tf.cast(tf.cast(count, tf.float32) * share, tf.int32), 1)
