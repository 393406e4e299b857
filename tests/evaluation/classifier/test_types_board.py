"""A row per type for TensorBoard, read back as TensorBoard reads it."""

import numpy as np

from rbc_tf.evaluation.classifier import types_board
from rbc_tf.evaluation.classifier.scores import ClassifiedRegions
from tests import builders

NAMES = ("Oval", "Elon")


def _regions():
    return ClassifiedRegions(
        outputs=np.zeros((4, 2), np.float32),
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.6], [0.1, 0.9]], np.float32),
        abnormal=np.zeros(4),
        labels=np.array([[1, 0], [0, 0], [1, 0], [0, -1]], np.int8),
        num_cells=np.ones(4, int),
        groups=np.array(["g"] * 4),
    )


def test_types_are_told_in_curves_and_a_table(tmp_path):
    found = builders.summaries_of(
        tmp_path, types_board.write_types, _regions(), NAMES, (0.5, 0.7), "validation"
    )
    # No patch has Elon: a row, but no curve.
    curves = [tag for plugin, tag in found if plugin == "pr_curves"]
    assert curves == ["types/Oval/pr_curves"]
    about = found["pr_curves", "types/Oval/pr_curves"].metadata.summary_description
    assert "2 of 4 validation patches have it: guessing has precision 0.500" in about
    assert "At its threshold, 0.500, precision is 0.500 and recall 0.500" in about
    rows = builders.text_of(found["text", "types"]).splitlines()
    assert "| Oval | 2 | 2 | 0.750 | 0.833 | 0.500 | 0.500 | 0.500 |" in rows
    assert "| Elon | 0 | 3 | - | - | 0.700 | - | - |" in rows
