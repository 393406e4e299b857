"""The table of a detector's scores: each figure in its row, dashes where there is none."""

import numpy as np
import pytest

from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.detector import tables as detector_table
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


def _by_name(rows):
    return {row.name: row for row in rows}


def test_each_score_has_a_row(scores):
    rows = detector_table.rows(scores)
    found = _by_name(rows)
    assert len(found) == len(rows)
    # All that is detected is right, up to recall 1/2.
    assert found["AP50 (the paper's AP)"].value == 0.5
    assert found["AP50 (the paper's AP)"].of == "4 regions in 2 images"
    assert found["recall at score 0.5"].of == "2 of 4 regions"
    assert found["recall, single-cell"].value == 1
    assert found["recall, multi-cell"].value == 0
    assert found["recall, 3 cells"].value is None
    assert found["false positives per image at recall 0.5"].of == "score 0.700"
    assert found["false positives per image at recall 0.9"].value is None
    assert found["recall of all detections"].of == "scores from 0.700, at most 1 in an image"
    assert found["regions missed in a merge"].of == "2 missed"


def test_the_table_shows_the_rows_rounded(scores):
    table = detector_table.table(scores, "Title")
    cells = {row[0]: row[1:] for row in table.rows}
    assert list(cells) == [row.name for row in detector_table.rows(scores)]
    # Both groups have one region of two found, and so has every resample.
    assert cells["recall at score 0.5"] == ("0.500", "0.500 to 0.500", "2 of 4 regions")
    assert cells["recall, 3 cells"] == ("-", "", "0 of 0 regions")
    assert cells["regions that are split"] == ("0", "", "")  # a count is no share
    assert any("groups of images, 2 here" in note for note in table.notes)


def test_csv_is_not_rounded():
    # Three regions of which one is found.
    third = DetectedImage(
        "c",
        "c",
        Detections(np.zeros((0, 4)), np.zeros(0)),
        (Region((0, 0, 9, 9)),),
        np.zeros((0, 2)),
    )
    scores = score_detector([_image("a", 0.9), third], _CONFIG)
    values = {row[0]: row for row in detector_table.csv_rows(scores)}
    assert values["recall at score 0.5"][1] == 1 / 3
    assert values["recall, 3 cells"][1:4] == ("", "", "")
    assert {len(row) for row in values.values()} == {len(detector_table.CSV_HEADER)}


def test_nothing_at_all():
    empty = DetectedImage("e", "e", Detections(np.zeros((0, 4)), np.zeros(0)), (), np.zeros((0, 2)))
    scores = score_detector([empty], _CONFIG)
    assert _by_name(detector_table.rows(scores))["AP50 (the paper's AP)"].value is None
    assert "nan" not in str(detector_table.table(scores, "").rows)
    assert "nan" not in str(detector_table.csv_rows(scores))
