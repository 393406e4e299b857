"""The paper's evaluation by cross-validation: Models A, A* and B on the same folds (Table 1), and
the gradient boosting on nested folds (Abnormality)."""

import dataclasses
import pathlib
import time
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
from rbc_tf.core.types import FeatureTable
from rbc_tf.evaluation.cross_validation.fold_results import FoldResults
from rbc_tf.evaluation.cross_validation.outer_folds import (
    TRAIN_ONLY,
    OuterFoldsConfig,
    Part,
    draw_inner_folds,
    draw_outer_folds,
    rows_for,
    split_outer_fold,
)
from rbc_tf.evaluation.cross_validation.predictions import MODEL_A, MODELS, Predictions
from rbc_tf.features import cache, provenance

# The name of the gradient boosting's results; it works on those of Model A.
BOOSTING = "boosting"


@dataclasses.dataclass(frozen=True)
class CrossValidationConfig:
    """What is trained.

    Attributes:
        folds: the outer folds.
        classifier: heads, gradient boosting and the inner folds that it is trained on.
        splits: the splits whose rows are scored; every row where empty.
        teaching_splits: splits on whose rows every model of every fold is trained, scored in none:
            such as those that the backbone was fine-tuned on.
    """

    folds: OuterFoldsConfig = dataclasses.field(default_factory=OuterFoldsConfig)
    classifier: ClassifierConfig = dataclasses.field(default_factory=ClassifierConfig)
    splits: tuple[str, ...] = ()
    teaching_splits: tuple[str, ...] = ()

    def __post_init__(self):
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


def cross_validate(
    features_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    config: CrossValidationConfig,
    overwrite: bool = False,
) -> CrossValidation:
    """Trains every model on every fold; results that are in `output_dir` already are used again.

    Raises:
        ValueError: the backbone of the features was fine-tuned on what is to be scored, or on
            multi-cell regions, which would give Model B part of Model A's advantage; a split is
            unknown; there are too few groups.
        CacheError: the features are unfinished or damaged.
        StaleError: `output_dir` holds results of another study, and `overwrite` is False.
    """
    of_features = cache.load_fingerprint(features_dir)
    provenance.check_single_cell(features_dir)
    features = cache.load_features(features_dir)
    scored = _rows_in(features, config.splits)
    provenance.check_unseen(features_dir, scored)
    further = _rows_in(features, config.teaching_splits) if config.teaching_splits else None
    cell_types = cache.load_cell_types(features_dir)
    values = {
        "config": _settings(config),
        "features": {"sha256": of_features.sha256, "settings": of_features.settings},
        "rows_sha256": _hash_of_rows(scored, cell_types),
    }
    folds = draw_outer_folds(scored, config.folds)  # first, since it can refuse
    table = scored
    if further is not None:
        values["teaching_rows_sha256"] = _hash_of_rows(further, cell_types)
        table = scored.followed_by(further)
        folds = np.append(folds, np.full(len(further), TRAIN_ONLY))
    fingerprint = Fingerprint(values)
    results = FoldResults(output_dir, fingerprint, overwrite)
    predictions, trainings = _run(table, cell_types, folds, config, results)
    return CrossValidation(cell_types, predictions, fingerprint, trainings)


def _run(
    table: FeatureTable,
    cell_types: CellTypes,
    folds: np.ndarray,
    config: CrossValidationConfig,
    results: FoldResults,
) -> tuple[Predictions, tuple[dict, ...]]:
    probabilities = {model: np.zeros(table.labels.shape, np.float32) for model in MODELS}
    abnormal = np.zeros(len(table))
    trainings = []
    for fold in range(config.folds.num_folds):
        part = split_outer_fold(table, folds, fold, config.classifier.folds)
        runs = _Runs(table, cell_types, folds, fold, part, config, results)
        for model in MODELS:
            record, probabilities[model][part.test] = runs.of_model(model)
            trainings.append(record)
        record, abnormal[part.test] = runs.of_boosting(probabilities[MODEL_A][part.test])
        trainings.append(record)
    tested = folds != TRAIN_ONLY
    scored = table.select(tested)
    predictions = Predictions(
        names=cell_types.names,
        images=scored.images,
        groups=scored.groups,
        boxes=scored.boxes,
        labels=scored.labels,
        num_cells=scored.num_cells,
        complete=scored.complete,
        folds=folds[tested].astype(np.int32),
        probabilities={model: values[tested] for model, values in probabilities.items()},
        abnormal=abnormal[tested],
    )
    return predictions, tuple(trainings)


