"""All scores of a detector, from two hand-made images."""

import dataclasses

import numpy as np
import pytest

from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.detector.scores import DetectedImage, ScoringConfig, score_detector
from rbc_tf.metrics.merges import MergeCounts

_CONFIG = ScoringConfig(recalls=(0.5, 0.9), num_resamples=200)


def _detections(rows):
    array = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(array[:, :4], array[:, 4])


def _images():
    """Found: a single cell at the border, one of two pairs, and a clump of four at score 0.2."""
    first = DetectedImage(
        name="first",
        group="a",
        detections=_detections([[0, 0, 10, 10, 0.9], [20, 20, 40, 40, 0.8], [70, 70, 80, 80, 0.6]]),
        regions=(
            Region((0, 0, 10, 10), num_cells=1, touches_border=True),
            Region((20, 20, 40, 40), num_cells=2),
            Region((50, 50, 60, 70), num_cells=2),
        ),
        points=np.array([[5, 5], [30, 30], [55, 55]]),
    )
    second = DetectedImage(
        name="second",
        group="b",
        detections=_detections([[10, 10, 50, 50, 0.2]]),
        regions=(Region((10, 10, 50, 50), num_cells=4),),
        points=np.zeros((0, 2)),
    )
    return [first, second]


def test_every_score_of_two_images():
    scores = score_detector(_images(), _CONFIG)
    assert (scores.recall.count, scores.recall.total, scores.recall.value) == (2, 4, 0.5)
    assert (scores.precision.count, scores.precision.total) == (2, 3)
    assert (scores.points_inside.count, scores.points_inside.total) == (2, 3)
    # Right at 0.9 and 0.8, wrong at 0.6, right at 0.2; the pair at (50, 50) is never found.
    # Precision 1 up to recall 1/2, then 3/4 at recall 3/4.
    assert scores.summary.ap50 == pytest.approx(1 / 2 + 1 / 4 * 3 / 4)
    assert scores.ap50_measured == pytest.approx(1 / 2 + 1 / 4 * 3 / 4)
    # Recalls 0 to 0.50 see 1 (51 of 101), 0.51 to 0.75 see 3/4 (25), the rest nothing.
    assert scores.ap50_101 == pytest.approx((51 + 25 * 3 / 4) / 101)
    assert scores.highest_recall == 3 / 4
    assert scores.lowest_score == pytest.approx(0.2)
    assert scores.most_detections == 3
    assert scores.num_groups == 2
    assert scores.merges == MergeCounts(0, 0, 0, 0)


def test_recall_by_kind_of_region():
    by_kind = score_detector(_images(), _CONFIG).recall_by_kind
    counts = {kind: (share.count, share.total) for kind, share in by_kind.items()}
    assert counts == {
        "single-cell": (1, 1),
        "multi-cell": (1, 3),
        "2 cells": (1, 2),
        "3 cells": (0, 0),
        "4 or more cells": (0, 1),
        "at the image border": (1, 1),
        "not at the border": (1, 3),
    }
    assert np.isnan(by_kind["3 cells"].value)
    assert by_kind["3 cells"].interval is None


def test_false_positives_per_image():
    scores = score_detector(_images(), _CONFIG)
    assert scores.threshold.false_positives_per_image == 0.5  # one in two images
    half, most = scores.at_recalls
    assert half.point.score_threshold == pytest.approx(0.8)
    assert half.point.false_positives_per_image == 0
    assert (most.recall, most.point) == (0.9, None)


def test_a_lower_threshold():
    scores = score_detector(_images(), dataclasses.replace(_CONFIG, score_threshold=0.1))
    assert scores.recall.value == 3 / 4
    assert scores.recall_by_kind["4 or more cells"].value == 1
    assert scores.summary.recall == scores.recall.value
    assert scores.summary.precision == scores.precision.value == 3 / 4


def test_intervals_are_over_groups():
    scores = score_detector(_images(), _CONFIG)
    # Of the groups one has 2 of 3 found, the other 0 of 1; either alone is a quarter of resamples.
    assert scores.recall.interval == (0, 2 / 3)
    # Group b has no detection above the threshold: a quarter of the resamples have no precision.
    assert scores.precision.interval is None
    alone = [dataclasses.replace(image, group="a") for image in _images()]
    scores = score_detector(alone, _CONFIG)
    assert scores.ap50_interval is None
    assert scores.recall.interval is None


def test_no_truth_and_no_detections():
    empty = DetectedImage("empty", "a", _detections([]), (), np.zeros((0, 2)))
    scores = score_detector([empty], _CONFIG)
    assert np.isnan([scores.summary.ap50, scores.recall.value, scores.points_inside.value]).all()
    assert np.isnan([scores.lowest_score, scores.highest_recall, scores.ap50_measured]).all()
    assert scores.most_detections == 0
    assert [entry.point for entry in scores.at_recalls] == [None, None]


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="At least one image"):
        score_detector([])


@pytest.mark.parametrize(
    "settings",
    [{"score_threshold": 1.5}, {"recalls": (0.0,)}, {"recalls": (1.1,)}, {"num_resamples": 0}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        ScoringConfig(**settings)
