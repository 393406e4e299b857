"""Scores of a trained classifier on cached features of images that it has not seen."""

import pathlib
from collections.abc import Sequence

from rbc_tf.core import score_files, text_table, unseen
from rbc_tf.core.score import Score
from rbc_tf.core.types import FeatureTable
from rbc_tf.evaluation import reliability
from rbc_tf.evaluation.classifier import tables, trained_on
from rbc_tf.evaluation.classifier.scores import score_classification
from rbc_tf.features import provenance


def evaluate_classifier(
    features_dir: str | pathlib.Path,
    classifier_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    split: str = "test",
) -> str:
    """Scores the completely labelled regions of a split and writes tables and a picture.

    Writes scores.{json,csv,md} and reliability.{svg,png}; gives the tables for the console.

    Raises:
        ValueError: the classifier was trained on other features, or the split has no complete
            region.
        SeenError: the backbone or the classifier has seen groups of the split.
        CacheError, ClassifierError: a folder is unfinished or damaged.
    """
    loaded = trained_on.load(features_dir, classifier_dir)
    table, folder = loaded.table, pathlib.Path(output_dir)
    rows = table.select((table.splits == split) & table.complete)
    _check_unseen(features_dir, loaded, rows)
    regions = trained_on.classify(loaded.classifier, rows)
    scores = score_classification(regions)
    _write_scores(folder, scores, loaded, split)
    display = [cell_type.display_name for cell_type in loaded.classifier.cell_types]
    reliability.write_figure(folder, display, *reliability.curves(regions))
    return "\n".join(map(text_table.console, tables.tables(scores, split)))


def _write_scores(
    folder: pathlib.Path, scores: Sequence[Score], loaded: trained_on.TrainedOn, split: str
) -> None:
    about = {
        "split": split,
        "cell_types": list(loaded.classifier.cell_types.names),
        "thresholds": list(loaded.classifier.calibration.thresholds),
    }
    score_files.write_json(folder / "scores.json", scores, about)
    score_files.write_csv(folder / "scores.csv", scores)
    score_files.write_markdown(folder / "scores.md", tables.tables(scores, split))


def _check_unseen(
    features_dir: str | pathlib.Path, loaded: trained_on.TrainedOn, rows: FeatureTable
) -> None:
    """Neither the classifier nor the backbone of its features may have seen what is scored."""
    parts = [trained_on.seen_by(loaded), provenance.backbone_seen(features_dir)]
    images = provenance.images_of(loaded.table, loaded.fingerprint)
    unseen.check(parts, images, set(rows.images.tolist()), str(features_dir))
