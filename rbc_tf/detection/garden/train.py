"""Training and evaluation runs."""

import contextlib
import copy
import os
import pathlib

import tensorflow as tf
import tf_keras
from absl import logging
from official.common import distribute_utils
from official.core import base_trainer, task_factory, train_lib, train_utils
from official.modeling import performance

from rbc_tf import artifacts
from rbc_tf.detection.garden import (
    backbone,
    checkpoints,
    configs,
    parameters,
    records,
    task,  # noqa: F401 (registers the task)
)

MODES = ("train", "train_and_eval", "eval")
_SCORES = ("AP", "AP50", "AP75", "AR")


def run(
    sources: parameters.Sources,
    mode: str,
    model_dir: str,
    evaluation_split: str = "validation",
    checkpoint_path: str = "",
) -> dict[str, float]:
    """Trains, evaluates, or both; run again after an interruption, it goes on.

    With a seed, two runs from the start agree; a resumed one reads the images in the order of
    the start again.

    Args:
        sources: settings; mode 'eval' takes what they leave out from `model_dir`/params.yaml.
        mode: 'train', 'train_and_eval' or 'eval'.
        model_dir: checkpoints, params.yaml and TensorBoard logs of the run.
        evaluation_split: split to score in mode 'eval'.
        checkpoint_path: what mode 'eval' scores, '' for the best checkpoint in `model_dir`.

    Returns:
        AP, AP50, AP75 and AR of the best checkpoint so far, or of the evaluated one. Empty after
        mode 'train', which evaluates nothing.

    Raises:
        ValueError, FileNotFoundError, ConnectionError: see `parameters.build`,
            `records.apply` and `backbone.checkpoint`.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}. Received: {mode!r}")
    if mode == "eval":
        params = parameters.build(parameters.of_run(sources, model_dir))
        return evaluate(params, model_dir, evaluation_split, checkpoint_path)
    return _train(parameters.build(sources), mode, model_dir)


def evaluate(
    params: configs.Experiment, model_dir: str, split: str, checkpoint_path: str = ""
) -> dict[str, float]:
    """Scores a checkpoint on a split and writes `model_dir`/metrics-SPLIT.json."""
    params.task.evaluation_split = split
    records.apply(params, splits=(split,))
    if checkpoint_path:
        checkpoint_path = checkpoints.existing(checkpoint_path)
    else:
        checkpoint_path = checkpoints.best(params, model_dir)
    with _said_once():
        logs = _scored(params, checkpoint_path)
    scores = {name: float(logs[name]) for name in _SCORES}
    report = {
        "split": split,
        "num_images": records.read_split_sizes(params.task.records_dir)[split].num_images,
        "checkpoint": os.path.basename(checkpoint_path),
        "step": checkpoints.step(checkpoint_path),
        **scores,
        "versions": artifacts.versions(),
    }
    artifacts.write_json(pathlib.Path(model_dir) / f"metrics-{split}.json", report)
    logging.info("%s images of split %s: %s", report["num_images"], split, scores)
    return scores


def _scored(params: configs.Experiment, checkpoint_path: str) -> dict:
    with _prepare(params).scope():
        # No logging folder: images in TensorBoard belong to training.
        detection = task_factory.get_task(params.task, logging_dir="")
        trainer = base_trainer.Trainer(
            params,
            detection,
            model=detection.build_model(),
            # Unused, but the trainer tracks one.
            optimizer=tf_keras.optimizers.legacy.SGD(),
            train=False,
        )
        restored = tf.train.Checkpoint(model=trainer.model)
        restored.read(checkpoint_path).expect_partial().assert_existing_objects_matched()
        return trainer.evaluate(tf.constant(params.trainer.validation_steps))


def _train(params: configs.Experiment, mode: str, model_dir: str) -> dict[str, float]:
    evaluates = mode == "train_and_eval"
    # As given, before steps are derived from epochs: what repeats the run.
    given = copy.deepcopy(params)
    records.apply(params, ("train", params.task.evaluation_split) if evaluates else ("train",))
    latest = tf.train.latest_checkpoint(model_dir)
    if latest is None:
        # Before minutes are spent on building the model.
        backbone.checkpoint(params.task)
    train_utils.serialize_config(given, model_dir)
    strategy = _prepare(params)
    exporter = checkpoints.exporter(params, model_dir)
    with strategy.scope():
        detection = task_factory.get_task(params.task, logging_dir=model_dir)
        trainer = train_utils.create_trainer(
            params, detection, train=True, evaluate=evaluates, checkpoint_exporter=exporter
        )
    finished = latest is not None and checkpoints.step(latest) >= params.trainer.train_steps
    with _said_once():
        train_lib.run_experiment(
            distribution_strategy=strategy,
            task=detection,
            mode=mode,
            params=params,
            model_dir=model_dir,
            trainer=trainer,
            # A run killed between its last checkpoint and its last evaluation still owes that.
            run_post_eval=finished and evaluates,
        )
    best = exporter.best_ckpt_logs or {}
    return {name: float(best[name]) for name in _SCORES if name in best}


def _prepare(params: configs.Experiment) -> tf.distribute.Strategy:
    """Precision, seeds and devices, which are settings of the whole process."""
    performance.set_mixed_precision_policy(params.runtime.mixed_precision_dtype)
    if params.seed is not None:
        tf_keras.utils.set_random_seed(params.seed)
        tf.config.experimental.enable_op_determinism()
    num_gpus = params.runtime.num_gpus
    if num_gpus < 0:
        num_gpus = len(tf.config.list_physical_devices("GPU"))
    logging.info("Devices: %s", f"{num_gpus} GPUs" if num_gpus else "processor only")
    return distribute_utils.get_distribution_strategy(
        distribution_strategy=params.runtime.distribution_strategy,
        all_reduce_alg=params.runtime.all_reduce_alg,
        num_gpus=num_gpus,
        tpu_address=params.runtime.tpu,
    )


@contextlib.contextmanager
def _said_once():
    """Drops the copies of what absl logs: TensorFlow's own handler, and what Orbit prints."""
    tf.get_logger().handlers.clear()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
