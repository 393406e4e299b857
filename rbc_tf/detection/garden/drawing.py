"""Predicted against true boxes on validation images, for TensorBoard."""

import dataclasses

import cv2
import numpy as np
import tensorflow as tf
from official.vision.ops import preprocess_ops

from rbc_tf.core import boxes as box_lib
from rbc_tf.metrics import detection

# RGB. True boxes are drawn first and thicker, so that both stay visible where they agree.
_TRUE_COLOUR, _TRUE_THICKNESS = (0, 160, 255), 4
_PREDICTED_COLOUR, _PREDICTED_THICKNESS = (255, 90, 0), 2

# Small training images are enlarged, that boxes hide less of them.
_LEAST_SIDE = 640
_STRIP = 28  # pixels of the line of text below
_TEXT_COLOUR = (40, 40, 40)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredImage:
    """One image as the model saw it, with boxes in pixels of that image.

    Attributes:
        image: float32 [H, W, 3], normalised as Model Garden does, padded below and to the right.
        size: height and width of the image without its padding.
        true_boxes: float32 [N, 4].
        boxes: float32 [M, 4].
        scores: float32 [M].
    """

    image: np.ndarray
    size: tuple[int, int]
    true_boxes: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def draw(scored: ScoredImage, score_threshold: float) -> np.ndarray:
    """uint8 [H', W', 3]: true boxes blue, predicted ones orange; see `legend` for the crosses."""
    mean, deviation = (np.array(v) for v in (preprocess_ops.MEAN_RGB, preprocess_ops.STDDEV_RGB))
    height, width = scored.size
    canvas = scored.image[:height, :width] * deviation + mean
    factor = -(-_LEAST_SIDE // max(height, width))
    canvas = np.clip(canvas, 0, 255).astype(np.uint8).repeat(factor, 0).repeat(factor, 1)
    order = np.argsort(-scored.scores, kind="stable")
    shown = scored.boxes[order[scored.scores[order] >= score_threshold]]
    taken = detection.match_image(box_lib.iou(shown, scored.true_boxes))
    found = np.isin(np.arange(len(scored.true_boxes)), taken)
    true_boxes, shown = factor * scored.true_boxes, factor * shown
    _rectangles(canvas, true_boxes, ~found, _TRUE_COLOUR, _TRUE_THICKNESS)
    _rectangles(canvas, shown, taken < 0, _PREDICTED_COLOUR, _PREDICTED_THICKNESS)
    text = f"{len(found)} true, {found.sum()} found; {len(shown)} predicted, {sum(taken < 0)} wrong"
    return np.concatenate([canvas, _strip(text, canvas.shape[1])])


def legend(score_threshold: float) -> str:
    """What the boxes mean."""
    return (
        f"Blue: true regions, crossed out where missed. Orange: predicted at a score of "
        f"{score_threshold:g} or more, crossed out where wrong. Right: IoU of 0.5 or more."
    )


def write_summaries(log_dir: str, images: list[np.ndarray], step: int, description: str) -> None:
    """Writes images uint8 [H, W, 3] under the tags regions/0, regions/1, ..."""
    with tf.summary.create_file_writer(log_dir).as_default():
        for index, image in enumerate(images):
            tf.summary.image(f"regions/{index}", image[None], step=step, description=description)


def _rectangles(canvas: np.ndarray, boxes, crossed, colour, thickness: int) -> None:
    corners = np.rint(boxes).astype(int).tolist()
    for (ymin, xmin, ymax, xmax), cross in zip(corners, crossed, strict=True):
        # cv2 takes (x, y) and includes the last pixel.
        right, bottom = xmax - 1, ymax - 1
        cv2.rectangle(canvas, (xmin, ymin), (right, bottom), colour, thickness)
        if cross:
            cv2.line(canvas, (xmin, ymin), (right, bottom), colour, 1, cv2.LINE_AA)
            cv2.line(canvas, (xmin, bottom), (right, ymin), colour, 1, cv2.LINE_AA)


def _strip(text: str, width: int) -> np.ndarray:
    strip = np.full((_STRIP, width, 3), 255, np.uint8)
    cv2.putText(strip, text, (6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT_COLOUR, 1, cv2.LINE_AA)
    return strip
