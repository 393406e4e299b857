"""Scores of the whole chain, from a hand-made image."""

import numpy as np
import pytest

from rbc_tf.cell_types import CellType, CellTypes
from rbc_tf.evaluation.chain import EvaluatedImage, Thresholds, score_chain
from rbc_tf.report import tables
from rbc_tf.types import Detections, Region

_TYPES = CellTypes((CellType("normal", "Normal", False), CellType("burr", "Burr", True)))


def _image():
    """Three regions, of which the detector finds two; two of them are completely labelled."""
    truth = (
        Region((0, 0, 10, 10), ("normal",), num_cells=1, complete=True),
        Region((20, 20, 40, 40), ("burr", "normal"), num_cells=2, complete=True),
        Region((50, 50, 60, 60), num_cells=1),
    )
    return EvaluatedImage(
        detections=Detections(
            np.array([[0, 0, 10, 10], [20, 20, 40, 40], [70, 70, 80, 80]], np.float32),
            np.array([0.9, 0.8, 0.3], np.float32),
        ),
        truth=truth,
        points=np.array([[5, 5], [25, 25], [55, 55], [75, 75]]),
        labels=np.array([[1, 0], [1, 1]], np.int8),
        probabilities=np.array([[0.9, 0.2], [0.8, 0.4]], np.float32),
        abnormal=np.array([0.1, 0.6]),
        found_and_right=np.array([True, False]),
    )


def test_each_stage_is_scored():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.5), score=0.5, abnormal=0.5))
    assert (scores.detection.recall, scores.detection.precision) == (pytest.approx(2 / 3), 1)
    assert scores.detection.ap50 == pytest.approx(2 / 3)
    assert (scores.recall_single_cell, scores.recall_multi_cell) == (0.5, 1)
    assert scores.points_inside == 0.5
    assert scores.types.exact_match == 0.5  # the burr cell of the second is missed at 0.5
    assert scores.types.auc == (None, 1)  # every region has a normal cell
    assert (scores.abnormality.accuracy, scores.abnormality.auc) == (1, 1)
    assert scores.abnormality.num_abnormal == 1
    assert scores.found_and_right == 0.5


def test_thresholds_are_used():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.3), score=0.2, abnormal=0.7))
    assert scores.types.exact_match == 1
    assert scores.abnormality.accuracy == 0.5
    assert (scores.points_inside, scores.detection.num_detected) == (0.75, 3)


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="At least one image"):
        score_chain([], _TYPES, Thresholds((0.5, 0.5), 0.5, 0.5))


def test_the_table_has_a_dash_where_nothing_is_scored():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.5), score=0.5, abnormal=0.5))
    table = tables.chain_scores_table(scores, _TYPES)
    rows = {line.strip().rsplit("  ", 1)[0].strip(): line for line in table.splitlines()}
    assert "0.667" in rows["AP50 (paper's AP)"]
    assert any("AUC normal" in line and " - " in line for line in table.splitlines())
