"""From a feature cache to a trained classifier (the paper: Six networks, Abnormality)."""

import dataclasses
import pathlib
import shutil

import numpy as np
from absl import logging
from sklearn import metrics

from rbc_tf import artifacts
from rbc_tf.cell_types import CellTypes
from rbc_tf.classification.abnormality import (
    AbnormalityModel,
    BoostingConfig,
    abnormality_labels,
    fit_abnormality,
)
from rbc_tf.classification.classifier import RECORD_FILE, Classifier, ClassifierError, load_record
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.classification.out_of_fold import FoldsConfig, draw_folds, out_of_fold_probabilities
from rbc_tf.classification.training import train_heads
from rbc_tf.features import cache
from rbc_tf.types import ABSENT, PRESENT, UNKNOWN, FeatureTable

FORMAT_VERSION = 1

_LOGS = "tensorboard"


@dataclasses.dataclass(frozen=True)
class ClassifierConfig:
    """All settings of a classifier: the networks, the inner folds and the gradient boosting."""

    heads: HeadsConfig = dataclasses.field(default_factory=HeadsConfig)
    folds: FoldsConfig = dataclasses.field(default_factory=FoldsConfig)
    boosting: BoostingConfig = dataclasses.field(default_factory=BoostingConfig)


def train_classifier(
    train: FeatureTable,
    validation: FeatureTable,
    cell_types: CellTypes,
    config: ClassifierConfig,
    log_dir: str | pathlib.Path | None = None,
) -> Classifier:
    """Trains networks and gradient boosting; scores nothing but what stopped the training.

    The networks learn from `train` and stop by `validation`; the gradient boosting learns from
    out-of-fold probabilities of `train`. No group may be in both.
    """
    _check_groups(train, validation)
    names = cell_types.names
    folds = draw_folds(train, config.folds)  # first, since it can refuse
    trained = train_heads(train, validation, names, config.heads, log_dir)
    probabilities = out_of_fold_probabilities(train, names, config.heads, folds)
    abnormality = fit_abnormality(probabilities, train.labels, cell_types, config.boosting)
    classifier = Classifier(cell_types, trained.model, abnormality, {})
    record = {
        "format_version": FORMAT_VERSION,
        "config": dataclasses.asdict(config),
        "heads": [dataclasses.asdict(report) for report in trained.reports],
        "abnormality": _abnormality_report(
            abnormality,
            abnormality_labels(train.labels, cell_types.abnormal),
            abnormality_labels(validation.labels, cell_types.abnormal),
            classifier.predict(validation.features)[1],
        ),
        "versions": artifacts.versions(),
    }
    return dataclasses.replace(classifier, record=record)


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
        ClassifierError: `output_dir` holds a classifier made otherwise, and `overwrite` is False.
        ValueError: the splits are missing.
    """
    output_dir = pathlib.Path(output_dir)
    table = cache.load_features(features_dir)
    cell_types = cache.load_cell_types(features_dir)
    fingerprint = cache.load_fingerprint(features_dir)
    made_of = {
        "features": {"sha256": fingerprint.sha256, "settings": fingerprint.settings},
        "labels_sha256": _hash_of_labels(table, cell_types),
    }
    if (output_dir / RECORD_FILE).exists() and not overwrite:
        _check_made_of(output_dir, {"config": dataclasses.asdict(config), **made_of})
        logging.info("%s holds this classifier already.", output_dir)
        return Classifier.load(output_dir)
    train, validation = _split(table, "train"), _split(table, "validation")
    shutil.rmtree(output_dir / _LOGS, ignore_errors=True)  # curves of an earlier training
    classifier = train_classifier(train, validation, cell_types, config, output_dir / _LOGS)
    classifier = dataclasses.replace(classifier, record={**classifier.record, **made_of})
    classifier.save(output_dir)
    return classifier


def _split(table: FeatureTable, split: str) -> FeatureTable:
    rows = table.splits == split
    if not rows.any():
        raise ValueError(
            f"The features must have patches of the split '{split}'. "
            f"Received: {sorted(set(table.splits.tolist()))}. Make splits with "
            "tools/split_dataset.py, then run tools/extract_features.py again, which keeps the "
            "features"
        )
    return table.select(rows)


def _check_groups(train: FeatureTable, validation: FeatureTable) -> None:
    shared = sorted(set(train.groups.tolist()) & set(validation.groups.tolist()))
    if shared:
        raise ValueError(
            "No group may be in the training and in the validation part: what was photographed "
            f"together must be on one side. Received: {shared[:5]} in both"
        )


def _check_made_of(output_dir: pathlib.Path, wanted: dict) -> None:
    record = load_record(output_dir)
    changes = cache.changed_settings({key: record.get(key) for key in wanted}, wanted)
    if changes:
        raise ClassifierError(
            f"The classifier in {output_dir} was made otherwise:\n"
            + "".join(f"  {line}\n" for line in changes)
            + "Give --overwrite to train it again, or name another folder."
        )


def _hash_of_labels(table: FeatureTable, cell_types: CellTypes) -> str:
    """Hash over all that a classifier takes from a table beside the features."""
    texts = [table.images.tolist(), table.groups.tolist(), table.splits.tolist()]
    return artifacts.sha256_of_json([texts, table.labels.tolist(), cell_types.to_list()])


def _abnormality_report(
    model: AbnormalityModel,
    train: np.ndarray,
    validation: np.ndarray,
    validation_probabilities: np.ndarray,
) -> dict:
    known = validation != UNKNOWN
    truth = validation[known] == PRESENT
    auc = None
    if truth.any() and not truth.all():
        auc = float(metrics.roc_auc_score(truth, validation_probabilities[known]))

    def counts(labels):
        named = {"abnormal": PRESENT, "normal": ABSENT, "unknown": UNKNOWN}
        return {name: int((labels == value).sum()) for name, value in named.items()}

    return {
        "constant": not len(model.roots),
        "train_counts": counts(train),
        "validation_counts": counts(validation),
        "validation_auc": auc,
    }
