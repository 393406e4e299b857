"""From a feature cache to a trained classifier (the paper: Six networks, Abnormality)."""

import dataclasses
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
from absl import logging

from rbc_tf.classification.abnormality import (
    AbnormalityModel,
    BoostingConfig,
    abnormality_labels,
    fit_abnormality,
)
from rbc_tf.classification.calibration import (
    PLAIN,
    CalibrationConfig,
    has_both_classes,
    rows_for_thresholds,
)
from rbc_tf.classification.classifier import RECORD_FILE, Classifier, load_record
from rbc_tf.classification.folds import FoldsConfig, draw_folds, out_of_fold_probabilities
from rbc_tf.classification.heads import HeadsConfig, predict
from rbc_tf.classification.held_out_calibration import FittedCalibration, fit_calibration
from rbc_tf.classification.training import train_heads
from rbc_tf.core import files, unseen
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN, FeatureTable
from rbc_tf.features import cache
from rbc_tf.metrics.calibration import expected_calibration_error
from rbc_tf.metrics.multilabel import known_auc

# Folder for curves in that of the classifier.
LOGS = "tensorboard"


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """All settings of a classifier: heads, inner folds, gradient boosting, thresholds."""

    heads: HeadsConfig = dataclasses.field(default_factory=HeadsConfig)
    folds: FoldsConfig = dataclasses.field(default_factory=FoldsConfig)
    boosting: BoostingConfig = dataclasses.field(default_factory=BoostingConfig)
    calibration: CalibrationConfig = dataclasses.field(default_factory=CalibrationConfig)


def train_classifier(
    train: FeatureTable,
    validation: FeatureTable,
    cell_types: CellTypes,
    config: ClassifierConfig,
    log_dir: str | pathlib.Path | None = None,
) -> Classifier:
    """Trains heads and gradient boosting; scores nothing but on `validation`.

    The heads learn from `train` and stop by `validation`, on which temperatures and thresholds
    are chosen then; the gradient boosting learns from out-of-fold outputs for `train`. No group
    may be in both.
    """
    unseen.check_apart("group", train.groups.tolist(), validation.groups.tolist())
    names = cell_types.names
    folds = draw_folds(train, config.folds)  # first, since it can refuse
    trained = train_heads(train, validation, names, config.heads, log_dir)
    out_of_fold = out_of_fold_probabilities(train, names, config.heads, folds)
    abnormality = fit_abnormality(out_of_fold, train.labels, cell_types, config.boosting)
    outputs = predict(trained.model, validation.features)
    fitted = fit_calibration(outputs, validation.labels, validation.groups, config.calibration)
    record = {
        "config": dataclasses.asdict(config),
        "heads": [dataclasses.asdict(report) for report in trained.reports],
        "calibration": {
            "objective": config.calibration.objective,
            "types": _calibration_reports(
                fitted, outputs, validation.labels, names, config.calibration.objective
            ),
        },
        "abnormality": _abnormality_report(
            abnormality,
            abnormality_labels(train.labels, cell_types.abnormal),
            abnormality_labels(validation.labels, cell_types.abnormal),
            abnormality.predict(outputs),
        ),
        "versions": files.versions(),
    }
    return Classifier(cell_types, trained.model, fitted.calibration, abnormality, record)


