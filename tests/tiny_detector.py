"""A detector and records of 64 x 64 pixels, to be trained in seconds."""

import json
import pathlib

import cv2
import numpy as np
import tensorflow as tf

SIDE = 64
SETTINGS = {
    "runtime": {"mixed_precision_dtype": "float32"},
    "task": {
        "init_checkpoint": "",
        "summary_images": 1,
        "model": {
            "input_size": [SIDE, SIDE, 3],
            "min_level": 3,
            "max_level": 4,
            "backbone": {"type": "resnet", "resnet": {"model_id": 18}},
            "decoder": {"type": "fpn", "fpn": {"num_filters": 16}},
            "rpn_head": {"num_filters": 16},
            "anchor": {"anchor_size": 2.0},
            "detection_head": {"num_convs": 0, "num_fcs": 1, "fc_dims": 16},
            "roi_sampler": {"num_sampled_rois": 16},
            "detection_generator": {"pre_nms_score_threshold": 0.0, "max_num_detections": 120},
        },
        "train_data": {"global_batch_size": 2, "parser": {"max_num_instances": 120}},
        "validation_data": {"global_batch_size": 2, "parser": {"max_num_instances": 120}},
    },
    "trainer": {
        "train_epochs": 0,
        "train_steps": 2,
        "steps_per_loop": 1,
        "summary_interval": 1,
        "checkpoint_interval": 1,
        "validation_interval": 2,
        "optimizer_config": {
            "learning_rate": {"type": "cosine", "cosine": {"initial_learning_rate": 0.01}},
            "warmup": {"type": "linear", "linear": {"warmup_steps": 1}},
        },
    },
}


def smear(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [64, 64, 3] with two dark discs, and their boxes as shares of the side."""
    image = np.full((SIDE, SIDE, 3), 220, np.uint8)
    centres = np.array([[16, 16], [44, 44]]) + random.integers(-4, 5, (2, 2))
    for y, x in centres.tolist():
        cv2.circle(image, (x, y), 9, (150, 60, 90), -1)
    return image, np.concatenate([centres - 9, centres + 10], axis=1) / SIDE


def write_records(folder: pathlib.Path, **num_images: int) -> None:
    """One shard for each split, of that many images, and records.json."""
    sizes = {}
    for split, number in num_images.items():
        random = np.random.default_rng(len(split))
        smears = [smear(random) for _ in range(number)]
        write_shard(folder / f"{split}-00000-of-00001", smears)
        images = [f"{split} {index}" for index in range(number)]  # in the place of hashes
        sizes[split] = {"num_images": number, "num_boxes": 2 * number, "max_boxes": 2}
        sizes[split]["images"] = images
    (folder / "records.json").write_text(json.dumps({"splits": sizes}))


def write_shard(path: pathlib.Path, smears: list[tuple[np.ndarray, np.ndarray]]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for source_id, (image, boxes) in enumerate(smears):
            writer.write(_example(source_id, image, boxes).SerializeToString())


def _example(source_id: int, image: np.ndarray, boxes: np.ndarray) -> tf.train.Example:
    ymin, xmin, ymax, xmax = boxes.T
    values = {
        "image/encoded": [cv2.imencode(".png", image[..., ::-1])[1].tobytes()],
        "image/format": [b"png"],
        "image/height": [SIDE],
        "image/width": [SIDE],
        "image/filename": [b"smear.png"],
        "image/source_id": [str(source_id).encode()],
        "image/object/bbox/ymin": ymin,
        "image/object/bbox/xmin": xmin,
        "image/object/bbox/ymax": ymax,
        "image/object/bbox/xmax": xmax,
        "image/object/class/text": [b"region"] * len(boxes),
        "image/object/class/label": [1] * len(boxes),
        "image/object/is_crowd": [0] * len(boxes),
        "image/object/area": (ymax - ymin) * (xmax - xmin) * SIDE**2,
    }
    return tf.train.Example(
        features=tf.train.Features(feature={key: _feature(v) for key, v in values.items()})
    )


def _feature(values) -> tf.train.Feature:
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
