import keras
import numpy as np
import tensorflow as tf

from benchmarks import arithmetic


def test_convolution_and_product_by_hand():
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(8, 5, padding="same"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4),
        ]
    )
    function = tf.function(model).get_concrete_function(tf.TensorSpec((None, None, None, 3)))
    # 2 images of 6x7 pixels: 8 channels, each a sum of 5 * 5 * 3 products; then 4 sums of 8.
    expected = 2 * (2 * 6 * 7 * 8 * 75 + 2 * 4 * 8) / 1e9
    found = arithmetic.gflop(function, np.zeros((2, 6, 7, 3), np.float32))
    np.testing.assert_allclose(found, expected)


def test_transposed_product_by_hand():
    weights = tf.Variable(np.ones((5, 7), np.float32))
    function = tf.function(lambda x: tf.matmul(x, weights, transpose_b=True))
    concrete = function.get_concrete_function(tf.TensorSpec((None, 7)))
    found = arithmetic.gflop(concrete, np.zeros((3, 7), np.float32))
    np.testing.assert_allclose(found, 2 * 3 * 5 * 7 / 1e9)
