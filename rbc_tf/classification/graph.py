"""What follows the heads, as TensorFlow operations: calibration and gradient boosting.

The same as `Calibration.apply` and `AbnormalityModel.predict`, for a graph that runs without
Python.
"""

import numpy as np
import tensorflow as tf

from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.calibration import ABOVE_HALF, HIGHEST_OUTPUT, LOWEST_OUTPUT, Calibration
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD


def calibrated(calibration: Calibration, outputs: tf.Tensor) -> tf.Tensor:
    """float32 [N, T], calibrated probabilities of outputs float32 [N, T] of the heads."""
    temperatures = np.array(calibration.temperatures)
    clipped = tf.clip_by_value(
        tf.cast(outputs, tf.float64), np.float64(LOWEST_OUTPUT), np.float64(HIGHEST_OUTPUT)
    )
    logits = tf.math.log(clipped) - tf.math.log1p(-clipped)
    scaled = tf.cast(tf.sigmoid(logits / temperatures), tf.float32)
    probabilities = tf.where(temperatures == 1, outputs, scaled)
    return tf.where(outputs > PLAIN_THRESHOLD, tf.maximum(probabilities, ABOVE_HALF), probabilities)


def abnormal_probability(model: AbnormalityModel, outputs: tf.Tensor) -> tf.Tensor:
    """float64 [N], the probability of any abnormal type, of outputs float32 [N, T] of the heads.

    All patches go down all trees at once, one level at each step; who has reached a leaf stays.
    """
    rows = tf.shape(outputs)[0]
    nodes = tf.tile(tf.constant(model.roots)[None], [rows, 1])
    for _ in range(model.depth):
        seen = tf.gather(outputs, tf.gather(model.feature, nodes), axis=1, batch_dims=1)
        goes_left = tf.cast(seen, tf.float64) <= tf.gather(model.threshold, nodes)
        left, right = tf.gather(model.left, nodes), tf.gather(model.right, nodes)
        is_leaf = left < 0
        nodes = tf.where(is_leaf, nodes, tf.where(goes_left, left, right))
    total = tf.reduce_sum(tf.gather(model.value, nodes), axis=1)
    return tf.sigmoid(model.baseline + model.learning_rate * total)
