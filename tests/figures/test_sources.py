"""Parts of images."""

import numpy as np

from rbc_tf.figures.sources import cut, square_around


def test_cutting_at_the_edge():
    pixels = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(cut(pixels, (1, 2, 3, 4)), [[6, 7], [10, 11]])
    np.testing.assert_array_equal(cut(pixels, (1.5, 2.2, 2.5, 3.1)), [[6, 7], [10, 11]])
    np.testing.assert_array_equal(cut(pixels, (-1, 3, 1, 5), fill=-9), [[-9, -9], [3, -9]])
    np.testing.assert_array_equal(cut(pixels, (5, 5, 6, 7), fill=0), [[0, 0]])
    assert cut(np.zeros((3, 4, 3), np.uint8), (0, 0, 5, 2)).tolist()[4][1] == [255] * 3


def test_squares_have_the_side_asked_for():
    assert square_around((10, 20, 20, 40), 30) == (0, 15, 30, 45)
    ymin, xmin, ymax, xmax = square_around((0, 0, 5, 8), 7)
    assert (ymax - ymin, xmax - xmin) == (7, 7)
