"""The table of a detector's scores: each figure in its row, dashes where there is none."""

import numpy as np
import pytest

from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.detector import tables
from rbc_tf.evaluation.detector.scores import DetectedImage, ScoringConfig, score_detector

_CONFIG = ScoringConfig(recalls=(0.5, 0.9), num_resamples=50)


def _image(group, score):
    """One region found at that score, one missed."""
    box = np.array([[0, 0, 10, 10]], np.float32)
    regions = (Region((0, 0, 10, 10)), Region((20, 20, 30, 30), num_cells=2))
    points = np.array([[5, 5]])
    return DetectedImage(
        group, group, Detections(box, np.array([score], np.float32)), regions, points
    )


@pytest.fixture
def scores():
    return score_detector([_image("a", 0.9), _image("b", 0.7)], _CONFIG)


def _rows(scores):
    return {row[0]: row[1:] for row in tables.table(scores, "Title").rows}


def test_each_score_has_a_row_of_its_own(scores):
    table = tables.table(scores, "Title")
    assert len(_rows(scores)) == len(table.rows) == len(scores)
    assert any("groups of images, 2 here" in note for note in table.notes)


def test_values_rounded_intervals_and_what_they_are_of(scores):
    # All that is detected is right, up to recall 1/2; both groups have one region of two found,
    # and so has every resample.
    rows = _rows(scores)
    expected = {
        "AP50 (the paper's AP)": ("0.500", "[0.500, 0.500]", "4 regions"),
        "recall at score 0.5": ("0.500", "[0.500, 0.500]", "2 of 4 regions"),
        "recall, single-cell": ("1.000", "[1.000, 1.000]", "2 of 2 regions"),
        "recall, multi-cell": ("0.000", "[0.000, 0.000]", "0 of 2 regions"),
        "recall, 3 cells": ("-", "", "0 of 0 regions"),
        "score threshold at recall 0.5": ("0.700", "", ""),
        "false positives per image at recall 0.9": ("-", "", ""),
        "lowest score": ("0.700", "", ""),
        "most detections in an image": ("1", "", ""),
        "regions missed in a merge": ("0", "", "2 missed"),
        "regions that are split": ("0", "", ""),  # a count is no share
    }
    assert {title: rows.get(title) for title in expected} == expected


def test_a_score_that_no_table_knows_is_shown():
    scores = [Score("num_groups", 2), Score("new_score", 0.25, (0.0, 0.5), support=1234)]
    assert _rows(scores)["new score"] == ("0.250", "[0.000, 0.500]", "1,234")


def test_nothing_at_all():
    empty = DetectedImage("e", "e", Detections(np.zeros((0, 4)), np.zeros(0)), (), np.zeros((0, 2)))
    rows = _rows(score_detector([empty], _CONFIG))
    assert rows["AP50 (the paper's AP)"] == ("-", "", "0 regions")
    assert "nan" not in str(rows)
