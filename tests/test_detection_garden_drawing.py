"""Predicted against true boxes, as TensorBoard shows them."""

import numpy as np
import tensorflow as tf

from rbc_tf.detection.garden import drawing

_BLUE, _ORANGE = [0, 160, 255], [255, 90, 0]
# Normalised 0 is the mean colour that Model Garden subtracts, about (124, 116, 104).
_MEAN = [123, 116, 103]


def _scored(scores) -> drawing.ScoredImage:
    return drawing.ScoredImage(
        image=np.zeros((40, 60, 3), np.float32),
        true_boxes=np.array([[4, 4, 20, 20]], np.float32),
        boxes=np.array([[24, 30, 36, 50]], np.float32),
        scores=np.array(scores, np.float32),
    )


def test_true_boxes_are_blue_and_predicted_ones_orange():
    canvas = drawing.draw(_scored([0.5]), score_threshold=0.5)
    assert (canvas.dtype, canvas.shape) == (np.uint8, (40, 60, 3))
    assert canvas[4, 10].tolist() == _BLUE
    assert canvas[24, 40].tolist() == _ORANGE
    # The last row and column of a box lie before its exclusive edges.
    assert canvas[35, 49].tolist() == _ORANGE
    assert canvas[36, 50].tolist() == _MEAN


def test_low_scores_are_not_drawn():
    canvas = drawing.draw(_scored([0.49]), score_threshold=0.5)
    assert canvas[24, 40].tolist() == _MEAN


def test_each_image_has_its_tag(tmp_path):
    drawing.write_summaries(str(tmp_path), [np.zeros((8, 8, 3), np.uint8)] * 2, step=7)
    (path,) = tmp_path.iterdir()
    events = [e for e in tf.compat.v1.train.summary_iterator(str(path)) if e.summary.value]
    assert [(e.summary.value[0].tag, e.step) for e in events] == [
        ("regions/0", 7),
        ("regions/1", 7),
    ]
