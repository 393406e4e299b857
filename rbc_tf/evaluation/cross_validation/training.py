"""The paper's evaluation by cross-validation: Models A, A* and B on the same folds (Table 1), and
the gradient boosting on nested folds (Abnormality)."""

import dataclasses
import json
import pathlib
import time
import typing
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging

from rbc_tf.classification.abnormality import fit_abnormality
from rbc_tf.classification.fit import ClassifierConfig
from rbc_tf.classification.folds import NOT_HELD_OUT, out_of_fold_probabilities
from rbc_tf.classification.heads import predict
from rbc_tf.classification.training import train_heads
from rbc_tf.core import files
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.keras_settings import keras
from rbc_tf.core.names import listed
from rbc_tf.core.types import FeatureTable
from rbc_tf.core.unseen import SeenError
from rbc_tf.evaluation.baselines.single_label_cnn import SingleLabelCNN, SingleLabelCNNConfig
from rbc_tf.evaluation.baselines.single_label_training import (
    LabelledPatches,
    train_single_label_cnn,
)
from rbc_tf.evaluation.cross_validation.fold_features import FoldFeatures, GivenFeatures
from rbc_tf.evaluation.cross_validation.fold_results import FoldResults
from rbc_tf.evaluation.cross_validation.outer_folds import (
    NO_FOLD,
    TRAIN_ONLY,
    OuterFoldsConfig,
    Part,
    draw_inner_folds,
    draw_outer_folds,
    rows_for,
    split_outer_fold,
)
from rbc_tf.evaluation.cross_validation.predictions import (
    MODEL_A,
    MODEL_A_EQUAL,
    MODEL_B,
    MODEL_SINGLE_LABEL,
    MODELS,
    Predictions,
)
from rbc_tf.features import cache, provenance
from rbc_tf.features.finetuning import FinetuningConfig
from rbc_tf.features.patch_archive import PatchArchive

# The name of the gradient boosting's results; it works on those of Model A.
BOOSTING = "boosting"

# Which images the scored regions are of.
REAL, COMPOSED, BOTH = "real", "composed", "both"
ORIGINS = (BOTH, REAL, COMPOSED)


@dataclasses.dataclass(frozen=True)
class StudyConfig(ClassifierConfig):
    """Settings of a study as files have them: those of a classifier, and of a fine-tuning.

    Attributes:
        finetuning: of the backbone that each model of each fold has, where they are fine-tuned.
        single_label: of the single-label network, where it takes part; its patch size is that of
            the patches.
    """

    finetuning: FinetuningConfig = dataclasses.field(default_factory=FinetuningConfig)
    single_label: SingleLabelCNNConfig = dataclasses.field(default_factory=SingleLabelCNNConfig)

    @property
    def classifier(self) -> ClassifierConfig:
        names = [field.name for field in dataclasses.fields(ClassifierConfig)]
        return ClassifierConfig(**{name: getattr(self, name) for name in names})


