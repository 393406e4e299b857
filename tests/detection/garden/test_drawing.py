"""Predicted against true boxes, as TensorBoard shows them."""

import numpy as np
import pytest

from rbc_tf.detection.garden import drawing
from tests import builders

_BLUE, _ORANGE = [0, 160, 255], [255, 90, 0]
# Normalised 0 is the mean colour that Model Garden subtracts, about (124, 116, 104).
_MEAN = [123, 116, 103]
_WHITE = [255, 255, 255]


def _scored(scores, boxes=((240, 300, 360, 500),), true_boxes=((40, 40, 200, 200),)):
    return drawing.ScoredImage(
        image=np.zeros((700, 640, 3), np.float32),
        size=(400, 640),
        true_boxes=np.array(true_boxes, np.float32).reshape(-1, 4),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores, np.float32),
    )


def test_true_boxes_are_blue_and_predicted_ones_orange():
    canvas = drawing.draw(_scored([0.5]), score_threshold=0.5)
    # The padding below is left out; a line of text is added.
    assert (canvas.dtype, canvas.shape) == (np.uint8, (428, 640, 3))
    assert canvas[40, 100].tolist() == _BLUE
    assert canvas[240, 400].tolist() == _ORANGE
    # The last row and column of a box lie before its exclusive edges.
    assert canvas[359, 499].tolist() == _ORANGE
    assert canvas[364, 504].tolist() == _MEAN
    assert canvas[400, 0].tolist() == _WHITE


def test_low_scores_are_not_drawn():
    canvas = drawing.draw(_scored([0.49]), score_threshold=0.5)
    assert canvas[240, 400].tolist() == _MEAN


def test_what_is_missed_or_wrong_is_crossed_out():
    canvas = drawing.draw(_scored([0.9]), score_threshold=0.5)
    assert canvas[120, 120].tolist() == _BLUE
    assert canvas[299, 399].tolist() != _MEAN
    # Found: the second box has an IoU of 160 * 150 / (160 * 160) with the true one.
    found = ((240, 300, 360, 500), (40, 50, 200, 200))
    canvas = drawing.draw(_scored([0.6, 0.9], found), score_threshold=0.5)
    assert canvas[120, 120].tolist() == _MEAN
    assert canvas[299, 399].tolist() != _MEAN


@pytest.mark.parametrize("count", [0, 1])
def test_images_without_boxes_are_drawn(count):
    boxes = ((10, 10, 20, 20),) * count
    canvas = drawing.draw(_scored([0.9] * count, boxes, true_boxes=()), score_threshold=0.5)
    assert (canvas[:400] == _MEAN).all() == (count == 0)


def test_small_images_are_enlarged():
    scored = drawing.ScoredImage(
        image=np.zeros((128, 128, 3), np.float32),
        size=(100, 128),
        true_boxes=np.array([[10, 10, 20, 20]], np.float32),
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
    )
    canvas = drawing.draw(scored, score_threshold=0.5)
    assert canvas.shape == (5 * 100 + 28, 5 * 128, 3)
    assert canvas[50, 75].tolist() == _BLUE


def test_each_image_has_its_tag(tmp_path):
    drawing.write_summaries(str(tmp_path), [np.zeros((8, 8, 3), np.uint8)] * 2, 7, "why")
    found = list(builders.summaries(tmp_path))
    assert [(value.tag, step) for step, value in found] == [("regions/0", 7), ("regions/1", 7)]
    assert {value.metadata.summary_description for _, value in found} == {"why"}
