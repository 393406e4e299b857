"""The scores of a cross-validation for TensorBoard: one run per row of Table 1.

HPARAMS compares the rows; SCALARS shows each score over the folds (step = fold).
"""

import pathlib
import shutil
from collections.abc import Iterator, Mapping

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from rbc_tf.evaluation.cross_validation.scores import HeldOutScores
from rbc_tf.evaluation.cross_validation.table1 import Experiment
from rbc_tf.metrics.fold_scores import Score

_MEAN, _POOLED, _FOLD = "mean_over_folds", "pooled", "fold"
_OF_EXPERIMENT = ("experiment", "model", "tested_on")


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
    experiments = scores.table1.experiments
    tags = [tag for tag, _ in _scores(experiments[0])]
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams_config(
            hparams=[hparams.HParam(name) for name in (*_OF_EXPERIMENT, *settings)],
            metrics=[hparams.Metric(f"{kind}/{tag}") for kind in (_MEAN, _POOLED) for tag in tags],
        )
    for experiment in experiments:
        # No file system minds this name, as some do the paper's asterisk.
        name = experiment.name.replace("*", "_star").replace(" ", "_").replace(":", "_")
        with tf.summary.create_file_writer(str(folder / name)).as_default():
            own = (experiment.name, experiment.model, experiment.subset)
            hyperparameters = {**dict(zip(_OF_EXPERIMENT, own, strict=True)), **settings}
            hparams.hparams(hyperparameters, trial_id=name)
            _write_scores(experiment)


def _write_scores(experiment: Experiment) -> None:
    for tag, score in _scores(experiment):
        if score.mean is not None:
            tf.summary.scalar(f"{_MEAN}/{tag}", score.mean, step=0)
        if score.pooled is not None:
            tf.summary.scalar(f"{_POOLED}/{tag}", score.pooled, step=0)
        for fold, value in enumerate(score.per_fold):
            if value is not None:
                tf.summary.scalar(f"{_FOLD}/{tag}", value, step=fold)


def _scores(experiment: Experiment) -> Iterator[tuple[str, Score]]:
    yield "exact_match", experiment.scores.exact_match
    yield "macro_auc", experiment.scores.macro_auc
    for name, score in experiment.scores.auc.items():
        yield f"auc/{name}", score
