"""A finished classifier on its validation patches, for TensorBoard.

Curves of training show heads on their way; here are those that were kept, calibrated, at the
thresholds that were chosen: every score of regions and of types, precision against recall, and
which sets of types are taken for which. All of it is on the patches that chose them, and so
flatters.
"""

import pathlib
import shutil
from collections.abc import Sequence

import tensorflow as tf

from rbc_tf.classification import curves
from rbc_tf.core import score_files, score_tables, text_table
from rbc_tf.core.score import Score
from rbc_tf.evaluation.classifier import trained_on
from rbc_tf.evaluation.classifier.label_sets_board import write_label_sets
from rbc_tf.metrics import label_sets
from rbc_tf.metrics.classified import ClassifiedRegions
from rbc_tf.metrics.region_scores import score_regions, score_type

# The split that all is shown of.
VALIDATION = "validation"

# Beside the runs `train` and `validation` of training.
RUN = "final_validation"

_SETS_SHOWN = 12


def write_validation_logs(
    features_dir: str | pathlib.Path,
    classifier_dir: str | pathlib.Path,
    log_dir: str | pathlib.Path,
) -> pathlib.Path:
    """Writes the run `RUN` into `log_dir`, in place of what an earlier call wrote.

    Returns:
        The folder of the run.

    Raises:
        ValueError: the classifier was trained on other features.
        CacheError, ClassifierError: a folder is unfinished or damaged.
    """
    loaded = trained_on.load(features_dir, classifier_dir)
    rows = loaded.table.select(loaded.table.splits == VALIDATION)
    regions = trained_on.classify(loaded.classifier, rows)
    folder = pathlib.Path(log_dir) / RUN
    shutil.rmtree(folder, ignore_errors=True)
    with tf.summary.create_file_writer(str(folder)).as_default():
        write_types(regions, VALIDATION)
        write_regions(regions.select(rows.complete), VALIDATION)
    return folder


def write_regions(regions: ClassifiedRegions, part: str) -> None:
    """Writes SCALARS, and the sets of types under IMAGES and TEXT, with the default writer.

    Args:
        regions: every label known; of none, nothing is written.
        part: what the regions are called, 'validation'.
    """
    if len(regions):
        score_files.write_scalars(score_regions(regions))
        confusion = label_sets.confusion(regions.truth, regions.predicted, _SETS_SHOWN)
        write_label_sets(confusion, regions.names, part)


def write_types(regions: ClassifiedRegions, part: str) -> None:
    """Writes PR CURVES and a table under TEXT with the default writer.

    Args:
        regions: of any completeness; unknown labels are left out.
        part: what the regions are called, 'validation'.
    """
    scores = []
    for t, (name, threshold) in enumerate(zip(regions.names, regions.thresholds, strict=True)):
        of_type = score_type(regions.of_type(t), name, float(threshold))
        labels, probabilities = regions.labels[:, t], regions.probabilities[:, t]
        description = _description(of_type, part)
        curves.write_pr_curve(f"types/{name}", labels, probabilities, 0, description)
        scores += of_type
    notes = ("Probabilities are calibrated; precision and recall are those at the threshold.",)
    table = score_tables.pivot(scores, f"Types, {part} patches", "type", notes=notes)
    tf.summary.text("types", text_table.markdown(table), step=0)


def _description(scores: Sequence[Score], part: str) -> str:
    values = {score.name: score.value for score in scores}
    positive, known = values["n_positive"], values["n_positive"] + values["n_negative"]
    shown = {name: text_table.decimals(value) for name, value in values.items()}
    return (
        f"{positive:,} of {known:,} {part} patches have it: guessing has precision "
        f"{text_table.decimals(positive / known if known else None)}. Average precision "
        f"**{shown['average_precision']}**, ROC-AUC **{shown['auc']}**. At its threshold, "
        f"{shown['threshold']}, precision is {shown['precision']} and recall {shown['recall']}. "
        "Probabilities are calibrated."
    )
