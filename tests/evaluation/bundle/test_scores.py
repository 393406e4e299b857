"""Scores of the whole chain, from a hand-made image."""

import dataclasses
import json

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.core import text_table
from rbc_tf.core.types import Detections, Region
from rbc_tf.evaluation.bundle import tables
from rbc_tf.evaluation.bundle.scores import EvaluatedImage, score_chain
from rbc_tf.metrics.classified import ClassifiedRegions


def _image(thresholds=(0.5, 0.5), abnormal_threshold=0.5, found=(True, True)):
    """Three regions, of which the detector finds two; two of them are completely labelled."""
    truth = (
        Region((0, 0, 10, 10), ("normal",), num_cells=1, complete=True),
        Region((20, 20, 40, 40), ("burr", "normal"), num_cells=2, complete=True),
        Region((50, 50, 60, 60), num_cells=1),
    )
    known = {
        "names": ("normal", "burr"),
        "labels": np.array([[1, 0], [1, 1]], np.int8),
        "num_cells": np.array([1, 2]),
        "groups": np.array(["slide", "slide"]),
        "thresholds": np.array(thresholds),
    }
    return EvaluatedImage(
        group="slide",
        detections=Detections(
            np.array([[0, 0, 10, 10], [20, 20, 40, 40], [70, 70, 80, 80]], np.float32),
            np.array([0.9, 0.8, 0.3], np.float32),
        ),
        truth=truth,
        points=np.array([[5, 5], [25, 25], [55, 55], [75, 75]]),
        on_truth=ClassifiedRegions(
            **known,
            outputs=np.array([[0.9, 0.1], [0.7, 0.3]], np.float32),
            probabilities=np.array([[0.9, 0.2], [0.8, 0.4]], np.float32),
            abnormal=np.array([0.1, 0.6]),
            abnormal_types=np.array([False, True]),
            abnormal_threshold=abnormal_threshold,
        ),
        on_detections=ClassifiedRegions(
            **known,
            probabilities=np.array([[0.9, 0.2], [0.8, 0.35]], np.float32),
            found=np.array(found),
        ),
    )


def _values(scores, stage, **of):
    """Values by name of the scores that are of exactly that."""
    of = {"stage": stage, **of}
    return {score.name: score.value for score in scores if score.of == of}


def test_each_stage_is_scored():
    scores = score_chain([_image()], 0.5)
    at = _values(scores, "detector", score_threshold="0.5")
    assert (at["recall"], at["precision"], at["points_inside"]) == (pytest.approx(2 / 3), 1, 0.5)
    assert _values(scores, "detector")["ap50"] == pytest.approx(2 / 3)
    recall = [
        _values(scores, "detector", score_threshold="0.5", subset=subset)["recall"]
        for subset in ("single_cell", "multi_cell")
    ]
    assert recall == [0.5, 1]
    # The burr cell of the second is missed at 0.5.
    assert _values(scores, "classifier", subset="all")["exact_match"] == 0.5
    # Every region has a normal cell.
    areas = [
        _values(scores, "classifier", subset="all", type=name)["auc"] for name in ("normal", "burr")
    ]
    assert areas == [None, 1]
    abnormal = _values(scores, "classifier", subset="all", abnormality="boosting")
    assert set(abnormal.values()) == {1}
    assert _values(scores, "chain", subset="all")["exact_match"] == 0.5
    assert _values(scores, "chain", subset="multi_cell")["exact_match"] == 0


def test_calibration_errors_before_and_after():
    scores = score_chain([_image()], 0.5)
    # Every probability has a bin to itself, and the error is the mean distance to the truth:
    # (0.1 + 0.3) / 2 and (0.1 + 0.7) / 2; calibrated (0.1 + 0.2) / 2 and (0.2 + 0.6) / 2.
    for name, before, after in (("normal", 0.2, 0.15), ("burr", 0.4, 0.4)):
        of_type = _values(scores, "classifier", subset="all", type=name)
        assert (of_type["ece_raw"], of_type["ece"]) == pytest.approx((before, after))


