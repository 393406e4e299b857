"""A finished classifier on its validation patches, for TensorBoard.

Curves of training show networks on their way; here are those that were kept, calibrated, at the
thresholds that were chosen: precision against recall, and which sets of types are taken for which.
All of it is on the patches that chose them, and so flatters.
"""

import pathlib
import shutil

import numpy as np
import tensorflow as tf

from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.classifier import trained_on
from rbc_tf.evaluation.classifier.label_sets_board import write_label_sets
from rbc_tf.evaluation.classifier.types_board import write_types
from rbc_tf.metrics import label_sets

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
    classifier, table = loaded.classifier, loaded.table
    rows = table.select(table.splits == VALIDATION)
    regions = trained_on.classify(classifier, rows)
    names, thresholds = classifier.cell_types.names, classifier.calibration.thresholds
    folder = pathlib.Path(log_dir) / RUN
    shutil.rmtree(folder, ignore_errors=True)
    with tf.summary.create_file_writer(str(folder)).as_default():
        write_types(regions, names, thresholds, VALIDATION)
        complete = rows.complete
        if complete.any():
            truth = regions.labels[complete] == PRESENT
            named = regions.probabilities[complete] > np.array(thresholds)
            confusion = label_sets.confusion(truth, named, _SETS_SHOWN)
            write_label_sets(confusion, names, VALIDATION)
    return folder
