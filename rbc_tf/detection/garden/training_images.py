"""Which images a detector is trained and validated on, and how large they are.

    MODEL_DIR/images.json    the images of a run, from its first start on

Tiling needs the sizes later; the images must not be scored.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from rbc_tf.core import config, files, structured
from rbc_tf.detection.garden import configs, records
from rbc_tf.detection.record import UsedSplit

_FILE = "images.json"

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


def note(params: configs.Experiment, splits: Sequence[str], model_dir: str) -> None:
    """Records in the folder of a run which images it uses, before it uses them.

    A run that goes on with other records has seen the images of all its starts, and one that
    starts from the checkpoint of another run those of that run. Of a run that version 0.1.0
    started it is not known.

    Args:
        params: of the run.
        splits: of the records that it reads.
        model_dir: its folder.
    """
    known = records.load_splits(params.task.records_dir)
    used = {
        role: _used(split, known[split])
        for role, split in _roles(params).items()
        if split in splits
    }
    earlier = _load(pathlib.Path(model_dir))
    if earlier is None and (pathlib.Path(model_dir) / "checkpoint").is_file():
        used = {role: dataclasses.replace(split, images=None) for role, split in used.items()}
    for role, split in (earlier or {}).items():
        used[role] = _both(split, used[role]) if role in used else split
    for split in _of_start(params):
        used["train"] = _both(split, used["train"])
    content = {role: dataclasses.asdict(split) for role, split in used.items()}
    files.write_json(pathlib.Path(model_dir) / _FILE, content)


def used_splits(params: configs.Experiment, checkpoint: str) -> dict[str, UsedSplit]:
    """What a checkpoint was trained and validated on, as `DetectorRecord` holds it.

    Of a run of version 0.1.0, which did not record it, the numbers that the records now hold
    without the images, as these may have changed; {} where the records are gone.
    """
    folder = pathlib.Path(checkpoint).parent
    for run_dir in (folder, folder.parent):  # the best checkpoint lies in a folder of its own
        used = _load(run_dir)
        if used is not None:
            return used
    try:
        known = records.load_splits(params.task.records_dir)
    except FileNotFoundError:
        return {}
    return {
        role: dataclasses.replace(_used(split, known[split]), images=None)
        for role, split in _roles(params).items()
        if split in known
    }


def _roles(params: configs.Experiment) -> dict[str, str]:
    return {"train": "train", "validation": params.task.evaluation_split}


def _of_start(params: configs.Experiment) -> list[UsedSplit]:
    """The images of the run whose checkpoint this one starts from; none of any other start."""
    start = params.task.init_checkpoint
    if not start or start == configs.IMAGENET:
        return []
    path = pathlib.Path(start)
    for run_dir in (path, *path.parents[:2]):  # as in `used_splits`; or the folder is given
        used = _load(run_dir)
        if used is not None:
            return list(used.values())
        settings = run_dir / "params.yaml"
        if settings.is_file() and "records_dir:" in settings.read_text(encoding="utf-8"):
            return [UsedSplit("train", 0, 0, 0)]  # a run of version 0.1.0
    return []


def _used(split: str, found: records.SplitRecord) -> UsedSplit:
    return UsedSplit(split, found.num_images, found.num_boxes, found.max_boxes, found.images)


def _both(earlier: UsedSplit, now: UsedSplit) -> UsedSplit:
    """The numbers of now, the images of both."""
    if earlier.images is None or now.images is None:
        return dataclasses.replace(now, images=None)
    return dataclasses.replace(now, images=tuple(sorted({*earlier.images, *now.images})))


def _load(run_dir: pathlib.Path) -> dict[str, UsedSplit] | None:
    """None where the run does not say; raises ValueError where that is damaged."""
    path = run_dir / _FILE
    if not path.is_file():
        return None
    try:
        content = structured.load_mapping(path)
        return {role: config.from_dict(UsedSplit, split) for role, split in content.items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} must say which images a run has used: {error}") from error