def _of_no_complete_region():
    rows = np.zeros(2, bool)
    image = _image()
    return dataclasses.replace(
        image,
        on_truth=image.on_truth.select(rows),
        on_detections=image.on_detections.select(rows),
    )


def test_no_complete_region_makes_no_number():
    scores = score_chain([_of_no_complete_region()], 0.5)
    values = _values(scores, "classifier", subset="all")
    assert values.pop("num_regions") == 0
    assert set(values.values()) == {None}
    assert _values(scores, "chain", subset="all")["exact_match"] is None
    assert text_table.console(tables.tables(scores)[1])


def test_what_is_not_defined_is_plain_json(tmp_path):
    """Version 0.1.0 wrote NaN, which is no JSON, where no region had several cells."""
    single = tuple(dataclasses.replace(region, num_cells=1) for region in _image().truth)
    for image in (dataclasses.replace(_image(), truth=single), _of_no_complete_region()):
        scores = score_chain([image], 0.5)
        tables.write(tmp_path / "scores.json", scores, {"split": "test"})

        def refuse(constant):
            raise AssertionError(constant)

        content = json.loads((tmp_path / "scores.json").read_text(), parse_constant=refuse)
        assert list(score_lib.from_json(content["scores"])) == scores
        assert content["split"] == "test"
        assert len((tmp_path / "scores.csv").read_text().splitlines()) == len(scores) + 1
        assert "| recall, multi-cell, at score 0.5 |" in (tmp_path / "scores.md").read_text()


def test_thresholds_are_used():
    scores = score_chain([_image((0.5, 0.3), abnormal_threshold=0.7)], 0.2)
    regions = _values(scores, "classifier", subset="all")
    assert (regions["exact_match"], regions["exact_match_plain"]) == (1, 0.5)
    burr = _values(scores, "classifier", subset="all", type="burr")
    # At 0.5 the burr cell of the second is missed; above 0.3 lies it alone.
    assert (burr["threshold"], burr["recall"], burr["precision"]) == (0.3, 1, 1)
    chain = _values(scores, "chain", subset="all")
    assert (chain["exact_match"], chain["exact_match_plain"]) == (1, 0.5)
    abnormal = _values(scores, "classifier", subset="all", abnormality="boosting")
    assert (abnormal["accuracy"], abnormal["sensitivity"]) == (0.5, 0)
    at = {"stage": "detector", "score_threshold": "0.2"}
    assert score_lib.one(scores, "points_inside", **at).value == 0.75
    assert score_lib.one(scores, "precision", **at).support == 3


def test_a_region_that_is_not_found_is_not_right():
    scores = score_chain([_image((0.5, 0.3), found=(False, True))], 0.2)
    chain = _values(scores, "chain", subset="all")
    assert (chain["exact_match"], chain["exact_match_plain"]) == (0.5, 0)


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="At least one image"):
        score_chain([], 0.5)


def test_tables_show_every_stage_and_a_dash_where_nothing_is_scored():
    detection, regions, types, abnormality, chain = tables.tables(score_chain([_image()], 0.5))
    rows = {row[0]: row[1:] for row in detection.rows}
    assert rows["AP50 (the paper's AP)"] == ("0.667", "", "3")
    rows = {row[0]: row[1:] for row in regions.rows}
    assert rows["exact match at 0.5"][0] == "0.500"
    by_type = {row[0]: dict(zip(types.header, row, strict=True)) for row in types.rows}
    # Both regions have a normal cell; the burr cell is missed, so it is predicted for none.
    normal, burr = by_type["normal"], by_type["burr"]
    assert (normal["have it"], normal["AUC"], normal["recall"], normal["F1"]) == (
        *("2", "-"),
        *("1.000", "1.000"),
    )
    assert (normal["ECE raw"], normal["ECE"]) == ("0.200", "0.150")
    assert (burr["AUC"], burr["recall"], burr["precision"]) == ("1.000", "0.000", "-")
    assert abnormality.rows[0][:2] == ("gradient boosting", "1")
    assert "not found is not right" in chain.notes[0]
