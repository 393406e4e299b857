"""Temperatures and thresholds: by hand, by brute force and against scikit-learn."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import special
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from rbc_tf.classification.calibration import (
    EXACT_MATCH,
    F1,
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    OBJECTIVES,
    PLAIN,
    Calibration,
    CalibrationConfig,
    fit_temperatures,
    fit_thresholds,
    has_both_classes,
)
from rbc_tf.metrics.calibration import expected_calibration_error
from rbc_tf.metrics.multilabel import exactly_right


def exact_match(probabilities, labels, thresholds):
    return exactly_right(probabilities > thresholds, labels == 1).mean()


def _fit(outputs, labels, objective=EXACT_MATCH):
    outputs, labels = np.asarray(outputs, np.float32), np.asarray(labels, np.int8)
    temperatures = fit_temperatures(outputs, labels)
    plain = Calibration(temperatures, (0.5,) * labels.shape[1])
    thresholds = fit_thresholds(plain.apply(outputs), labels, objective)
    return Calibration(temperatures, thresholds)


def _random(seed, count=60, types=3, unknown=0.0):
    """Outputs that depend on the labels, with ties where the seed is odd."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, types)) < [0.6, 0.3, 0.1][:types]).astype(np.int8)
    logits = 2 * labels - 1.5 + rng.normal(0, 1.5, labels.shape)
    outputs = special.expit(logits).astype(np.float32)
    if seed % 2:
        outputs = np.round(outputs, 1)
    labels[rng.random(labels.shape) < unknown] = -1
    return outputs, labels


def test_temperature_by_hand():
    # Four patches at 0.9, three of which have the type, and the same mirrored at 0.1: the
    # likelihood is highest where 0.9 becomes 0.75, at T = logit(0.9) / logit(0.75) = ln 9 / ln 3.
    outputs = np.array([[0.9]] * 4 + [[0.1]] * 4)
    labels = np.array([[1]] * 3 + [[0]] + [[0]] * 3 + [[1]])
    fitted = _fit(outputs, labels)
    assert fitted.temperatures[0] == pytest.approx(2, abs=1e-4)
    np.testing.assert_allclose(fitted.apply(outputs)[[0, 4]], [[0.75], [0.25]], atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_temperature_is_that_of_logistic_regression(seed):
    # sigmoid(logit / T) is logistic regression on the logit, without intercept; 1 / T its weight.
    outputs, labels = _random(seed, count=400, types=1, unknown=0.2)
    outputs = np.clip(outputs, 0.01, 0.99)
    known = labels[:, 0] >= 0
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    model.fit(special.logit(outputs[known].astype(float)), labels[known, 0])
    assert _fit(outputs, labels).temperatures[0] == pytest.approx(1 / model.coef_[0, 0], rel=1e-4)


def test_an_overconfident_network_is_calibrated_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 1))
    labels = (rng.random(logits.shape) < special.expit(logits)).astype(np.int8)
    outputs = special.expit(3 * logits).astype(np.float32)
    fitted = _fit(outputs, labels)
    assert fitted.temperatures[0] == pytest.approx(3, rel=0.05)
    before = expected_calibration_error(outputs[:, 0], labels[:, 0])
    after = expected_calibration_error(fitted.apply(outputs)[:, 0], labels[:, 0])
    assert before > 0.1
    assert after < 0.015


