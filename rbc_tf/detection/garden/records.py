"""The settings of a run that follow from its folder of TFRecords."""

import math
import operator
import pathlib

from absl import logging

from rbc_tf.data import detection_records
from rbc_tf.data.detection_records import SplitRecord
from rbc_tf.detection.garden import configs, schedule, workers

# Settings that bound how many regions of an image are learnt from, found or scored.
_LIMITS = (
    "task.train_data.parser.max_num_instances",
    "task.validation_data.parser.max_num_instances",
    "task.model.roi_generator.test_num_proposals",
    "task.model.detection_generator.max_num_detections",
)


def load_splits(records_dir: str | pathlib.Path) -> dict[str, SplitRecord]:
    """The splits of a folder of TFRecords by name.

    Raises:
        FileNotFoundError: the folder holds no records.json.
        ValueError: records.json is damaged.
    """
    if not records_dir or not (pathlib.Path(records_dir) / detection_records.FILE).is_file():
        raise FileNotFoundError(
            "task.records_dir must be a folder of TFRecords with its records.json. "
            f"Received: {str(records_dir)!r}"
        )
    return detection_records.load_info(records_dir).splits


def apply(params: configs.Experiment, splits: tuple[str, ...]) -> None:
    """Points `params` at its records and derives what depends on their number.

    Input paths, training steps from epochs, and the end of a cosine schedule.

    Args:
        params: changed in place.
        splits: those that the run reads, of 'train' and `params.task.evaluation_split`.

    Raises:
        FileNotFoundError: no records.json.
        ValueError: a split is missing or empty, an image holds more boxes than the settings
            keep, not exactly one of epochs and steps is set, an input path is, or there are
            fewer training images than workers.
    """
    sizes = load_splits(params.task.records_dir)
    for split in splits:
        _check_split(params, split, sizes)
    _set_input_path(params.task.train_data, params.task.records_dir, "train")
    _set_input_path(
        params.task.validation_data, params.task.records_dir, params.task.evaluation_split
    )
    if "train" in splits:
        _check_workers(params, sizes["train"])
        _set_train_steps(params, sizes["train"])


def check_shards(params: configs.Experiment, splits: tuple[str, ...]) -> None:
    """Refuses records of which files are missing, empty, damaged or from elsewhere.

    Raises:
        ValueError: names the files.
    """
    sizes = load_splits(params.task.records_dir)
    for split in splits:
        detection_records.check_shards(params.task.records_dir, split, sizes[split])


def _check_split(params: configs.Experiment, split: str, sizes: dict[str, SplitRecord]) -> None:
    size = sizes.get(split)
    if size is None or size.num_images == 0:
        known = {name: value.num_images for name, value in sizes.items()}
        raise ValueError(
            f"{params.task.records_dir} must hold images of split {split!r}. "
            f"Received splits with numbers of images: {known}"
        )
    for name in _LIMITS:
        limit = operator.attrgetter(name)(params)
        if size.max_boxes > limit:
            raise ValueError(
                f"An image of split {split!r} holds {size.max_boxes} regions, and {name} is "
                f"{limit}: the rest would be dropped silently. Set {name} to "
                f"{size.max_boxes} or more."
            )


def _check_workers(params: configs.Experiment, train: SplitRecord) -> None:
    num_workers = len(workers.cluster(params.runtime).addresses)
    if train.num_images < num_workers:
        raise ValueError(
            f"{params.task.records_dir} must hold an image of split 'train' for each of "
            f"{num_workers} workers. Received: {train.num_images} images"
        )


def _set_input_path(data, records_dir: str, split: str) -> None:
    if data.input_path:
        raise ValueError(
            "input_path follows from task.records_dir, whose records.json is checked, and must "
            f"stay empty. Received: {data.input_path}"
        )
    data.input_path = str(pathlib.Path(records_dir) / f"{split}-?????-of-?????")


def _set_train_steps(params: configs.Experiment, train: SplitRecord) -> None:
    trainer = params.trainer
    if bool(trainer.train_epochs) == bool(trainer.train_steps):
        raise ValueError(
            "Exactly one of trainer.train_epochs and trainer.train_steps must be above 0. "
            f"Received: {trainer.train_epochs} epochs, {trainer.train_steps} steps"
        )
    if trainer.train_epochs:
        batch = params.task.train_data.global_batch_size
        trainer.train_steps = math.ceil(trainer.train_epochs * train.num_images / batch)
    schedule.use_train_steps(trainer.optimizer_config, trainer.train_steps)
    logging.info("%s training images, %s steps", train.num_images, trainer.train_steps)
