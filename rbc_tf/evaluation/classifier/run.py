"""Scores of a trained classifier on cached features of images that it has not seen."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.classification.classifier import Classifier
from rbc_tf.core import files, text_table, unseen
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
        ValueError: the classifier was trained on other features, or the split has no complete
            region.
        SeenError: the backbone or the classifier has seen groups of the split.
        CacheError, ClassifierError: a folder is unfinished or damaged.
    """
    loaded = trained_on.load(features_dir, classifier_dir)
    classifier, table = loaded.classifier, loaded.table
    rows = table.select((table.splits == split) & table.complete)
    _check_unseen(features_dir, loaded, rows)
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


def _check_unseen(
    features_dir: str | pathlib.Path, loaded: trained_on.TrainedOn, rows: FeatureTable
) -> None:
    """Neither the classifier nor the backbone of its features may have seen what is scored."""
    parts = [trained_on.seen_by(loaded), provenance.backbone_seen(features_dir)]
    images = provenance.images_of(loaded.table, loaded.fingerprint)
    unseen.check(parts, images, set(rows.images.tolist()), str(features_dir))


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
