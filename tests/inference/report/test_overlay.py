"""Overlays: frames where the regions are, whatever the image."""

import numpy as np
import pytest

from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.report import overlay


def _result(shape, boxes, abnormal):
    found = AnalyzedRegions(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.full((len(boxes), 6), 0.7, np.float32),
        np.array(abnormal, float),
    )
    labels = found.probabilities > 0.5
    return Analysis.from_arrays("x", "", shape, found, labels, PAPER, 0.5).to_json()


def _edge_colours(picture, top, left, scale):
    return picture[top * scale + 40, left * scale]


def test_frames_have_the_colour_of_normal_and_abnormal():
    image = np.full((400, 640, 3), 220, np.uint8)
    boxes = [[100, 100, 200, 220], [100, 300, 200, 420]]
    picture = overlay.draw(image, _result(image.shape, boxes, [0.9, 0.1]), PAPER)
    assert picture.shape[1] == 1280  # small images are enlarged
    assert picture.shape[0] > 800  # with a legend below
    assert tuple(_edge_colours(picture, 100, 100, 2)) == overlay.ABNORMAL_COLOUR
    assert tuple(_edge_colours(picture, 100, 300, 2)) == overlay.NORMAL_COLOUR
    assert tuple(picture[600, 100]) == (220, 220, 220)  # elsewhere the image is untouched


def test_the_legend_tells_regions_without_a_type_where_there_are_any():
    shape = (400, 640, 3)
    result = _result(shape, [[0, 0, 20, 20], [40, 40, 60, 60]], [0.9, 0.1])
    font = overlay._font(12)
    assert "?" not in " ".join(overlay._legend_lines(result, PAPER, 640, font))
    result["regions"][1]["labels"] = []
    assert "? (no type found): 1" in " ".join(overlay._legend_lines(result, PAPER, 640, font))


def test_a_large_image_keeps_its_size():
    image = np.zeros((1080, 1920, 3), np.uint8)
    picture = overlay.draw(image, _result(image.shape, [], []), PAPER)
    assert picture.shape[1] == 1920
    np.testing.assert_array_equal(picture[:1080], image)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3000, 3), (300, 2, 3)])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_odd_images_are_drawn(shape, count):
    boxes = [[0, 0, shape[0], shape[1]]] * count
    picture = overlay.draw(np.zeros(shape, np.uint8), _result(shape, boxes, [0.9] * count), PAPER)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


@pytest.mark.parametrize("shape", [(1, 1_000_000, 3), (20, 65_000, 3), (1_000_000, 1, 3)])
def test_a_strip_takes_memory_as_its_pixels_do(shape):
    picture = overlay.draw(np.zeros(shape, np.uint8), _result(shape, [], []), PAPER)
    assert picture.shape[1] == shape[1] or shape[1] == 1
    assert picture.size < 250_000_000
    assert picture.shape[0] < shape[0] * 3 + 400
