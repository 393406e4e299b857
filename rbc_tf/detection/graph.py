"""What stands around an exported detector, as TensorFlow operations.

`predictor` runs them one by one, the exported chain has them in its graph: both give the same.
"""

import tensorflow as tf

# Outputs that the signature of a detector must have, each with the batch first.
OUTPUTS = ("detection_boxes", "detection_scores", "num_detections", "image_info")
# Row of image_info that holds (y, x) scaled size / source size.
_SCALE_ROW = 2
# The graph scales an image until it fits its input. The short side of a longer strip could
# round to no pixel at all.
_MAX_ASPECT = 64
# Of an image that is taken at once: the graph computes with 4-byte numbers before it scales, and
# holds several copies of them. Larger images are cut into tiles.
MOST_PIXELS = 40_000_000


def limit_aspect(images: tf.Tensor) -> tf.Tensor:
    """Pads very long strips [N, H, W, 3] with black below or to the right, which moves no box."""
    height, width = tf.unstack(tf.shape(images)[1:3])
    missing_rows = tf.maximum(0, -(-width // _MAX_ASPECT) - height)
    missing_columns = tf.maximum(0, -(-height // _MAX_ASPECT) - width)
    return tf.pad(images, [[0, 0], [0, missing_rows], [0, missing_columns], [0, 0]])


def in_source_pixels(
    outputs: dict[str, tf.Tensor], row: int, height: int, width: int, score_threshold: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """What a detector found in one image of a batch, in pixels of that image.

    Args:
        outputs: of the signature, by name.
        row: which image of the batch.
        height, width: of the image.
        score_threshold: detections below are dropped.

    Returns:
        float32 [M, 4], boxes cut at the edges of the image, those without area left out, and
        float32 [M], their scores; best score first, equal ones in the order of the detector.
    """
    count = outputs["num_detections"][row]
    scores = tf.cast(outputs["detection_scores"][row, :count], tf.float32)
    scale = tf.tile(outputs["image_info"][row, _SCALE_ROW], [2])
    edges = tf.cast(tf.stack([height, width, height, width]), tf.float32)
    boxes = tf.clip_by_value(outputs["detection_boxes"][row, :count] / scale, 0.0, edges)
    keep = (scores >= score_threshold) & tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
    boxes, scores = tf.boolean_mask(boxes, keep), tf.boolean_mask(scores, keep)
    order = tf.argsort(scores, direction="DESCENDING", stable=True)
    return tf.gather(boxes, order), tf.gather(scores, order)
