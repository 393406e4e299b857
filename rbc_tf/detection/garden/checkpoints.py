"""Checkpoints: finding them, and keeping the best one of a run that may be killed."""

import glob
import os
import pathlib
from collections.abc import Sequence

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


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or of which parts are missing."""


def latest(folder: str) -> str | None:
    """The latest checkpoint of a folder; None where it has none.

    One whose files have all been deleted is passed over for the one before it.

    Raises:
        CheckpointError: there are checkpoints, and the file that lists them is damaged: to begin
            anew over them would lose them.
    """
    return (_listed(folder) or [None])[-1]


def latest_whole(folder: str) -> str | None:
    """As `latest`; it is read to its last value, which takes a second for a large network.

    Raises CheckpointError where it is damaged, too.
    """
    there = _listed(folder)
    if not there:
        return None
    check(there[-1], there[:-1])
    return there[-1]


def _listed(folder: str) -> list[str]:
    """The checkpoints of a folder that are there, the latest last."""
    listing = pathlib.Path(folder) / "checkpoint"
    if not listing.is_file():
        # Killed between the first checkpoint, whose index comes last, and its entry in the list.
        present = pathlib.Path(folder).glob("ckpt-*.index")
        numbered = [path.with_suffix("") for path in present if path.stem[5:].isdecimal()]
        return [str(path) for path in sorted(numbered, key=lambda path: int(path.name[5:]))]
    try:
        state = tf.train.get_checkpoint_state(folder)
    except (tf.errors.OpError, ValueError):
        state = None
    listed = [*state.all_model_checkpoint_paths, state.model_checkpoint_path] if state else []
    if not listed:
        raise CheckpointError(
            f"{listing} must list the checkpoints of the folder, and is damaged. Restore it, "
            "give --overwrite to train anew, or name another folder"
        )
    there = [path for path in dict.fromkeys(listed) if _has_files(path)]
    if not there:
        raise CheckpointError(f"{listing}: none of the checkpoints that it lists is there")
    return there


def check(path: str, earlier: Sequence[str] = ()) -> None:
    """Reads a checkpoint to its end; raises CheckpointError where it is damaged."""
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError) as error:
        go_on = f" to go on from {earlier[-1]}," if earlier else ""
        raise CheckpointError(
            f"{path}: the checkpoint is damaged or not whole ({_first_line(error)}). Delete its "
            f"files{go_on} or give --overwrite to train anew"
        ) from error


def _has_files(path: str) -> bool:
    place = pathlib.Path(path)
    return any(place.parent.glob(f"{glob.escape(place.name)}.*"))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def best(params: configs.Experiment, model_dir: str) -> str:
    """The best checkpoint of a run.

    Raises:
        FileNotFoundError: the run has none yet.
    """
    folder = os.path.join(model_dir, params.trainer.best_checkpoint_export_subdir)
    found = latest_whole(folder)
    if found is None:
        raise FileNotFoundError(
            f"{folder} must hold a best checkpoint, which a run in mode train_and_eval leaves "
            "there at its first evaluation. Train further, or name a checkpoint."
        )
    return found


def existing(path: str) -> str:
    """The checkpoint at `path`, or the latest one in it if it is a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    found = latest_whole(path) if tf.io.gfile.isdir(path) else path
    if not found or not tf.io.gfile.exists(f"{found}.index"):
        raise FileNotFoundError(
            "A checkpoint must be a folder that holds one, or its path without .index. "
            f"Received: {path}"
        )
    return found


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
