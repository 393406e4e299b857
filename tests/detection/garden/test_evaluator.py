"""Average precision over all detections, derived by hand."""

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.detection.garden.evaluator import UncappedEvaluator

_MAX = 300


def test_more_than_100_right_detections_all_count():
    boxes = _grid(150)
    scores = _evaluate([(boxes, boxes, np.linspace(0.99, 0.5, 150))])
    # Every box is found exactly, and nothing else. With 100 kept, recall would end at 2 / 3.
    assert scores == pytest.approx({"AP": 1.0, "AP50": 1.0, "AP75": 1.0, "AR": 1.0})


def test_iou_decides_what_counts():
    truth = np.array([[0, 0, 10, 10]], np.float32)
    found = np.array([[0, 0, 10, 7.2]], np.float32)
    scores = _evaluate([(truth, found, [0.9])])
    # IoU 0.72: right at 0.50, 0.55, 0.60, 0.65 and 0.70, five of the ten thresholds.
    assert scores == pytest.approx({"AP": 0.5, "AP50": 1.0, "AP75": 0.0, "AR": 0.5})


def test_false_detection_above_a_right_one_halves_precision():
    truth = np.array([[0, 0, 10, 10]], np.float32)
    found = np.array([[40, 40, 50, 50], [0, 0, 10, 10]], np.float32)
    scores = _evaluate([(truth, found, [0.9, 0.8])])
    # At recall 1 one of two detections is right.
    assert scores["AP50"] == pytest.approx(0.5)


def test_images_without_detections_count_as_missed():
    boxes, nothing = _grid(4), np.zeros((0, 4), np.float32)
    scores = _evaluate([(boxes, boxes, [0.9, 0.8, 0.7, 0.6]), (boxes, nothing, [])])
    # Precision 1 up to recall 0.5: 51 of the 101 recall points 0.00, 0.01, ... 1.00.
    assert scores["AP50"] == pytest.approx(51 / 101)
    assert scores["AR"] == pytest.approx(0.5)


def test_an_image_that_comes_again_counts_once():
    boxes, nothing = _grid(4), np.zeros((0, 4), np.float32)
    right, missed = (boxes, boxes, [0.9, 0.8, 0.7, 0.6]), (boxes, nothing, [])
    scores = _evaluate([right, missed, missed], source_ids=[7, 8, 7])
    # As of the first two; with the third, recall would be 1 / 3.
    assert scores["AR"] == pytest.approx(0.5)


def test_nothing_detected_at_all_is_0():
    scores = _evaluate([(_grid(2), np.zeros((0, 4), np.float32), [])])
    assert scores == {"AP": 0.0, "AP50": 0.0, "AP75": 0.0, "AR": 0.0}


def test_no_true_region_is_an_error():
    nothing = np.zeros((0, 4), np.float32)
    with pytest.raises(ValueError, match="at least one region"):
        _evaluate([(nothing, nothing, [])])


def test_boxes_are_compared_in_source_pixels():
    truth = np.array([[10, 20, 30, 60]], np.float32)
    scaled = truth * [2.0, 0.5, 2.0, 0.5]
    scores = _evaluate([(truth, scaled.astype(np.float32), [0.9])], scale=(2.0, 0.5))
    assert scores["AP"] == pytest.approx(1.0)


def _grid(count: int) -> np.ndarray:
    """Boxes of 10 x 10 pixels that do not touch."""
    places = 20.0 * np.stack(np.divmod(np.arange(count), 20), axis=1)
    return np.concatenate([places, places + 10], axis=1).astype(np.float32)


def _evaluate(images, scale=(1.0, 1.0), source_ids=None) -> dict:
    """Scores images of (true boxes, detected boxes, scores)."""
    evaluator = UncappedEvaluator(_MAX)
    for source_id, (truth, found, scores) in zip(
        source_ids or range(len(images)), images, strict=True
    ):
        info = np.zeros((1, 4, 2), np.float32)
        info[:, 2] = scale
        evaluator.update_state(
            _tensors(
                source_id=np.array([source_id]),
                height=np.array([500]),
                width=np.array([500]),
                num_detections=np.array([len(truth)]),
                boxes=_padded(truth),
                classes=_padded(np.ones(len(truth), np.int64)),
            ),
            _tensors(
                source_id=np.array([source_id]),
                image_info=info,
                num_detections=np.array([len(found)]),
                detection_boxes=_padded(found),
                detection_scores=_padded(np.asarray(scores, np.float32)),
                detection_classes=_padded(np.ones(len(found), np.int64)),
            ),
        )
    return evaluator.result()


def _padded(values: np.ndarray) -> np.ndarray:
    padding = [(0, _MAX - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, padding)[None]


def _tensors(**arrays) -> dict:
    return {name: tf.constant(array) for name, array in arrays.items()}
