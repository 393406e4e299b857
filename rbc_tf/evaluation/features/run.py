"""Which features, and which settings of the heads, serve best: chosen on validation patches."""

import pathlib
import time
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from rbc_tf.classification.heads import HeadsConfig, predict
from rbc_tf.classification.training import train_heads
from rbc_tf.core.types import FeatureTable
from rbc_tf.evaluation.features.scores import TEST, VALIDATION, Candidate, score_split
from rbc_tf.features import cache, provenance


def compare_features(
    features_dirs: Sequence[str | pathlib.Path], heads: Mapping[str, HeadsConfig]
) -> list[Candidate]:
    """Trains heads on the split 'train' of each cache, with each of the settings.

    All caches must be of the same patches. Validation decides when a training stops and which
    features and settings are best (`best_of`); the test takes no part in that.

    Raises:
        ValueError: caches of other patches, a split without complete regions, a group in several
            splits, or a backbone that has seen test groups.
        CacheError: a cache is unfinished or damaged.
    """
    candidates, first = [], None
    for folder in map(pathlib.Path, features_dirs):
        table = provenance.load_apart(folder)
        first = first or table
        _check_same_patches(folder, table, first)
        provenance.check_unseen(folder, table.select(table.splits == TEST))
        for name, config in heads.items():
            logging.info("Heads '%s' on %s.", name, folder)
            candidates.append(_score(folder, table, name, config))
    return candidates


def _score(folder: pathlib.Path, table: FeatureTable, name: str, config: HeadsConfig) -> Candidate:
    names = cache.load_cell_types(folder).names
    fingerprint = cache.load_fingerprint(folder)
    train, validation, test = (_rows(table, split) for split in ("train", VALIDATION, TEST))
    began = time.monotonic()
    trained = train_heads(train, validation, names, config)
    seconds = time.monotonic() - began
    scores = []
    for split, rows in ((VALIDATION, validation), (TEST, test)):
        complete = rows.select(rows.complete)
        probabilities = predict(trained.model, complete.features)
        scores += score_split(complete, probabilities, names, split)
    return Candidate(
        features=folder.name,
        weights=fingerprint.weights,
        crop=fingerprint.settings["crop"],
        heads=name,
        epochs=int(np.median([report.epoch for report in trained.reports])),
        seconds=seconds,
        scores=tuple(scores),
    )


def _rows(table: FeatureTable, split: str) -> FeatureTable:
    chosen = table.select(table.splits == split)
    if not chosen.complete.any():
        raise ValueError(
            f"The features must have completely labelled regions of the split '{split}'. "
            f"Received: {sorted(set(table.splits.tolist()))} with {len(chosen)} rows of it"
        )
    return chosen


def _check_same_patches(folder: pathlib.Path, table: FeatureTable, first: FeatureTable) -> None:
    for field in ("images", "boxes", "labels", "splits"):
        if not np.array_equal(getattr(table, field), getattr(first, field)):
            raise ValueError(
                f"{folder}: features can be compared only on the same patches, labels and splits. "
                f"Received: other {field} than in the first folder"
            )