def fit_classifier(
    features_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    config: ClassifierConfig,
    overwrite: bool = False,
) -> Classifier:
    """Trains on the split 'train' of a feature cache, with 'validation' to stop by, and saves.

    A finished classifier of the same features, labels and settings is loaded, not trained again.
    Curves for TensorBoard go to the folder `tensorboard` of `output_dir`.

    Raises:
        CacheError: the features are unfinished or damaged.
        StaleError: `output_dir` holds another classifier, and `overwrite` is False.
        ValueError: the splits are missing.
    """
    output_dir = pathlib.Path(output_dir)
    table = cache.load_features(features_dir)
    cell_types = cache.load_cell_types(features_dir)
    fingerprint = cache.load_fingerprint(features_dir)
    inputs = {
        "features": {"sha256": fingerprint.sha256, "settings": fingerprint.settings},
        "labels_sha256": _hash_of_labels(table, cell_types),
    }
    if (output_dir / RECORD_FILE).exists() and not overwrite:
        wanted = Fingerprint({"config": dataclasses.asdict(config), **inputs})
        earlier = load_record(output_dir)
        wanted.check(
            Fingerprint({key: earlier.get(key) for key in wanted.values}),
            f"the classifier in {output_dir}",
        )
        logging.info("%s holds this classifier already.", output_dir)
        return Classifier.load(output_dir)
    train, validation = _split(table, "train"), _split(table, "validation")
    shutil.rmtree(output_dir / LOGS, ignore_errors=True)  # curves of an earlier training
    classifier = train_classifier(train, validation, cell_types, config, output_dir / LOGS)
    used = np.unique(np.concatenate([train.images, validation.images])).tolist()
    learnt = sorted(fingerprint.seen_in(used))
    record = {**classifier.record, **inputs, "learnt_images": learnt}
    classifier = dataclasses.replace(classifier, record=record)
    classifier.save(output_dir)
    return classifier


def _split(table: FeatureTable, split: str) -> FeatureTable:
    rows = table.splits == split
    if not rows.any():
        raise ValueError(
            f"The features must have patches of the split '{split}'. "
            f"Received: {sorted(set(table.splits.tolist()))}. Make splits with "
            "rbc_tf split-dataset, then run rbc_tf extract-features again, which keeps the "
            "features"
        )
    return table.select(rows)


def _hash_of_labels(table: FeatureTable, cell_types: CellTypes) -> str:
    """Hash over all that a classifier takes from a table beside the features."""
    texts = [table.images.tolist(), table.groups.tolist(), table.splits.tolist()]
    return files.sha256_of_json([texts, table.labels.tolist(), cell_types.to_list()])


def _calibration_reports(
    fitted: FittedCalibration,
    outputs: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    objective: str,
) -> list[dict]:
    """Per type: on what temperature and threshold were chosen, and what the former does there.

    `threshold_patches` counts the patches that thresholds are chosen on; `temperature_held` and
    `threshold_held` record whether what was tuned did better on held-out groups, and so is used.
    `ece` is the expected calibration error over patches of which the type is known; None where
    there is none.
    """
    rows = rows_for_thresholds(labels, objective)
    both, both_in_rows = has_both_classes(labels), has_both_classes(labels[rows])
    probabilities = fitted.calibration.apply(outputs)
    reports = []
    for t, name in enumerate(names):
        known = labels[:, t] != UNKNOWN
        truth = labels[known, t]
        if not both[t]:
            logging.warning(
                "Validation does not have patches with and without cell type %s: its temperature "
                "stays 1 and its threshold 0.5.",
                name,
            )
        reports.append(
            {
                "name": name,
                "present": int((truth == PRESENT).sum()),
                "absent": int((truth == ABSENT).sum()),
                "temperature_fitted": bool(both[t]),
                "threshold_fitted": bool(both_in_rows[t]) and objective != PLAIN,
                "temperature_held": fitted.temperature_used[t],
                "threshold_held": fitted.threshold_used[t],
                "threshold_patches": int((known & rows).sum()),
                "ece_before": _ece(outputs[known, t], truth),
                "ece_after": _ece(probabilities[known, t], truth),
            }
        )
    return reports


def _ece(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    return expected_calibration_error(probabilities, labels) if len(labels) else None


def _abnormality_report(
    model: AbnormalityModel,
    train: np.ndarray,
    validation: np.ndarray,
    validation_probabilities: np.ndarray,
) -> dict:
    def counts(labels):
        classes = {"abnormal": PRESENT, "normal": ABSENT, "unknown": UNKNOWN}
        return {name: int((labels == value).sum()) for name, value in classes.items()}

    return {
        "constant": not len(model.roots),
        "train_counts": counts(train),
        "validation_counts": counts(validation),
        "validation_auc": known_auc(validation, validation_probabilities),
    }
