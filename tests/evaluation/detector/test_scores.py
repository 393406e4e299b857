"""All scores of a detector, from two hand-made images."""

import dataclasses

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.detector.scores import DetectedImage, ScoringConfig, score_detector

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


def _one(scores, name, **of):
    """The score of that name and at least that `of`, whatever the threshold."""
    of.setdefault("subset", None)
    of.setdefault("at_recall", None)
    found = score_lib.select(scores, name, **of)
    assert len(found) == 1
    return found[0]


def test_every_score_of_two_images():
    scores = score_detector(_images(), _CONFIG)
    found = {name: _one(scores, name) for name in ("recall", "precision", "points_inside")}
    assert {name: (score.value, score.support) for name, score in found.items()} == {
        "recall": (0.5, 4),
        "precision": (2 / 3, 3),
        "points_inside": (2 / 3, 3),
    }
    values = {score.name: score.value for score in scores if not score.of}
    # Right at 0.9 and 0.8, wrong at 0.6, right at 0.2; the pair at (50, 50) is never found.
    # Precision 1 up to recall 1/2, then 3/4 at recall 3/4.
    assert values["ap50"] == pytest.approx(1 / 2 + 1 / 4 * 3 / 4)
    assert values["ap50_measured"] == pytest.approx(1 / 2 + 1 / 4 * 3 / 4)
    # Recalls 0 to 0.50 see 1 (51 of 101), 0.51 to 0.75 see 3/4 (25), the rest nothing. All boxes
    # agree exactly, so that it is the same at every IoU.
    for name in ("ap50_coco", "ap75", "ap50_95"):
        assert values[name] == pytest.approx((51 + 25 * 3 / 4) / 101)
    assert values["recall_of_all_detections"] == 3 / 4
    assert values["lowest_score"] == pytest.approx(0.2)
    assert values["most_detections_in_an_image"] == 3
    assert (values["num_images"], values["num_groups"]) == (2, 2)


def test_merges_are_supported_by_what_is_missed_and_wrong():
    scores = score_detector(_images(), _CONFIG)
    merged, splitting = _one(scores, "merged_regions"), _one(scores, "splitting_detections")
    # Missed: a pair and, below the threshold, the clump; wrong: the detection at 0.6.
    assert (merged.value, merged.support) == (0, 2)
    assert (splitting.value, splitting.support) == (0, 1)


def test_recall_by_subset():
    scores = score_lib.select(score_detector(_images(), _CONFIG), "recall", score_threshold="0.5")
    assert {s.of["subset"]: (s.value, s.support) for s in scores[1:]} == {
        "single_cell": (1, 1),
        "multi_cell": (1 / 3, 3),
        "2_cells": (1 / 2, 2),
        "3_cells": (None, 0),
        "4_or_more_cells": (0, 1),
        "at_border": (1, 1),
        "not_at_border": (1 / 3, 3),
    }
    assert _one(scores, "recall", subset="3_cells").interval is None


def test_false_positives_per_image():
    scores = score_detector(_images(), _CONFIG)
    assert _one(scores, "false_positives_per_image").value == 0.5  # one in two images
    half, most = (
        {score.name: score.value for score in score_lib.select(scores, at_recall=recall)}
        for recall in ("0.5", "0.9")
    )
    assert half == {
        "score_threshold": pytest.approx(0.8),
        "false_positives_per_image": 0,
        "precision": 1,
        "recall": 0.5,
    }
    assert set(most.values()) == {None}


def test_a_lower_threshold():
    scores = score_detector(_images(), dataclasses.replace(_CONFIG, score_threshold=0.1))
    assert _one(scores, "recall").value == 3 / 4
    assert _one(scores, "recall", subset="4_or_more_cells").value == 1
    assert _one(scores, "precision").value == 3 / 4


def test_intervals_are_over_groups():
    scores = score_detector(_images(), _CONFIG)
    # Of the groups one has 2 of 3 found, the other 0 of 1; either alone is a quarter of resamples.
    assert _one(scores, "recall").interval == (0, 2 / 3)
    # Group b has no detection above the threshold: a quarter of the resamples have no precision.
    assert _one(scores, "precision").interval is None
    assert _one(scores, "ap50").interval is not None
    alone = [dataclasses.replace(image, group="a") for image in _images()]
    scores = score_detector(alone, _CONFIG)
    assert _one(scores, "ap50").interval is None
    assert _one(scores, "recall").interval is None


def test_no_truth_and_no_detections():
    empty = DetectedImage("empty", "a", _detections([]), (), np.zeros((0, 2)))
    scores = score_detector([empty], _CONFIG)
    counts = {score.name: score.value for score in scores if score.value is not None}
    assert counts == {
        "num_images": 1,
        "num_groups": 1,
        "false_positives_per_image": 0,
        "most_detections_in_an_image": 0,
        "merging_detections": 0,
        "merged_regions": 0,
        "split_regions": 0,
        "splitting_detections": 0,
    }


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
