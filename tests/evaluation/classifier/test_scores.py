"""Scores of a classifier as a list and as tables; their values are tested with the metrics."""

import numpy as np
import pytest

from rbc_tf.core import score as score_lib
from rbc_tf.evaluation.classifier import tables
from rbc_tf.evaluation.classifier.scores import score_classification
from rbc_tf.metrics.classified import ClassifiedRegions


def regions(count=40, seed=0):
    """Of two types and two slides; the second type is abnormal."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 2)) < 0.5).astype(np.int8)
    outputs = np.clip(0.3 * labels + 0.7 * rng.random((count, 2)), 0, 1).astype(np.float32)
    return ClassifiedRegions(
        names=("x", "y"),
        labels=labels,
        num_cells=rng.integers(1, 3, count),
        groups=np.array(["a", "b"] * count)[:count],
        probabilities=outputs,
        thresholds=np.array([0.5, 0.25]),
        outputs=outputs,
        abnormal=outputs[:, 1],
        abnormal_types=np.array([False, True]),
    )


def test_scores_stand_with_their_intervals():
    scores = score_classification(regions(), num_resamples=20)
    assert score_lib.one(scores, "num_groups").value == 2
    for name in ("exact_match", "exact_match_plain", "best_type", "jaccard_index"):
        for subset in ("all", "single_cell", "multi_cell", "several_types"):
            score = score_lib.one(scores, name, subset=subset)
            assert score.interval is not None
    # The draw is the same each time.
    assert score_classification(regions(), num_resamples=20) == scores


def test_no_region_is_refused():
    with pytest.raises(ValueError, match="Received: none"):
        score_classification(regions().select(np.zeros(40, bool)))


def test_tables_show_subsets_types_and_abnormality():
    scores = score_classification(regions(), num_resamples=20)
    subsets, types, abnormality = tables.tables(scores, "test")
    assert "split 'test'" in subsets.title
    assert subsets.header == ("subset", "all", "single-cell", "multi-cell", "several types")
    assert "2 groups" in subsets.notes[0]
    rows = {row[0]: row[1:] for row in types.rows}
    assert list(rows) == ["x", "y", "mean"]
    # The mean of what is counted or set means nothing.
    columns = dict(zip(types.header[1:], rows["mean"], strict=True))
    assert (columns["have it"], columns["threshold"]) == ("", "")
    values = [score_lib.one(scores, "auc", subset="all", type=name).value for name in "xy"]
    assert columns["AUC"] == f"{np.mean(values):.3f}"
    assert abnormality.rows[0][0] == "gradient boosting"


def test_table_of_validation():
    heads = [
        {"name": "normal", "status": "trained", "epoch": 3, "validation_auc": 0.75},
        {"name": "burr", "status": "not_validated", "epoch": 8, "validation_auc": None},
    ]
    calibration = [{"ece_before": 0.2, "ece_after": 0.1}, {"ece_before": None, "ece_after": None}]
    table = tables.validation_table(heads, calibration, (2.0, 1.0), (0.25, 0.5))
    assert table.rows == (
        ("normal", "trained", "3", "0.750", "2.000", "0.250", "0.200", "0.100"),
        ("burr", "not_validated", "8", "-", "1.000", "0.500", "-", "-"),
    )
