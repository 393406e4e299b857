"""What size a detector's training images and their regions have: tiling needs it later."""

import pathlib

import numpy as np
import tensorflow as tf

_FIELDS = {
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "image/object/bbox/ymin": tf.io.RaggedFeature(tf.float32),
    "image/object/bbox/xmin": tf.io.RaggedFeature(tf.float32),
    "image/object/bbox/ymax": tf.io.RaggedFeature(tf.float32),
    "image/object/bbox/xmax": tf.io.RaggedFeature(tf.float32),
}


def sizes(records_dir: str | pathlib.Path) -> dict[str, tuple[int, int]]:
    """Sizes of the training split's images and regions, as `DetectorRecord` holds them.

    Returns:
        {'training_image_size': median (height, width), 'largest_training_region': largest
        height and width}, in source pixels; empty where the records are not there any more.
    """
    if not records_dir:
        return {}
    shards = sorted(str(path) for path in pathlib.Path(records_dir).glob("train-?????-of-?????"))
    images, regions = [], [np.zeros((1, 2))]
    for record in tf.data.TFRecordDataset(shards):
        example = {k: v.numpy() for k, v in tf.io.parse_single_example(record, _FIELDS).items()}
        size = np.array([example["image/height"], example["image/width"]])
        low, high = (
            np.stack([example[f"image/object/bbox/{side}{end}"] for side in "yx"], axis=1)
            for end in ("min", "max")
        )
        images.append(size)
        regions.append((high - low) * size)
    if not images:
        return {}
    # Shares of an image in float32 give its pixels but for a rounding.
    largest = np.rint(np.concatenate(regions).max(axis=0))
    return {
        "training_image_size": tuple(np.median(images, axis=0).astype(int).tolist()),
        "largest_training_region": tuple(largest.astype(int).tolist()),
    }