class _Runs:
    """The trainings of one outer fold, each made once."""

    def __init__(
        self,
        table: FeatureTable,
        cell_types: CellTypes,
        folds: np.ndarray,
        fold: int,
        part: Part,
        config: CrossValidationConfig,
        results: FoldResults,
    ):
        self._table, self._cell_types = table, cell_types
        self._folds, self._fold, self._part = folds, fold, part
        self._config, self._results = config, results

    def of_model(self, model: str) -> tuple[dict, np.ndarray]:
        """A record, and float32 [n, T], the probabilities of the fold's rows."""

        def train() -> tuple[dict, np.ndarray]:
            seed = (self._config.folds.seed, self._fold)
            train_rows, stopping = rows_for(model, self._part, self._table, seed)
            self._log(f"model {model}", train_rows)
            trained = train_heads(
                self._table.select(train_rows),
                self._table.select(stopping),
                self._cell_types.names,
                self._config.classifier.heads,
            )
            heads = [dataclasses.asdict(report) for report in trained.reports]
            record = {"num_train": len(train_rows), "num_stopping": len(stopping), "heads": heads}
            return record, predict(trained.model, self._table.features[self._part.test])

        return self._kept(model, train)

    def of_boosting(self, probabilities: np.ndarray) -> tuple[dict, np.ndarray]:
        """A record, and float64 [n] that the fold's rows are abnormal.

        It is trained on out-of-fold predictions for the rows of all other folds, and predicts from
        Model A's probabilities of the fold's, float32 [n, T].
        """

        def train() -> tuple[dict, np.ndarray]:
            train_rows = np.sort(np.concatenate([self._part.train, self._part.stopping]))
            self._log("gradient boosting", train_rows)
            rest, config = self._table.select(train_rows), self._config.classifier
            inner = draw_inner_folds(rest, self._folds[train_rows], config.folds)
            names = self._cell_types.names
            unseen = out_of_fold_probabilities(rest, names, config.heads, inner)
            held_out = inner != NOT_HELD_OUT
            model = fit_abnormality(
                unseen[held_out], rest.labels[held_out], self._cell_types, config.boosting
            )
            return {"num_train": len(train_rows)}, model.predict(probabilities)

        return self._kept(BOOSTING, train)

    def _kept(self, name: str, train: Callable) -> tuple[dict, np.ndarray]:
        kept = self._results.load(self._fold, name)
        if kept is None:
            start = time.monotonic()
            record, values = train()
            record |= {"fold": self._fold, "model": name, "seconds": time.monotonic() - start}
            self._results.save(self._fold, name, record, values=values, test=self._part.test)
            return record, values
        record, arrays = kept
        if not np.array_equal(arrays["test"], self._part.test):
            raise ValueError(
                f"{self._results.path(self._fold, name)} must be of the rows of fold "
                f"{self._fold}. Received: other rows, drawn by other versions of the software. "
                "Give --overwrite to train all anew."
            )
        return record, arrays["values"]

    def _log(self, what: str, train_rows: np.ndarray) -> None:
        fold, folds = self._fold + 1, self._config.folds.num_folds
        logging.info(
            "Outer fold %d of %d, %s: %d patches to train on.", fold, folds, what, len(train_rows)
        )


def _settings(config: CrossValidationConfig) -> dict:
    """The settings that a training depends on, and no others."""
    parts = {
        "outer_folds": config.folds,
        "inner_folds": config.classifier.folds,
        "heads": config.classifier.heads,
        "boosting": config.classifier.boosting,
    }
    settings = {name: dataclasses.asdict(part) for name, part in parts.items()}
    splits = {"splits": list(config.splits), "teaching_splits": list(config.teaching_splits)}
    return {**settings, **splits}


def _rows_in(table: FeatureTable, splits: Sequence[str]) -> FeatureTable:
    """The rows of some splits, all where none is given."""
    known = sorted(set(table.splits.tolist()))
    unknown = sorted(set(splits) - set(known))
    if unknown:
        raise ValueError(f"`splits` must be among {known}. Received: {unknown}")
    if not len(table):
        raise ValueError("The features must have one row or more. Received: none")
    return table.select(np.isin(table.splits, splits)) if splits else table


def _hash_of_rows(table: FeatureTable, cell_types: CellTypes) -> str:
    """Hash over all that a study takes from a table beside the features."""
    texts = files.sha256_of_json(
        [table.images.tolist(), table.groups.tolist(), cell_types.to_list()]
    )
    arrays = (table.labels, table.boxes, table.num_cells, table.complete)
    return files.sha256_of_bytes(texts.encode(), *(array.tobytes() for array in arrays))
