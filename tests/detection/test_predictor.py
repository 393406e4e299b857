"""Boxes of an exported detector come back in pixels of the source image."""

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.detection import graph
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.graphs import operations

# In pixels of the image as the fake model scales it: height times 2, width times 0.5.
_SCALED_BOXES = [
    [20.0, 5.0, 60.0, 20.0],
    [10.0, 10.0, 10.0, 30.0],
    [40.0, 30.0, 900.0, 900.0],
    [0.0, 0.0, 8.0, 2.0],
    [-6.0, -4.0, 12.0, 6.0],
]
_SCORES = [0.4, 0.95, 0.9, 0.05, 0.7]
# The last two places are padding, which a detector fills with zeros or rubbish.
_NUM_PLACES = 7


class _FakeDetector(tf.Module):
    """Answers the same boxes for any image, and counts the images by `num_detections`."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")])
    def detect(self, inputs):
        batch = tf.shape(inputs)[0]
        padding = _NUM_PLACES - len(_SCORES)
        boxes = tf.constant(_SCALED_BOXES + [[0.0, 0.0, 50.0, 50.0]] * padding)
        scores = tf.constant(_SCORES + [0.99] * padding)
        info = tf.constant([[0.0, 0.0], [0.0, 0.0], [2.0, 0.5], [0.0, 0.0]])
        return {
            "detection_boxes": tf.tile(boxes[None], [batch, 1, 1]),
            "detection_scores": tf.tile(scores[None], [batch, 1]),
            "num_detections": tf.fill([batch], len(_SCORES)),
            "image_info": tf.tile(info[None], [batch, 1, 1]),
        }


@pytest.fixture(scope="module")
def export_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fake_detector")
    fake = _FakeDetector()
    tf.saved_model.save(fake, str(folder), signatures={"serving_default": fake.detect})
    return folder


def test_boxes_are_unscaled_clipped_and_sorted(export_dir):
    found = DetectorPredictor(export_dir, score_threshold=0.0).predict(_image(50, 100))
    # y / 2 and x / 0.5, then cut at 50 x 100; the second box has no height and is dropped.
    expected = [
        [20.0, 60.0, 50.0, 100.0],  # 0.9: y 20..450, x 60..1800 before the cut
        [0.0, 0.0, 6.0, 12.0],  # 0.7: y -3..6, x -8..12 before the cut
        [10.0, 10.0, 30.0, 40.0],  # 0.4
        [0.0, 0.0, 4.0, 4.0],  # 0.05
    ]
    np.testing.assert_allclose(found.boxes, expected)
    np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.4, 0.05])
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_threshold_keeps_scores_at_and_above_it(export_dir):
    found = DetectorPredictor(export_dir, score_threshold=0.4).predict(_image(50, 100))
    np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.4])


def test_a_box_outside_a_small_image_is_dropped(export_dir):
    found = DetectorPredictor(export_dir, score_threshold=0.0).predict(_image(10, 10))
    # Of the four boxes above those that begin at y or x 10 and later have nothing left.
    np.testing.assert_allclose(found.boxes, [[0, 0, 6, 10], [0, 0, 4, 4]])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 1000), (1000, 1)])
def test_any_size_is_taken(export_dir, height, width):
    found = DetectorPredictor(export_dir, score_threshold=0.0).predict(_image(height, width))
    assert len(found) > 0
    assert (found.boxes[:, 2] <= height).all()
    assert (found.boxes[:, 3] <= width).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_batch_answers_each_image(export_dir, count):
    predictor = DetectorPredictor(export_dir)
    found = predictor.predict_batch(np.zeros((count, 50, 100, 3), np.uint8))
    # 0.9 and 0.7 are at or above the default threshold of 0.5.
    assert [len(detections) for detections in found] == [2] * count


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=["float", "grey", "rgba", "empty"],
)
def test_other_images_are_refused(export_dir, image):
    with pytest.raises(ValueError, match="must"):
        DetectorPredictor(export_dir).predict(image)


def test_an_image_that_would_fill_the_memory_is_refused(export_dir):
    sides = 5_000, graph.MOST_PIXELS // 5_000 + 1
    image = np.broadcast_to(np.uint8(0), (*sides, 3))  # takes no memory itself
    with pytest.raises(ValueError, match=r"40,000,000 pixels.*--tile_size"):
        DetectorPredictor(export_dir).predict(image)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no_such_detector"):
        DetectorPredictor(tmp_path / "no_such_detector")


def test_other_saved_models_are_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match="must return detection_boxes"):
        DetectorPredictor(tmp_path)


class _WritesBesides(_FakeDetector):
    """A detector that also writes a file whenever it is run."""

    def __init__(self, path):
        super().__init__()
        self._path = str(path)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")])
    def detect_and_write(self, inputs):
        with tf.control_dependencies([tf.io.write_file(self._path, "stranger")]):
            return self.detect(tf.identity(inputs))


def test_a_detector_that_does_more_than_compute_is_refused(tmp_path):
    fake = _WritesBesides(tmp_path / "touched")
    signatures = {"serving_default": fake.detect_and_write}
    tf.saved_model.save(fake, str(tmp_path / "model"), signatures=signatures)
    with pytest.raises(operations.OperationError, match="WriteFile"):
        DetectorPredictor(tmp_path / "model")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_threshold_outside_of_0_to_1_is_refused(export_dir, threshold):
    with pytest.raises(ValueError, match="score_threshold"):
        DetectorPredictor(export_dir, score_threshold=threshold)


def _image(height: int, width: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)
