"""Predicted against true boxes on validation images, for TensorBoard."""

import dataclasses

import cv2
import numpy as np
import tensorflow as tf
from official.vision.ops import preprocess_ops

# RGB. True boxes are drawn first and thicker, so that both stay visible where they agree.
_TRUE_COLOUR, _TRUE_THICKNESS = (0, 160, 255), 2
_PREDICTED_COLOUR, _PREDICTED_THICKNESS = (255, 90, 0), 1


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredImage:
    """One image as the model saw it, with boxes in pixels of that image.

    Attributes:
        image: float32 [H, W, 3], normalised as Model Garden does.
        true_boxes: float32 [N, 4].
        boxes: float32 [M, 4].
        scores: float32 [M].
    """

    image: np.ndarray
    true_boxes: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def draw(scored: ScoredImage, score_threshold: float) -> np.ndarray:
    """uint8 [H, W, 3]: true boxes blue, predicted ones orange."""
    mean, deviation = (np.array(v) for v in (preprocess_ops.MEAN_RGB, preprocess_ops.STDDEV_RGB))
    canvas = np.clip(scored.image * deviation + mean, 0, 255).astype(np.uint8).copy()
    _rectangles(canvas, scored.true_boxes, _TRUE_COLOUR, _TRUE_THICKNESS)
    shown = scored.boxes[scored.scores >= score_threshold]
    _rectangles(canvas, shown, _PREDICTED_COLOUR, _PREDICTED_THICKNESS)
    return canvas


def write_summaries(log_dir: str, images: list[np.ndarray], step: int) -> None:
    """Writes images uint8 [H, W, 3] of one size under the tags regions/0, regions/1, ..."""
    with tf.summary.create_file_writer(log_dir).as_default():
        for index, image in enumerate(images):
            tf.summary.image(f"regions/{index}", image[None], step=step)


def _rectangles(canvas: np.ndarray, boxes: np.ndarray, colour, thickness: int) -> None:
    for ymin, xmin, ymax, xmax in np.rint(boxes).astype(int).tolist():
        # cv2 takes (x, y) and includes the last pixel.
        cv2.rectangle(canvas, (xmin, ymin), (xmax - 1, ymax - 1), colour, thickness)
