"""Checkpoints: finding them, and keeping the best one of a run that may be killed."""

import os
import pathlib

import orbit
import tensorflow as tf
from official.core import train_utils

from rbc_tf.core import files, structured
from rbc_tf.detection.garden import configs


class BestCheckpoint(train_utils.BestCheckpointExporter):
    """Model Garden's exporter, which writes the score first and the weights after it.

    Killed in between, it would hold a score of weights that it never saved, and killed while
    writing, a score that cannot be read. Here the score comes last, and whole.

    Args:
        run_dir: folder of the best checkpoint so far, if there is one.
        output_dir: where better ones are written: `run_dir`, but for workers that are no chief.
    """

    def __init__(self, run_dir: str, output_dir: str, metric: str, comparison: str):
        super().__init__(run_dir, metric, comparison)
        # The score to beat has been read.
        self._export_dir = output_dir

    def maybe_export_checkpoint(self, checkpoint, eval_logs, global_step, write_logs=True) -> bool:
        best = self._best_ckpt_logs
        if best is not None and not self._new_metric_is_better(best, eval_logs):
            return False
        self._best_ckpt_logs = eval_logs
        self._get_checkpoint_manager(checkpoint).save()
        if write_logs:
            self.export_best_eval_metric(eval_logs, global_step)
        return True

    def export_best_eval_metric(self, eval_logs, global_step) -> None:
        scores = {name: float(orbit.utils.get_value(value)) for name, value in eval_logs.items()}
        scores["best_ckpt_global_step"] = int(global_step)
        files.write_json(self.best_ckpt_logs_path, scores)


def exporter(params: configs.Experiment, model_dir: str, output_dir: str) -> BestCheckpoint:
    trainer = params.trainer
    return BestCheckpoint(
        os.path.join(model_dir, trainer.best_checkpoint_export_subdir),
        os.path.join(output_dir, trainer.best_checkpoint_export_subdir),
        trainer.best_checkpoint_eval_metric,
        trainer.best_checkpoint_metric_comp,
    )


def best(params: configs.Experiment, model_dir: str) -> str:
    """The best checkpoint of a run.

    Raises:
        FileNotFoundError: the run has none yet.
    """
    folder = os.path.join(model_dir, params.trainer.best_checkpoint_export_subdir)
    latest = tf.train.latest_checkpoint(folder)
    if latest is None:
        raise FileNotFoundError(
            f"{folder} must hold a best checkpoint, which a run in mode train_and_eval leaves "
            "there at its first evaluation. Train further, or name a checkpoint."
        )
    return latest


def existing(path: str) -> str:
    """The checkpoint at `path`, or the latest one in it if it is a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    latest = tf.train.latest_checkpoint(path) if tf.io.gfile.isdir(path) else path
    if not latest or not tf.io.gfile.exists(f"{latest}.index"):
        raise FileNotFoundError(
            "A checkpoint must be a folder that holds one, or its path without .index. "
            f"Received: {path}"
        )
    return latest


def step(path: str) -> int:
    """The training step at which a checkpoint was saved."""
    reader = tf.train.load_checkpoint(path)
    return int(reader.get_tensor("global_step/.ATTRIBUTES/VARIABLE_VALUE"))


def scores(path: str) -> dict[str, float]:
    """What was measured of a best checkpoint on the validation images; empty for others."""
    report = pathlib.Path(path).parent / "info.json"
    if not report.is_file():
        return {}
    return structured.load_mapping(report)
