"""What a cross-validation leaves in its folder, and how it is scored.

predictions.npz   what each model predicted for each row (`predictions.py`)
scores.json       all scores, and the record of the run
table1.md, .csv   all tables; all scores, one a row
tensorboard/      one run per row of Table 1
"""

import dataclasses
import os
import pathlib
import platform
import textwrap
import time

import numpy as np

from rbc_tf.core import files, score_files, text_table
from rbc_tf.evaluation.cross_validation import tables
from rbc_tf.evaluation.cross_validation.fold_features import FoldFeatures
from rbc_tf.evaluation.cross_validation.scores import HeldOutScores, score_held_out
from rbc_tf.evaluation.cross_validation.tensorboard import write_logs
from rbc_tf.evaluation.cross_validation.training import (
    COMPOSED,
    REAL,
    CrossValidation,
    CrossValidationConfig,
    cross_validate,
)

PREDICTIONS_FILE, SCORES_FILE = "predictions.npz", "scores.json"
MARKDOWN_FILE, CSV_FILE = "table1.md", "table1.csv"
LOGS = "tensorboard"


@dataclasses.dataclass(frozen=True)
class BootstrapConfig:
    """Of the intervals; costs seconds and can be changed without training anew."""

    num_resamples: int = 2000
    seed: int = 0

    def __post_init__(self):
        if self.num_resamples < 1 or self.seed < 0:
            raise ValueError(
                "`num_resamples` must be 1 or more and `seed` 0 or more. "
                f"Received: {self.num_resamples} and {self.seed}"
            )


def make_table1(
    features: FoldFeatures,
    output_dir: str | pathlib.Path,
    config: CrossValidationConfig,
    bootstrap: BootstrapConfig = BootstrapConfig(),
    overwrite: bool = False,
) -> str:
    """Trains what is missing, scores it and writes everything into `output_dir`.

    Where regions of real and of composed images are scored, each has tables and scores of its own,
    in the folders `real` and `composed`: what is true of one need not be true of the other.

    Returns:
        The main tables, for the console.

    Raises:
        ValueError: as `cross_validation.cross_validate`.
    """
    output_dir, start = pathlib.Path(output_dir), time.monotonic()
    found = cross_validate(features, output_dir, config, overwrite)
    found.predictions.save(output_dir / PREDICTIONS_FILE)
    composed = found.predictions.composed
    both = composed.any() and not composed.all()
    parts = {REAL: ~composed, COMPOSED: composed} if both else {"": np.ones_like(composed)}
    shown = []
    for name, rows in parts.items():
        part = dataclasses.replace(found, predictions=found.predictions.select(rows))
        shown.append(_score(part, output_dir / name, config, bootstrap, features.weights, start))
    return "\n".join(shown)


def _score(
    found: CrossValidation,
    output_dir: pathlib.Path,
    config: CrossValidationConfig,
    bootstrap: BootstrapConfig,
    weights: str,
    start: float,
) -> str:
    """Scores predictions, writes all tables and gives the main ones."""
    scoring = time.monotonic()
    abnormal = found.cell_types.abnormal
    scores = score_held_out(found.predictions, abnormal, bootstrap.num_resamples, bootstrap.seed)
    heading = tables.heading(
        scores,
        config.folds.folds_by,
        weights,
        config.teaching_splits,
        bool(found.predictions.composed.any()),
    )
    _write_tables(output_dir, scores, heading)
    write_logs(output_dir / LOGS, scores, _hyperparameters(config, weights))
    seconds = {"scoring": time.monotonic() - scoring, "this_run": time.monotonic() - start}
    record = _record(found, bootstrap, weights, seconds)
    score_files.write_json(output_dir / SCORES_FILE, scores.scores, {"run": record})
    shown = map(text_table.console, tables.main_tables(scores))
    return "\n".join([textwrap.fill(heading, text_table.WIDTH) + "\n", *shown])


def _write_tables(output_dir: pathlib.Path, scores: HeldOutScores, heading: str) -> None:
    score_files.write_csv(output_dir / CSV_FILE, scores.scores)
    written = (*tables.main_tables(scores), *tables.further_tables(scores))
    parts = ["# Cross-validation\n", heading + "\n", *map(text_table.markdown, written)]
    with files.atomic_path(output_dir / MARKDOWN_FILE) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


def _record(found: CrossValidation, bootstrap: BootstrapConfig, weights: str, seconds) -> dict:
    """Settings, inputs, software, machine and time; of trainings the time when they were made."""
    by_model = {}
    for training in found.trainings:
        by_model.setdefault(training["model"], []).append(training["seconds"])
    seconds = {**seconds, "trainings": {model: sum(all_) for model, all_ in by_model.items()}}
    return {
        **found.fingerprint.values,
        "weights": weights,
        "bootstrap": dataclasses.asdict(bootstrap),
        "versions": files.versions(),
        "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
        "seconds": seconds,
        "trainings": list(found.trainings),
    }


def _hyperparameters(config: CrossValidationConfig, weights: str) -> dict:
    heads = dataclasses.asdict(config.classifier.heads)
    folds = {"folds": config.folds.num_folds, "folds_by": config.folds.folds_by}
    return {**folds, "weights": weights, **heads}
