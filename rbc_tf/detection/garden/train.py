"""Training and evaluation runs."""

import contextlib
import copy
import os
import pathlib
import tempfile
from collections.abc import Iterator

import tensorflow as tf
import tf_keras
from absl import logging
from official.core import base_trainer, task_factory, train_utils
from official.modeling import performance

from rbc_tf.core import files, unseen
from rbc_tf.core.unseen import Seen
from rbc_tf.detection.garden import (
    backbone,
    checkpoints,
    configs,
    parameters,
    records,
    run_record,
    runner,
    task,  # noqa: F401 (registers the task)
    training_images,
    workers,
)
from rbc_tf.detection.record import DetectorRecord, UsedSplit

MODES = ("train", "train_and_eval", "eval")
_SCORES = ("AP", "AP50", "AP75", "AR")


def run(
    sources: parameters.Sources,
    mode: str,
    model_dir: str,
    evaluation_split: str = "validation",
    checkpoint_path: str = "",
    overwrite: bool = False,
) -> dict[str, float]:
    """Trains, evaluates, or both; run again after an interruption, it goes on.

    With a seed, two runs from the start agree; a resumed one reads the images in the order of
    the start again. On several workers each process calls this with the same settings; if one
    of them dies, the others end with an error, and all are to be run again.

    Args:
        sources: settings; mode 'eval' takes what they leave out from `model_dir`/params.yaml.
        mode: 'train', 'train_and_eval' or 'eval'.
        model_dir: checkpoints, params.yaml and TensorBoard logs of the run.
        evaluation_split: split to score in mode 'eval'.
        checkpoint_path: what mode 'eval' scores, '' for the best checkpoint in `model_dir`.
        overwrite: train anew; what an earlier run has left in `model_dir` is deleted.

    Returns:
        AP, AP50, AP75 and AR of the best checkpoint so far, or of the evaluated one. Empty after
        mode 'train', which evaluates nothing.

    Raises:
        StaleError: `model_dir` holds a run with other settings or records; see `run_record`.
        CheckpointError: its checkpoints are damaged.
        ValueError, FileNotFoundError, ConnectionError: see `parameters.build`,
            `records.apply`, `backbone.checkpoint` and `workers`.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}. Received: {mode!r}")
    if mode == "eval":
        params = parameters.build(parameters.of_run(sources, model_dir))
        if workers.cluster(params.runtime).has_peers:
            raise ValueError(
                "Mode eval requires a single worker: leave out worker_hosts, and TF_CONFIG. "
                f"Received: {workers.cluster(params.runtime)}"
            )
        return evaluate(params, model_dir, evaluation_split, checkpoint_path)
    return _train(parameters.build(sources), mode, model_dir, overwrite)


def evaluate(
    params: configs.Experiment, model_dir: str, split: str, checkpoint_path: str = ""
) -> dict[str, float]:
    """Scores a checkpoint on a split and writes `model_dir`/metrics-SPLIT.json.

    Raises:
        SeenError: it has seen images of the split, which is neither 'train' nor 'validation'.
    """
    if checkpoint_path:
        checkpoint_path = checkpoints.existing(checkpoint_path)
    else:
        checkpoint_path = checkpoints.best(params, model_dir)
    used = training_images.used_splits(params, checkpoint_path)
    params.task.evaluation_split = split
    records.apply(params, splits=(split,))
    records.check_shards(params, (split,))
    _check_unseen(params, split, used)
    with _without_duplicate_logs():
        logs = _scored(params, checkpoint_path)
    scores = {name: float(logs[name]) for name in _SCORES}
    report = {
        "split": split,
        "num_images": records.load_splits(params.task.records_dir)[split].num_images,
        "checkpoint": os.path.basename(checkpoint_path),
        "step": checkpoints.step(checkpoint_path),
        **scores,
        "versions": files.versions(),
    }
    files.write_json(pathlib.Path(model_dir) / f"metrics-{split}.json", report)
    logging.info("%s images of split %s: %s", report["num_images"], split, scores)
    return scores


def _check_unseen(params: configs.Experiment, split: str, used: dict[str, UsedSplit]) -> None:
    """By their hashes alone: records do not say which group an image is of."""
    scored = records.load_splits(params.task.records_dir)[split].images or ()
    seen = Seen(unseen.DETECTOR, DetectorRecord(records=used).images)
    if split not in unseen.SEEN_SPLITS:
        images = unseen.Images(*(dict(zip(scored, scored, strict=True)) for _ in range(2)))
        unseen.check([seen], images, scored, f"{params.task.records_dir}, split '{split}'")


def _scored(params: configs.Experiment, checkpoint_path: str) -> dict:
    with prepare(params).scope():
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


def _train(
    params: configs.Experiment, mode: str, model_dir: str, overwrite: bool
) -> dict[str, float]:
    evaluates = mode == "train_and_eval"
    # As given, before steps are derived from epochs: what repeats the run.
    given = copy.deepcopy(params)
    splits = ("train", params.task.evaluation_split) if evaluates else ("train",)
    records.apply(params, splits)
    records.check_shards(params, splits)
    members = workers.cluster(params.runtime)
    if members.is_chief:
        if overwrite:
            run_record.delete(model_dir)
        run_record.sweep(model_dir)
        run_record.check(given, splits, model_dir)
    latest = checkpoints.latest_whole if members.is_chief else checkpoints.latest
    if latest(model_dir) is None:
        # Before minutes are spent on building the model.
        backbone.checkpoint(params.task)
    with (
        _without_duplicate_logs(),
        workers.report_lost_worker(members, model_dir),
        _output_dir(members, model_dir) as output_dir,
    ):
        strategy = prepare(params)
        workers.check_batches(params, strategy)
        workers.check_same_settings(params, strategy)
        workers.note_batch_norm(params, strategy)
        workers.share_seed(params.task.train_data, strategy)
        if members.is_chief:
            workers.forget(given.runtime)
            train_utils.serialize_config(given, model_dir)
            run_record.note(given, splits, model_dir)
            training_images.note(params, splits, model_dir)
        return _run(params, strategy, evaluates, model_dir, output_dir)


def _run(
    params: configs.Experiment,
    strategy: tf.distribute.Strategy,
    evaluates: bool,
    model_dir: str,
    output_dir: str,
) -> dict[str, float]:
    # Only now: all workers of an earlier start have ended, and none of this one writes yet.
    latest = checkpoints.latest(model_dir)
    finished = latest is not None and checkpoints.step(latest) >= params.trainer.train_steps
    exporter = checkpoints.exporter(params, model_dir, output_dir)
    with strategy.scope():
        detection = task_factory.get_task(params.task, logging_dir=output_dir)
        trainer = train_utils.create_trainer(
            params,
            detection,
            train=True,
            evaluate=evaluates,
            checkpoint_exporter=exporter,
            trainer_cls=runner.Trainer,
        )
    runner.Runner(
        run_dir=model_dir,
        output_dir=output_dir,
        distribution_strategy=strategy,
        task=detection,
        mode="train_and_eval" if evaluates else "train",
        params=params,
        trainer=trainer,
        # A run killed between its last checkpoint and its last evaluation still owes that.
        run_post_eval=finished and evaluates,
    ).run()
    best = exporter.best_ckpt_logs or {}
    return {name: float(best[name]) for name in _SCORES if name in best}


@contextlib.contextmanager
def _output_dir(members: workers.Cluster, model_dir: str) -> Iterator[str]:
    """`model_dir` for the chief; a folder that is thrown away for the others."""
    if members.is_chief:
        yield model_dir
        return
    with tempfile.TemporaryDirectory(prefix="rbc_tf_worker_") as folder:
        yield folder


def prepare(params: configs.Experiment) -> tf.distribute.Strategy:
    """Precision, seeds and devices, which are settings of the whole process."""
    performance.set_mixed_precision_policy(params.runtime.mixed_precision_dtype)
    if params.seed is not None:
        # The same for all workers, though they then draw the same numbers: by it the files are
        # shuffled that they share.
        tf_keras.utils.set_random_seed(params.seed)
        tf.config.experimental.enable_op_determinism()
    return workers.strategy(params.runtime)


@contextlib.contextmanager
def _without_duplicate_logs():
    """Drops the copies of what absl logs: TensorFlow's own handler, and what Orbit prints.

    And what TensorFlow says of every variable that workers exchange.
    """
    tf.get_logger().handlers.clear()
    tf.get_logger().setLevel("WARNING")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
