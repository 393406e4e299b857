"""The scores of a cross-validation for TensorBoard: one run per row of Table 1.

HPARAMS compares the rows; SCALARS shows each score over the folds (step = fold).
"""

import pathlib
import shutil
from collections.abc import Mapping, Sequence

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.evaluation.cross_validation.scores import HeldOutScores
from rbc_tf.metrics.fold_scores import FOLD, MEAN, POOLED, FoldScore

_OF_EXPERIMENT = ("experiment", "model", "tested_on")
_AGGREGATES = (MEAN, POOLED, FOLD)


def write_logs(
    folder: str | pathlib.Path, scores: HeldOutScores, settings: Mapping[str, str | float | bool]
) -> None:
    """Writes FOLDER/NAME for each experiment, in place of what an earlier call wrote.

    Args:
        folder: for these logs alone.
        scores: of the cross-validation.
        settings: hyperparameters that all rows share.
    """
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    logged = {
        name: score_lib.select(scores.over_folds, model=model, subset=subset)
        for name, (model, subset) in scores.experiments.items()
    }
    tags = dict.fromkeys(_tag(score) for of_run in logged.values() for score in of_run)
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams_config(
            hparams=[hparams.HParam(name) for name in (*_OF_EXPERIMENT, *settings)],
            metrics=[hparams.Metric(f"{kind}/{tag}") for kind in (MEAN, POOLED) for tag in tags],
        )
    for experiment, of_run in logged.items():
        # No file system minds this name, as some do the paper's asterisk.
        name = experiment.replace("*", "_star").replace(" ", "_").replace(":", "_")
        with tf.summary.create_file_writer(str(folder / name)).as_default():
            own = (experiment, *scores.experiments[experiment])
            hyperparameters = {**dict(zip(_OF_EXPERIMENT, own, strict=True)), **settings}
            hparams.hparams(hyperparameters, trial_id=name)
            _write_scalars([score for over_folds in of_run for score in over_folds.scores()])


def _write_scalars(scores: Sequence[Score]) -> None:
    for score in scores:
        aggregate = score.of["aggregate"]
        if score.value is not None and aggregate in _AGGREGATES:
            step = int(score.of.get("fold", 0))
            tf.summary.scalar(f"{aggregate}/{_tag(score)}", score.value, step=step)


def _tag(score: Score | FoldScore) -> str:
    """The name, and the type or the way to predict abnormality that the score is of."""
    of = (score.of[key] for key in ("type", "abnormality") if key in score.of)
    return "/".join([score.name, *of])
