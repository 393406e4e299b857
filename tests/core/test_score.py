"""Scores as values, and as tables, CSV and JSON."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.core import score as score_lib
from rbc_tf.core import score_files
from rbc_tf.core.score import Score
from tests import builders

_SCORES = (
    Score("exact_match", 0.5, (0.25, 0.75), {"subset": "all"}, 4),
    Score("exact_match", None, None, {"subset": "multi_cell"}, 0),
    Score("auc", 1.0, None, {"type": "Oval"}),
    Score("recall", 2 / 3, None, {"type": "Oval"}, 3),
)


@pytest.mark.parametrize("value", [math.nan, np.nan, np.float32("nan"), math.inf, None])
def test_what_is_not_defined_is_none(value):
    assert Score("auc", value, (0.1, 0.2)) == Score("auc", None)


def test_numbers_are_pythons_own():
    score = Score("regions", np.int64(3), (np.float32(0.5), np.float64(1)))
    assert type(score.value) is int
    assert [type(end) for end in score.interval] == [float, float]


def test_json_and_back():
    text = json.dumps(score_lib.to_json(_SCORES), allow_nan=False)
    assert score_lib.from_json(json.loads(text)) == _SCORES


@pytest.mark.parametrize(
    "values", [[{"name": "auc"}], [3], [{**score_lib.to_json(_SCORES)[0], "of": 1}]]
)
def test_other_json_is_refused(values):
    with pytest.raises(ValueError, match="list of scores"):
        score_lib.from_json(values)


def test_select_and_one():
    assert [s.value for s in score_lib.select(_SCORES, "exact_match")] == [0.5, None]
    assert [s.name for s in score_lib.select(_SCORES, type="Oval")] == ["auc", "recall"]
    assert score_lib.one(_SCORES, "auc", type="Oval").value == 1
    with pytest.raises(KeyError, match="Received: 0"):
        score_lib.one(_SCORES, "auc")


def test_titles_of_means_are_those_of_their_statistic():
    score = Score("macro_auc", 0.5)
    assert (score.title, score.mean_of, score.support) == ("macro AUC", "auc", None)
    assert (Score("f1", 0.5).title, Score("f1", 0.5).mean_of) == ("F1", None)


def test_what_a_score_is_of_can_grow_and_shrink():
    score = Score("auc", 0.5).at(type="Oval", stage="types")
    assert score.of == {"type": "Oval", "stage": "types"}
    assert score.without("stage", "subset").of == {"type": "Oval"}


def test_csv_is_not_rounded_and_empty_where_not_defined(tmp_path):
    score_files.write_csv(tmp_path / "scores.csv", _SCORES)
    lines = (tmp_path / "scores.csv").read_text("utf-8").splitlines()
    assert lines[0] == "score,subset,type,value,low_95,high_95,support"
    assert lines[2] == "exact_match,multi_cell,,,,,0"
    assert lines[4] == "recall,,Oval,0.6666666666666666,,,3"


def test_json_file_says_what_it_is_about(tmp_path):
    score_files.write_json(tmp_path / "scores.json", _SCORES, {"split": "test"})
    values = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert values["split"] == "test"
    assert score_lib.from_json(values["scores"]) == _SCORES


def test_scalars_reach_tensorboard(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        score_files.write_scalars(_SCORES, step=1)
    tags = [value.tag for _, value in builders.summaries(tmp_path)]
    assert tags == ["exact_match/all", "auc/Oval", "recall/Oval"]
