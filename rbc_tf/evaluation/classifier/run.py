"""Scores of a trained classifier on cached features of images that it has not seen."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.classification.classifier import Classifier
from rbc_tf.core import files, text_table
from rbc_tf.core.types import FeatureTable
from rbc_tf.evaluation import reliability
from rbc_tf.evaluation.classifier import tables as classification_table
from rbc_tf.evaluation.classifier import trained_on
from rbc_tf.evaluation.classifier.scores import (
    ClassificationScores,
    ClassifiedRegions,
    score_classification,
)
from rbc_tf.features import provenance
from rbc_tf.metrics.calibration import curves_by_type


def evaluate_classifier(
    features_dir: str | pathlib.Path,
    classifier_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    split: str = "test",
) -> str:
    """Scores the completely labelled regions of a split and writes tables and a picture.

    Writes scores.json, scores.md and reliability.{svg,png}; gives the table for the console.

    Raises:
        ValueError: the classifier was trained on other features, the backbone or the classifier
            has seen groups of the split, or it has no complete region.
        CacheError, ClassifierError: a folder is unfinished or damaged.
    """
    loaded = trained_on.load(features_dir, classifier_dir)
    classifier, table = loaded.classifier, loaded.table
    rows = table.select((table.splits == split) & table.complete)
    _check_unseen(table, rows, split)
    provenance.check_unseen(features_dir, rows)
    regions = trained_on.classify(classifier, rows)
    names = classifier.cell_types.names
    thresholds = np.array(classifier.calibration.thresholds)
    scores = score_classification(regions, classifier.cell_types.abnormal, thresholds)
    tables = classification_table.tables(scores, names, thresholds, split)
    _write(pathlib.Path(output_dir), regions, scores, classifier, split)
    markdown = "\n".join(map(text_table.markdown, tables))
    with files.atomic_path(pathlib.Path(output_dir) / "scores.md") as temporary:
        temporary.write_text(markdown, encoding="utf-8")
    return "\n".join(map(text_table.console, tables))


def _check_unseen(table: FeatureTable, rows: FeatureTable, split: str) -> None:
    """Training learns from the splits train and validation, which are not for scoring."""
    taught = np.isin(table.splits, ("train", "validation"))
    if split in ("train", "validation"):
        raise ValueError(f"A split that training has not seen is required. Received: '{split}'")
    shared = sorted(set(table.groups[taught].tolist()) & set(rows.groups.tolist()))
    if shared:
        raise ValueError(
            f"No group of the split '{split}' may have taught the classifier. Received: "
            f"{', '.join(shared[:5])} in both"
        )


def _write(
    folder: pathlib.Path,
    regions: ClassifiedRegions,
    scores: ClassificationScores,
    classifier: Classifier,
    split: str,
) -> None:
    names = classifier.cell_types.names
    thresholds = classifier.calibration.thresholds
    files.write_json(
        folder / "scores.json",
        {
            "split": split,
            "cell_types": list(names),
            "thresholds": list(thresholds),
            "scores": dataclasses.asdict(scores),
            "versions": files.versions(),
        },
    )
    display = [cell_type.display_name for cell_type in classifier.cell_types]
    reliability.write_figure(
        folder,
        display,
        curves_by_type(regions.outputs, regions.labels),
        curves_by_type(regions.probabilities, regions.labels),
    )
