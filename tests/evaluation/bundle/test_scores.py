"""Scores of the whole chain, from a hand-made image."""

import dataclasses
import re

import numpy as np
import pytest

from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.bundle import tables
from rbc_tf.evaluation.bundle.scores import EvaluatedImage, Thresholds, score_chain

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
        outputs=np.array([[0.9, 0.1], [0.7, 0.3]], np.float32),
        probabilities=np.array([[0.9, 0.2], [0.8, 0.4]], np.float32),
        abnormal=np.array([0.1, 0.6]),
        found=np.array([True, True]),
        found_probabilities=np.array([[0.9, 0.2], [0.8, 0.35]], np.float32),
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
    assert (scores.abnormality.sensitivity, scores.abnormality.specificity) == (1, 1)
    assert scores.abnormality.num_abnormal == 1
    assert scores.found_and_right == 0.5


def test_calibration_errors_before_and_after():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.5), score=0.5, abnormal=0.5))
    # Every probability has a bin to itself, and the error is the mean distance to the truth:
    # (0.1 + 0.3) / 2 and (0.1 + 0.7) / 2; calibrated (0.1 + 0.2) / 2 and (0.2 + 0.6) / 2.
    assert scores.ece_before == pytest.approx((0.2, 0.4))
    assert scores.ece_after == pytest.approx((0.15, 0.4))


def test_no_complete_region_makes_no_number():
    empty = np.zeros((0, 2), np.float32)
    image = dataclasses.replace(
        _image(),
        labels=empty.astype(np.int8),
        outputs=empty,
        probabilities=empty,
        abnormal=np.zeros(0),
        found=np.zeros(0, bool),
        found_probabilities=empty,
    )
    scores = score_chain([image], _TYPES, Thresholds((0.5, 0.5), score=0.5, abnormal=0.5))
    assert scores.ece_before == scores.ece_after == scores.labels.f1 == (None, None)
    verdict = scores.abnormality
    for value in (scores.exact_match_plain, scores.found_and_right, verdict.sensitivity):
        assert np.isnan(value)
    tables.chain_scores_table(scores, _TYPES)


def test_thresholds_are_used():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.3), score=0.2, abnormal=0.7))
    assert scores.types.exact_match == 1
    assert scores.exact_match_plain == 0.5
    assert scores.thresholds == (0.5, 0.3)
    # At 0.5 the burr cell of the second is missed; above 0.3 lies it alone.
    assert (scores.labels.recall, scores.labels.precision) == ((1, 1), (1, 1))
    assert (scores.found_and_right, scores.found_and_right_plain) == (1, 0.5)
    assert (scores.abnormality.accuracy, scores.abnormality.sensitivity) == (0.5, 0)
    assert (scores.points_inside, scores.detection.num_detected) == (0.75, 3)


def test_a_region_that_is_not_found_is_not_right():
    image = dataclasses.replace(_image(), found=np.array([False, True]))
    scores = score_chain([image], _TYPES, Thresholds((0.5, 0.3), score=0.2, abnormal=0.7))
    assert (scores.found_and_right, scores.found_and_right_plain) == (0.5, 0)


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="At least one image"):
        score_chain([], _TYPES, Thresholds((0.5, 0.5), 0.5, 0.5))


def test_the_table_has_a_dash_where_nothing_is_scored():
    scores = score_chain([_image()], _TYPES, Thresholds((0.5, 0.5), score=0.5, abnormal=0.5))
    table = tables.chain_scores_table(scores, _TYPES)
    rows = {re.split(r"  +", line.strip())[0]: line.split() for line in table.splitlines()}
    assert rows["AP50 (paper's AP)"][-1] == "0.667"
    assert rows["exact match at 0.5 (the paper's)"][-1] == "0.500"
    # Both regions have a normal cell; the burr cell is missed, so nothing is said to be one.
    expected = ["normal", "2", "-", "0.500", "1.000", "1.000", "1.000", "0.200", "0.150"]
    assert rows["normal"] == expected
    assert rows["burr"] == ["burr", "1", "1.000", "0.500", "0.000", "-", "0.000", "0.400", "0.400"]


def test_the_table_of_a_classifier():
    heads = [
        {"name": "normal", "status": "trained", "epoch": 3, "validation_auc": 0.75},
        {"name": "burr", "status": "not_validated", "epoch": 8, "validation_auc": None},
    ]
    calibration = [{"ece_before": 0.2, "ece_after": 0.1}, {"ece_before": None, "ece_after": None}]
    table = tables.classifier_table(heads, calibration, (2.0, 1.0), (0.25, 0.5))
    rows = [line.split() for line in table.splitlines()]
    assert rows[3:5] == [
        ["normal", "trained", "3", "0.750", "2.000", "0.250", "0.200", "0.100"],
        ["burr", "not_validated", "8", "-", "1.000", "0.500", "-", "-"],
    ]
