"""Scores of regions by hand, and against scikit-learn and other software's definitions."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from rbc_tf.core import score as score_lib
from rbc_tf.metrics import region_scores
from rbc_tf.metrics.calibration import expected_calibration_error
from rbc_tf.metrics.classified import ALL, SUBSETS, BinaryPredictions, ClassifiedRegions
from rbc_tf.metrics.region_scores import score_regions

THRESHOLDS = np.array([0.5, 0.3])


def regions(outputs, labels, num_cells, probabilities=None, thresholds=THRESHOLDS, groups=None):
    outputs = np.array(outputs, np.float32)
    return ClassifiedRegions(
        names=("x", "y"),
        labels=np.array(labels, np.int8),
        num_cells=np.array(num_cells),
        groups=np.array(groups or ["a", "b"] * len(outputs))[: len(outputs)],
        probabilities=outputs if probabilities is None else np.array(probabilities, np.float32),
        thresholds=thresholds,
        outputs=outputs,
        abnormal=outputs[:, 1].astype(np.float64),
        abnormal_types=np.array([False, True]),
    )


FOUR = regions(
    outputs=[[0.9, 0.1], [0.4, 0.3], [0.7, 0.6], [0.2, 0.8]],
    probabilities=[[0.9, 0.1], [0.4, 0.2], [0.6, 0.4], [0.2, 0.8]],
    labels=[[1, 0], [0, 1], [1, 1], [1, 0]],
    num_cells=[1, 1, 2, 1],
)


def value(scores, name, subset=ALL, **of):
    return score_lib.one(scores, name, subset=subset, **of).value


def test_regions_by_hand():
    scores = score_regions(FOUR)
    # Predicted {x}, {}, {x, y}, {y}; true {x}, {y}, {x, y}, {x}.
    assert value(scores, "exact_match") == 0.5
    assert value(scores, "jaccard_index") == 0.5
    assert value(scores, "exact_match_plain") == 0.5  # the outputs give the same sets
    # The best type is x, x, x, y.
    assert value(scores, "best_type") == 0.5
    assert value(scores, "num_regions", "single_cell") == 3
    assert value(scores, "best_type", "single_cell") == pytest.approx(1 / 3)
    for subset in ("multi_cell", "several_types"):
        assert value(scores, "num_regions", subset) == 1
        assert value(scores, "exact_match", subset) == 1


def test_types_by_hand():
    scores = score_regions(FOUR)
    assert value(scores, "n_positive", type="x") == 3
    assert value(scores, "threshold", type="y") == 0.3
    # y: predicted in rows 2 and 3, true in rows 1 and 2.
    assert [value(scores, name, type="y") for name in ("recall", "precision", "f1")] == [0.5] * 3
    # Type y: the outputs 0.1 (absent), 0.3, 0.6 (present), 0.8 (absent), each in its own bin.
    raw, calibrated = (0.1 + 0.7 + 0.4 + 0.8) / 4, (0.1 + 0.8 + 0.6 + 0.8) / 4
    assert value(scores, "ece_raw", type="y") == pytest.approx(raw)
    assert value(scores, "ece", type="y") == pytest.approx(calibrated)
    # x: 0.9, 0.6, 0.2 present, 0.4 absent: two of three pairs. y: 0.4, 0.2 against 0.1, 0.8.
    assert value(scores, "auc", type="x") == pytest.approx(2 / 3)
    assert value(scores, "macro_auc") == pytest.approx((2 / 3 + 0.5) / 2)


def test_abnormality_by_hand():
    scores = score_regions(FOUR)
    # Abnormal are rows 1 and 2, with 0.3 and 0.6; rows 0 and 3 have 0.1 and 0.8.
    for name in ("accuracy", "auc", "sensitivity", "specificity"):
        assert value(scores, name, abnormality="boosting") == 0.5
    assert value(scores, "n_abnormal", abnormality="boosting") == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_types_are_scored_as_scikit_learn_scores_them(seed, count):
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 2)) < 0.4).astype(np.int8)
    outputs = rng.integers(0, 6, (count, 2)) / 5  # with ties
    scored = regions(outputs, labels, rng.integers(1, 3, count))
    scores = score_regions(scored)
    predicted, probabilities = scored.predicted, scored.probabilities
    assert value(scores, "exact_match") == pytest.approx(metrics.accuracy_score(labels, predicted))
    expected = metrics.jaccard_score(labels, predicted, average="samples", zero_division=1)
    assert value(scores, "jaccard_index") == pytest.approx(expected)
    for t, name in enumerate(scored.names):
        truth, of = labels[:, t], {"type": name}
        error = expected_calibration_error(probabilities[:, t], truth)
        assert value(scores, "ece", **of) == pytest.approx(error)
        if not truth.any():
            for undefined in ("recall", "f1", "average_precision", "auc"):
                assert value(scores, undefined, **of) is None
            continue
        area = metrics.average_precision_score(truth, probabilities[:, t])
        assert value(scores, "average_precision", **of) == pytest.approx(area)
        assert value(scores, "recall", **of) == pytest.approx(
            metrics.recall_score(truth, predicted[:, t])
        )
        assert value(scores, "f1", **of) == pytest.approx(metrics.f1_score(truth, predicted[:, t]))
        if predicted[:, t].any():
            share = metrics.precision_score(truth, predicted[:, t])
            assert value(scores, "precision", **of) == pytest.approx(share)
        else:
            assert value(scores, "precision", **of) is None
        if not truth.all():
            area = metrics.roc_auc_score(truth, probabilities[:, t])
            assert value(scores, "auc", **of) == pytest.approx(area)


def test_every_score_has_an_interval_over_groups():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 2)) < 0.5).astype(np.int8)
    outputs = np.clip(labels * 0.2 + rng.random((200, 2)) * 0.7, 0, 1)
    groups = [f"g{n}" for n in range(200)]
    scored = regions(outputs, labels, rng.integers(1, 3, 200), groups=groups)
    scores = score_regions(scored, (ALL, "single_cell"), num_resamples=200)
    facts = {"num_regions", "n_positive", "threshold", "n_abnormal"}
    for score in scores:
        if score.name in facts:
            assert score.interval is None
        else:
            low, high = score.interval
            assert 0 <= low < high <= 1, score
    assert score_regions(scored, (ALL, "single_cell"), num_resamples=200) == scores
    assert {score.of["subset"] for score in score_regions(scored)} == set(SUBSETS)


def test_one_group_has_no_intervals():
    alone = dataclasses.replace(FOUR, groups=np.array(["a"] * 4))
    assert {score.interval for score in score_regions(alone, num_resamples=10)} == {None}


def test_what_was_not_found_is_not_right():
    found = dataclasses.replace(FOUR, found=np.array([False, True, True, True]))
    scores = score_regions(found)
    # Right are rows 0 and 2, of which row 0 was not found.
    assert value(scores, "exact_match") == 0.25
    assert value(scores, "best_type") == 0.25
    assert value(scores, "recall", type="x") == value(score_regions(FOUR), "recall", type="x")


def test_of_nothing_nothing_is_defined():
    scores = score_regions(FOUR.select(np.zeros(4, bool)), num_resamples=10)
    assert value(scores, "num_regions") == 0
    for score in scores:
        if score.name not in ("num_regions", "n_positive", "threshold", "n_abnormal"):
            assert score.value is None, score


def test_answers_alone_have_the_scores_that_need_no_probability():
    answers = ClassifiedRegions(
        ("x", "y"), FOUR.labels, FOUR.num_cells, FOUR.groups, predicted=FOUR.predicted
    )
    scores = score_regions(answers)
    assert value(scores, "exact_match") == 0.5
    names = {score.name for score in scores}
    assert {"recall", "precision", "f1", "jaccard_index"} <= names
    assert not {"auc", "best_type", "ece", "threshold", "accuracy"} & names


def test_scores_can_be_left_out():
    names = {score.name for score in score_regions(FOUR, without=("auc", "exact_match_plain"))}
    assert not {"auc", "macro_auc", "exact_match_plain"} & names
    assert {"exact_match", "recall"} <= names


def test_unknown_labels_are_refused_for_regions_and_left_out_of_types():
    partly = regions([[0.9, 0.1], [0.4, 0.6]], [[1, -1], [0, 1]], [1, 1])
    with pytest.raises(ValueError, match="unknown labels"):
        score_regions(partly)
    of = partly.of_type(1)
    np.testing.assert_array_equal(of.truth, [True])
    scores = {score.name: score.value for score in region_scores.score_type(of, "y", 0.3)}
    assert [scores[name] for name in ("n_positive", "recall", "auc")] == [1, 1, None]


def test_a_type_of_no_patch_has_no_score():
    empty = BinaryPredictions(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0), np.zeros(0))
    scores = {score.name: score.value for score in region_scores.score_type(empty, "x", 0.5)}
    facts = [scores.pop(name) for name in ("n_positive", "n_negative", "threshold")]
    assert facts == [0, 0, 0.5]
    assert set(scores.values()) == {None}


def test_shapes_and_subsets_are_checked():
    with pytest.raises(ValueError, match=r"`num_cells` must .*\[2\].*\[1\]"):
        regions([[0.9, 0.1], [0.4, 0.6]], [[1, 0], [0, 1]], [1])
    with pytest.raises(ValueError, match="neither"):
        ClassifiedRegions(("x", "y"), FOUR.labels, FOUR.num_cells, FOUR.groups)
    with pytest.raises(ValueError, match="'single'"):
        score_regions(FOUR, subsets=("single",))


def test_types_without_positives_answers_or_both():
    # Type 0: 2 have it, 1 of them predicted, 2 predicted. Type 1: none has it, 1 predicted. Type 2:
    # 1 has it, none predicted. Type 3: none and none.
    labels = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.int8)
    predicted = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    answers = ClassifiedRegions(
        tuple("abcd"), labels, np.ones(3, int), np.array(["g"] * 3), predicted=predicted
    )
    scores = score_regions(answers, (ALL,))
    found = {
        name: [value(scores, name, type=t) for t in "abcd"]
        for name in ("recall", "precision", "f1")
    }
    assert found["recall"] == [0.5, None, 0, None]
    assert found["precision"] == [0.5, 0, None, None]
    assert found["f1"] == [0.5, None, 0, None]


def test_known_patches_of_a_type_are_scored():
    labels = np.array([[1], [0], [1], [0], [-1]], np.int8)
    probabilities = np.array([[0.9], [0.8], [0.3], [0.1], [1.0]])
    half = np.array([0.5])
    answers = ClassifiedRegions(("a",), labels, np.ones(5), np.full(5, "g"), probabilities, half)
    found = region_scores.score_type(answers.of_type(0), "a", 0.5)
    scores = {score.name: score.value for score in found}
    # Of the four pairs one present patch, 0.3, ranks below an absent one, 0.8. Average precision:
    # recall 1/2 at precision 1/1, and 1/2 more at precision 2/3.
    assert (scores["n_positive"], scores["n_negative"]) == (2, 2)
    assert scores["auc"] == pytest.approx(3 / 4)
    assert scores["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert (scores["precision"], scores["recall"]) == (0.5, 0.5)


def test_exact_match_where_a_region_has_at_least_one_type():
    # Nothing of the first is above 0.5 and its best type is right; the last's is wrong.
    found = regions(
        outputs=[[0.1, 0.4], [0.9, 0.1], [0.4, 0.2]],
        labels=[[0, 1], [1, 0], [0, 1]],
        num_cells=[1, 1, 1],
    )
    assert region_scores.exact_match_plain(found).tolist() == [0, 1, 0]
    assert region_scores.exact_match_at_least_one(found).tolist() == [1, 1, 0]
    ruled = dataclasses.replace(found, predicted=None, at_least_one=True, thresholds=THRESHOLDS)
    # At thresholds of 0.5 and 0.3 the first two are decided; the third takes its best.
    assert ruled.predicted.tolist() == [[False, True], [True, False], [True, False]]