@pytest.mark.parametrize(
    ("labels", "expected"), [([1, 0], LOWEST_TEMPERATURE), ([0, 1], HIGHEST_TEMPERATURE)]
)
def test_temperature_has_bounds(labels, expected):
    # All on their right side of 0.5 (T would go to 0), or all on the wrong one (to infinity).
    outputs, labels = np.array([[0.9], [0.1]]), np.array(labels)[:, None]
    assert _fit(outputs, labels).temperatures[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("label", [0, 1, -1])
def test_a_type_of_one_class_is_left_alone(objective, label):
    outputs, labels = _random(2, types=2)
    alone = _fit(outputs[:, :1], labels[:, :1], objective)
    labels[:, 1] = label
    fitted = _fit(outputs, labels, objective)
    assert has_both_classes(labels).tolist() == [True, False]
    assert (fitted.temperatures[1], fitted.thresholds[1]) == (1, 0.5)
    assert fitted.temperatures[0] == alone.temperatures[0]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_patch_leaves_all_alone(objective):
    assert _fit(np.zeros((0, 2)), np.zeros((0, 2)), objective) == Calibration((1, 1), (0.5, 0.5))


@given(
    st_numpy.arrays(np.float32, (20, 1), elements=st.floats(0, 1, width=32)),
    st.floats(0.01, 100),
)
def test_temperatures_keep_labels_at_half_and_the_order(outputs, temperature):
    outputs[0] = np.nextafter(np.float32(0.5), np.float32(1))  # the nearest there is
    outputs[1] = 0.5
    probabilities = Calibration((temperature,), (0.5,)).apply(outputs)
    assert probabilities.dtype == np.float32
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_array_equal(probabilities > 0.5, outputs > 0.5)
    assert (np.diff(probabilities[np.argsort(outputs[:, 0]), 0]) >= 0).all()


@given(st_numpy.arrays(np.float32, (5, 2), elements=st.floats(0, 1, width=32)))
def test_a_temperature_of_1_changes_nothing(outputs):
    np.testing.assert_array_equal(Calibration((1, 1), (0.5, 0.5)).apply(outputs), outputs)


def test_each_type_has_its_own_temperature():
    outputs = np.array([[0.9, 0.9, 0.5]], np.float32)
    found = Calibration((2.0, 0.5, 4.0), (0.5,) * 3).apply(outputs)
    # logit(0.9) = ln 9: half of it is ln 3, of odds 3 to 1, twice of it of odds 81 to 1.
    np.testing.assert_allclose(found, [[3 / 4, 81 / 82, 0.5]], rtol=1e-6)


def test_plain_is_the_paper():
    outputs, labels = _random(3)
    assert _fit(outputs, labels, PLAIN).thresholds == (0.5, 0.5, 0.5)


def test_f1_by_hand():
    # Above 0.35 both that have the type and one that does not: F1 = 2 * 2 / (2 * 2 + 1) = 0.8;
    # above 0.65 one of the two and no other: 2 / 3.
    outputs, labels = [[0.7], [0.6], [0.4], [0.3], [0.1]], [[1], [0], [1], [0], [0]]
    fitted = _fit(outputs, labels, F1)
    expected = fitted.apply(np.array([[0.4], [0.3]], np.float32)).astype(float).mean()
    assert fitted.thresholds[0] == expected


@pytest.mark.parametrize("seed", range(10))
def test_f1_is_the_highest_there_is(seed):
    outputs, labels = _random(seed, unknown=0.2)
    fitted = _fit(outputs, labels, F1)
    probabilities = fitted.apply(outputs)
    for t in range(3):
        known = labels[:, t] >= 0
        truth, scores = labels[known, t], probabilities[known, t]
        precision, recall, _ = metrics.precision_recall_curve(truth, scores)
        best = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
        found = metrics.f1_score(truth, scores > fitted.thresholds[t])
        assert found == pytest.approx(best)


def test_exact_match_by_hand():
    # Type 0 is right at 0.5. Type 1 never rises above 0.5, so at 0.5 only the two patches
    # without it are right; between 0.2 and 0.4 all four are.
    outputs = [[0.9, 0.4], [0.1, 0.4], [0.8, 0.1], [0.3, 0.2]]
    labels = [[1, 1], [0, 1], [1, 0], [0, 0]]
    fitted = _fit(outputs, labels)
    probabilities = fitted.apply(np.array(outputs, np.float32))
    assert fitted.thresholds[0] == 0.5
    assert fitted.thresholds[1] == probabilities[[1, 3], 1].astype(float).mean()
    assert exact_match(probabilities, np.array(labels), np.array(fitted.thresholds)) == 1


def test_only_patches_of_which_every_type_is_known_count_for_exact_match():
    # Type 0 is right at 0.5 on the two complete patches; fifty of which type 1 is unknown would
    # have its threshold raised above 0.8.
    outputs = [[0.9, 0.1], [0.1, 0.9]] + [[0.8, 0.5]] * 50
    labels = [[1, 0], [0, 1]] + [[0, -1]] * 50
    assert _fit(outputs, labels, EXACT_MATCH).thresholds[0] == 0.5
    fitted = _fit(outputs, labels, F1)
    assert fitted.thresholds[0] > fitted.apply(np.array([[0.8, 0.5]]))[0, 0]


def _cuts(probabilities):
    """Every threshold that labels the patches in another way, and 0.5."""
    values = np.unique(np.concatenate([[0.0, 1.0], probabilities.astype(float)]))
    return [*((values[:-1] + values[1:]) / 2), 0.5]


@pytest.mark.parametrize("seed", range(10))
def test_no_single_threshold_makes_exact_match_better(seed):
    outputs, labels = _random(seed)
    fitted = _fit(outputs, labels)
    probabilities, thresholds = fitted.apply(outputs), np.array(fitted.thresholds)
    found = exact_match(probabilities, labels, thresholds)
    assert found >= exact_match(probabilities, labels, np.full(3, 0.5))
    for t in range(3):
        for cut in _cuts(probabilities[:, t]):
            other = thresholds.copy()
            other[t] = cut
            score = exact_match(probabilities, labels, other)
            # Not better, and where as good not nearer to 0.5.
            assert (score, -abs(cut - 0.5)) <= (found, -abs(thresholds[t] - 0.5))


@pytest.mark.parametrize("seed", range(5))
def test_exact_match_of_two_types_against_all_pairs_of_thresholds(seed):
    outputs, labels = _random(seed, count=25, types=2)
    fitted = _fit(outputs, labels)
    probabilities = fitted.apply(outputs)
    pairs = itertools.product(_cuts(probabilities[:, 0]), _cuts(probabilities[:, 1]))
    best = max(exact_match(probabilities, labels, np.array(pair)) for pair in pairs)
    # One type at a time can miss the best pair; on these it loses one patch of 25 at most.
    found = exact_match(probabilities, labels, np.array(fitted.thresholds))
    assert best - 1 / 25 - 1e-9 <= found <= best


def test_thresholds_are_repeated_exactly():
    outputs, labels = _random(5)
    assert _fit(outputs, labels) == _fit(outputs.copy(), labels.copy())


@pytest.mark.parametrize(
    ("temperatures", "thresholds", "message"),
    [
        ((0.0,), (0.5,), "temperature must be above 0"),
        ((math.inf,), (0.5,), "temperature"),
        ((math.nan,), (0.5,), "temperature"),
        (("1",), (0.5,), "temperature"),
        ((1.0,), (1.5,), "threshold must lie"),
        ((1.0,), (math.nan,), "threshold"),
        ((1.0,), (True,), "threshold"),
        ((1.0,), (0.5, 0.5), "one value per type"),
    ],
)
def test_impossible_numbers_are_refused(temperatures, thresholds, message):
    with pytest.raises(ValueError, match=message):
        Calibration(temperatures, thresholds)


def test_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match=r"f1, plain.*Received: 'recall'"):
        CalibrationConfig("recall")


def test_a_region_without_a_type_above_its_threshold_has_the_best_one():
    probabilities = np.array([[0.2, 0.4], [0.6, 0.4], [0.7, 0.9], [0.3, 0.3]], np.float32)
    plain = Calibration((1.0, 1.0), (0.5, 0.5))
    assert plain.labels(probabilities).tolist() == [
        [False, False],
        [True, False],
        [True, True],
        [False, False],
    ]
    # Of equal ones the first.
    assert dataclasses.replace(plain, at_least_one=True).labels(probabilities).tolist() == [
        [False, True],
        [True, False],
        [True, True],
        [True, False],
    ]
    assert plain.labels(probabilities[:0]).shape == (0, 2)
    assert not dataclasses.replace(plain, at_least_one=True).with_plain_thresholds().at_least_one