@dataclasses.dataclass(frozen=True)
class CrossValidationConfig:
    """What is trained.

    Attributes:
        folds: the outer folds.
        classifier: heads, gradient boosting and the inner folds that it is trained on.
        splits: the splits whose rows are scored; every row where empty.
        teaching_splits: splits on whose rows every model of every fold is trained, scored in none:
            such as those that the backbone was fine-tuned on.
        models: of `MODELS`, those that are trained. A and B among them.
        tested_on: which rows are scored: those of real images, of composed ones, or both.
        single_label: of the single-label network, where it is among the models.
    """

    folds: OuterFoldsConfig = dataclasses.field(default_factory=OuterFoldsConfig)
    classifier: ClassifierConfig = dataclasses.field(default_factory=ClassifierConfig)
    splits: tuple[str, ...] = ()
    teaching_splits: tuple[str, ...] = ()
    models: tuple[str, ...] = (MODEL_A, MODEL_B, MODEL_A_EQUAL)
    tested_on: str = BOTH
    single_label: SingleLabelCNNConfig = dataclasses.field(default_factory=SingleLabelCNNConfig)

    def __post_init__(self):
        unknown = set(self.models) - set(MODELS)
        if unknown or not {MODEL_A, MODEL_B} <= set(self.models):
            raise ValueError(
                f"`models` must be of {', '.join(MODELS)}, A and B among them. "
                f"Received: {', '.join(self.models)}"
            )
        if self.tested_on not in ORIGINS:
            raise ValueError(
                f"`tested_on` must be one of {', '.join(ORIGINS)}. Received: {self.tested_on!r}"
            )
        both = sorted(set(self.splits) & set(self.teaching_splits))
        if both or (self.teaching_splits and not self.splits):
            raise ValueError(
                "`splits` must be given, and be others, where `teaching_splits` are. "
                f"Received: {list(self.splits)} and {list(self.teaching_splits)}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class CrossValidation:
    """Held-out predictions of every row, and how the models were made.

    Attributes:
        cell_types: of labels and probabilities.
        predictions: one row per row of the features that was scored.
        fingerprint: settings and hashes of inputs.
        trainings: one record per outer fold and model, plain JSON values; 'seconds' is what it
            took when it was made.
    """

    cell_types: CellTypes
    predictions: Predictions
    fingerprint: Fingerprint
    trainings: tuple[dict, ...]


def given_features(
    features_dir: str | pathlib.Path, config: CrossValidationConfig
) -> GivenFeatures:
    """The features of a cache, once it is known that their backbone has seen nothing to be scored.

    They are of the rows of the splits that are scored, followed by those that only teach.

    Raises:
        ValueError: the backbone of the features was fine-tuned on what is to be scored, or on
            multi-cell regions, which would give Model B part of Model A's advantage; a split is
            unknown.
        CacheError: the features are unfinished or damaged.
    """
    of_features = cache.load_fingerprint(features_dir)
    provenance.check_single_cell(features_dir)
    features = provenance.joined(cache.load_features(features_dir), of_features)
    rows = _rows_in(features, config.splits)
    provenance.check_unseen(features_dir, rows)
    if config.teaching_splits:
        rows = rows.followed_by(_rows_in(features, config.teaching_splits))
    fingerprint = {"sha256": of_features.sha256, "settings": of_features.settings}
    cell_types = cache.load_cell_types(features_dir)
    composed = np.isin(rows.images, list(of_features.sources))
    return GivenFeatures(rows, composed, cell_types, of_features.weights, fingerprint)


def cross_validate(
    features: FoldFeatures,
    output_dir: str | pathlib.Path,
    config: CrossValidationConfig,
    overwrite: bool = False,
) -> CrossValidation:
    """Trains every model on every fold; results that are in `output_dir` already are used again.

    Raises:
        ValueError: a split is unknown; there are too few groups, or no row to be scored; the
            single-label network is to take part, and there are features alone.
        SeenError: a group is in `splits` and in `teaching_splits`, or the weights to begin with
            have seen one that is scored.
        StaleError: `output_dir` holds results of another study, and `overwrite` is False.
    """
    if MODEL_SINGLE_LABEL in config.models and features.archive is None:
        raise ValueError(
            f"Model {MODEL_SINGLE_LABEL} requires patches, as with --finetune. Received: features"
        )
    rows = features.rows
    scored, further = _row_numbers(rows, config)
    features.check_unseen(scored)
    cell_types = features.cell_types
    values = {
        "config": _settings(config, features.shared),
        "features": features.fingerprint,
        "rows_sha256": _hash_of_rows(rows.select(scored), cell_types),
    }
    folds = np.full(len(rows), NO_FOLD)
    folds[scored] = draw_outer_folds(rows.select(scored), config.folds)  # first: it can refuse
    if len(further):
        _check_apart(rows, scored, further)
        values["teaching_rows_sha256"] = _hash_of_rows(rows.select(further), cell_types)
        folds[further] = TRAIN_ONLY
    fingerprint = Fingerprint(values)
    results = FoldResults(output_dir, fingerprint, overwrite)
    predictions, trainings = _run(features, folds, config, results)
    return CrossValidation(cell_types, predictions, fingerprint, trainings)


def _row_numbers(
    rows: FeatureTable, config: CrossValidationConfig
) -> tuple[np.ndarray, np.ndarray]:
    """int [n] each: rows that are dealt into folds, and rows that are only trained on."""
    scored = _in_splits(rows, config.splits)
    if not config.teaching_splits:
        return np.flatnonzero(scored), np.zeros(0, int)
    return np.flatnonzero(scored), np.flatnonzero(_in_splits(rows, config.teaching_splits))


def _check_apart(rows: FeatureTable, scored: np.ndarray, further: np.ndarray) -> None:
    """Raises SeenError where a group is scored, and learnt from by every model of every fold."""
    shared = sorted(set(rows.groups[further].tolist()) & set(rows.groups[scored].tolist()))
    if shared:
        raise SeenError(
            "No group may be learnt from in every fold and scored: fields and the images that "
            "they were composed of must be in one split. "
            f"Received: {len(shared)} in `splits` and in `teaching_splits`, {listed(shared)}"
        )


def _tested(features: FoldFeatures, folds: np.ndarray, config: CrossValidationConfig) -> np.ndarray:
    """bool [N], the rows that are predicted when their fold is held out."""
    composed = features.composed
    kind = {BOTH: np.ones_like(composed), REAL: ~composed, COMPOSED: composed}[config.tested_on]
    tested = kind & (folds >= 0)
    if not tested.any():
        raise ValueError(f"Regions of {config.tested_on} images are required. Received: none")
    return tested


def _run(
    features: FoldFeatures,
    folds: np.ndarray,
    config: CrossValidationConfig,
    results: FoldResults,
) -> tuple[Predictions, tuple[dict, ...]]:
    table = features.rows
    tested = _tested(features, folds, config)
    probabilities = {model: np.zeros(table.labels.shape, np.float32) for model in config.models}
    abnormal = np.zeros(len(table))
    trainings = []
    for fold in range(config.folds.num_folds):
        part = split_outer_fold(table, folds, fold, config.classifier.folds)
        part = dataclasses.replace(part, test=part.test[tested[part.test]])
        runs = _Runs(features, folds, fold, part, config, results)
        for model in config.models:
            record, probabilities[model][part.test] = runs.of_model(model)
            trainings.append(record)
        record, abnormal[part.test] = runs.of_boosting(probabilities[MODEL_A][part.test])
        trainings.append(record)
    scored = table.select(tested)
    predictions = Predictions(
        names=features.cell_types.names,
        images=scored.images,
        groups=scored.groups,
        boxes=scored.boxes,
        labels=scored.labels,
        num_cells=scored.num_cells,
        complete=scored.complete,
        composed=features.composed[tested],
        folds=folds[tested].astype(np.int32),
        probabilities={model: values[tested] for model, values in probabilities.items()},
        abnormal=abnormal[tested],
    )
    return predictions, tuple(trainings)


class _Runs:
    """The trainings of one outer fold, each made once."""

    def __init__(
        self,
        features: FoldFeatures,
        folds: np.ndarray,
        fold: int,
        part: Part,
        config: CrossValidationConfig,
        results: FoldResults,
    ):
        self._features, self._table = features, features.rows
        self._cell_types = features.cell_types
        self._folds, self._fold, self._part = folds, fold, part
        self._config, self._results = config, results

    def of_model(self, model: str) -> tuple[dict, np.ndarray]:
        """A record, and float32 [n, T], the probabilities of the fold's rows."""

        def train() -> tuple[dict, dict[str, np.ndarray]]:
            train_rows, stopping = self._rows_for(model)
            same = self._same_training(model, train_rows, stopping)
            if same is not None:
                return same
            self._log(f"model {model}", train_rows)
            test = self._part.test
            if model == MODEL_SINGLE_LABEL:
                return self._single_label(train_rows, stopping)
            table = self._features.of(self._name(model), train_rows, stopping, test)
            trained = train_heads(
                table.select(train_rows),
                table.select(stopping),
                self._cell_types.names,
                self._config.classifier.heads,
            )
            heads = [dataclasses.asdict(report) for report in trained.reports]
            record = {"num_train": len(train_rows), "num_stopping": len(stopping), "heads": heads}
            values = {"values": predict(trained.model, table.features[test])}
            if not self._features.shared:
                # What the gradient boosting learns from: rows that this backbone has not learnt.
                values["stopping"] = stopping
                values["stopping_values"] = predict(trained.model, table.features[stopping])
            return record, values

        record, arrays = self._kept(model, train)
        if model == MODEL_SINGLE_LABEL and record["settings"] != self._single_label_settings():
            # They are no settings of the study: the other models do not depend on them.
            raise ValueError(
                f"{self._results.path(self._fold, model)} must be of the settings "
                f"{self._single_label_settings()}. Received: {record['settings']}. "
                "Delete the results of this model to train it anew"
            )
        self._features.forget(self._name(model))
        return record, arrays["values"]

    def _rows_for(self, model: str) -> tuple[np.ndarray, np.ndarray]:
        seed = (self._config.folds.seed, self._fold)
        return rows_for(model, self._part, self._table, seed, self._composed)

    def _same_training(
        self, model: str, train_rows: np.ndarray, stopping: np.ndarray
    ) -> tuple[dict, dict[str, np.ndarray]] | None:
        """Model A's results for a model of the same rows, as where all regions are single cells."""
        if model in (MODEL_A, MODEL_SINGLE_LABEL):
            return None
        kept = self._results.load(self._fold, MODEL_A)
        rows = zip((train_rows, stopping), self._rows_for(MODEL_A), strict=True)
        if kept is None or not all(np.array_equal(own, of_a) for own, of_a in rows):
            return None
        record, arrays = kept
        arrays = {name: values for name, values in arrays.items() if name != "test"}
        return {**record, "same_as": MODEL_A}, arrays

    def _single_label_config(self) -> SingleLabelCNNConfig:
        archive = typing.cast(PatchArchive, self._features.archive)
        return dataclasses.replace(self._config.single_label, patch_size=archive.patches.shape[1])

    def _single_label_settings(self) -> dict:
        """As JSON gives them back."""
        return json.loads(json.dumps(dataclasses.asdict(self._single_label_config())))

    def _single_label(
        self, train: np.ndarray, stopping: np.ndarray
    ) -> tuple[dict, dict[str, np.ndarray]]:
        archive = typing.cast(PatchArchive, self._features.archive)
        learnt, validation = (
            LabelledPatches(archive.patches[rows], archive.labels[rows].argmax(axis=1))
            for rows in (train, stopping)
        )
        config = self._single_label_config()
        with files.scratch_folder() as folder:
            path = folder / "single_label.keras"
            names = self._cell_types.names
            report = train_single_label_cnn(learnt, validation, names, config, path)
            values = SingleLabelCNN.load(path).predict(archive.patches[self._part.test])
        keras.backend.clear_session()
        record = {"num_train": len(train), "num_stopping": len(stopping), "epoch": report.epoch}
        return {**record, "settings": self._single_label_settings()}, {"values": values}

    def of_boosting(self, probabilities: np.ndarray) -> tuple[dict, np.ndarray]:
        """A record, and float64 [n] that the fold's rows are abnormal.

        It predicts from Model A's probabilities of the fold's rows, float32 [n, T]. Where features
        are shared it is trained on out-of-fold predictions for the rows of all other folds; where
        Model A has a backbone of its own, on its predictions for the rows that stopped it.
        """

        def train() -> tuple[dict, dict[str, np.ndarray]]:
            rows, unseen = self._unseen()
            model = fit_abnormality(
                unseen, self._table.labels[rows], self._cell_types, self._config.classifier.boosting
            )
            return {"num_train": len(rows)}, {"values": model.predict(probabilities)}

        record, arrays = self._kept(BOOSTING, train)
        return record, arrays["values"]

    def _unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows int [n] and Model A's probabilities of them, made without having learnt them."""
        if not self._features.shared:
            _, arrays = typing.cast(tuple, self._results.load(self._fold, MODEL_A))
            return arrays["stopping"], arrays["stopping_values"]
        train_rows = np.sort(np.concatenate([self._part.train, self._part.stopping]))
        self._log("gradient boosting", train_rows)
        rest, config = self._table.select(train_rows), self._config.classifier
        inner = draw_inner_folds(rest, self._folds[train_rows], config.folds)
        unseen = out_of_fold_probabilities(rest, self._cell_types.names, config.heads, inner)
        held_out = inner != NOT_HELD_OUT
        return train_rows[held_out], unseen[held_out]

    @property
    def _composed(self) -> np.ndarray:
        return self._features.composed

    def _name(self, model: str) -> str:
        return f"fold{self._fold}-{model}"

    def _kept(self, name: str, train: Callable) -> tuple[dict, dict[str, np.ndarray]]:
        kept = self._results.load(self._fold, name)
        if kept is None:
            start = time.monotonic()
            record, arrays = train()
            record |= {"fold": self._fold, "model": name, "seconds": time.monotonic() - start}
            self._results.save(self._fold, name, record, **arrays, test=self._part.test)
            return record, arrays
        record, arrays = kept
        if not np.array_equal(arrays["test"], self._part.test):
            raise ValueError(
                f"{self._results.path(self._fold, name)} must be of the rows of fold "
                f"{self._fold}. Received: other rows, drawn by other versions of the software. "
                "Give --overwrite to train all anew."
            )
        return record, arrays

    def _log(self, what: str, train_rows: np.ndarray) -> None:
        fold, folds = self._fold + 1, self._config.folds.num_folds
        logging.info(
            "Outer fold %d of %d, %s: %d patches to train on.", fold, folds, what, len(train_rows)
        )


def _settings(config: CrossValidationConfig, shared: bool) -> dict:
    """The settings that a training depends on, and no others."""
    parts = {
        "outer_folds": config.folds,
        "inner_folds": config.classifier.folds,
        "heads": config.classifier.heads,
        "boosting": config.classifier.boosting,
    }
    settings = {name: dataclasses.asdict(part) for name, part in parts.items()}
    splits = {"splits": list(config.splits), "teaching_splits": list(config.teaching_splits)}
    # With features of a cache nothing is composed, and no model is left out.
    further = {} if shared else {"tested_on": config.tested_on}
    return {**settings, **splits, **further}


def _rows_in(table: FeatureTable, splits: Sequence[str]) -> FeatureTable:
    """The rows of some splits, all where none is given."""
    return table.select(_in_splits(table, splits))


def _in_splits(table: FeatureTable, splits: Sequence[str]) -> np.ndarray:
    """bool [N]; all where no split is given."""
    known = sorted(set(table.splits.tolist()))
    unknown = sorted(set(splits) - set(known))
    if unknown:
        raise ValueError(f"`splits` must be among {known}. Received: {unknown}")
    if not len(table):
        raise ValueError("The features must have one row or more. Received: none")
    return np.isin(table.splits, splits) if splits else np.ones(len(table), bool)


def _hash_of_rows(table: FeatureTable, cell_types: CellTypes) -> str:
    """Hash over all that a study takes from a table beside the features."""
    texts = files.sha256_of_json(
        [table.images.tolist(), table.groups.tolist(), cell_types.to_list()]
    )
    arrays = (table.labels, table.boxes, table.num_cells, table.complete)
    return files.sha256_of_bytes(texts.encode(), *(array.tobytes() for array in arrays))
