"""What was tuned is used where it holds on groups that it was not tuned on."""

import numpy as np
import pytest

from rbc_tf.classification.calibration import (
    EXACT_MATCH,
    F1,
    OBJECTIVES,
    PLAIN,
    CalibrationConfig,
    fit_temperatures,
)
from rbc_tf.classification.held_out_calibration import fit_calibration


def _fit(parts, objective=EXACT_MATCH):
    """The calibration from one (outputs, labels) per group, and the temperatures of all."""
    outputs = np.concatenate([np.asarray(outputs, np.float32) for outputs, _ in parts])
    labels = np.concatenate([np.asarray(labels, np.int8) for _, labels in parts])
    groups = np.repeat([f"slide{g}" for g in range(len(parts))], [len(o) for o, _ in parts])
    config = CalibrationConfig(objective)
    return (
        fit_calibration(outputs, labels, groups, config),
        fit_temperatures(outputs, labels),
    )


def _column(values):
    return np.array(values)[:, None]


# Outputs of 0.9 and 0.1 that are right three times of four: a temperature of 2 is best in each
# group (ln 9 / ln 3), and so in those left out.
_OVERCONFIDENT = (_column([0.9] * 4 + [0.1] * 4), _column([1] * 3 + [0] * 4 + [1]))
# Outputs of 0.6 and 0.4 that are always right: the lowest temperature is best.
_TIMID = (_column([0.6] * 4 + [0.4] * 4), _column([1] * 4 + [0] * 4))


def test_a_temperature_that_all_groups_want_is_used():
    fitted, tuned = _fit([_OVERCONFIDENT] * 3)
    assert fitted.temperature_used == (True,)
    assert fitted.calibration.temperatures == pytest.approx((2,), abs=1e-4)
    assert fitted.calibration.temperatures == tuned


def test_a_temperature_that_groups_contradict_is_not_used():
    fitted, tuned = _fit([_OVERCONFIDENT, _TIMID])
    # Tuned on the first, 0.6 becomes sigmoid(logit(0.6) / 2) = 0.55: worse. Tuned on the second
    # (0.1, the lowest), 0.9 becomes 1 - 3e-10, which is wrong once in four: far worse.
    assert fitted.temperature_used == (False,)
    assert fitted.calibration.temperatures == (1.0,)
    assert tuned[0] != pytest.approx(1, abs=0.01)


def test_a_temperature_of_a_type_of_one_group_cannot_be_judged():
    """The other groups have none of it: what makes its probabilities low does well on them."""
    without = (_column([0.4] * 8), _column([0] * 8))
    fitted, tuned = _fit([_TIMID, without, without])
    assert tuned[0] < 0.5
    assert fitted.temperature_used == (False,)
    assert fitted.calibration.temperatures == (1.0,)
    # Of two groups that have it, one can speak for the other.
    fitted, _ = _fit([_TIMID, _TIMID, without])
    assert fitted.temperature_used == (True,)


# The type is there above 0.3 in one group, above 0.7 in another.
_LOW = (_column([0.1, 0.2, 0.4, 0.45, 0.8]), _column([0, 0, 1, 1, 1]))
_HIGH = (_column([0.1, 0.2, 0.6, 0.65, 0.8]), _column([0, 0, 0, 0, 1]))


@pytest.mark.parametrize("objective", [EXACT_MATCH, F1])
def test_a_threshold_that_all_groups_want_is_used(objective):
    fitted, _ = _fit([_LOW] * 4, objective)
    assert fitted.threshold_used == (True,)
    assert fitted.calibration.thresholds[0] < 0.5
    above = fitted.calibration.apply(_LOW[0]) > fitted.calibration.thresholds
    np.testing.assert_array_equal(above, _LOW[1] == 1)


@pytest.mark.parametrize("objective", [EXACT_MATCH, F1])
def test_a_threshold_that_groups_contradict_is_not_used(objective):
    # 0.5 has two of five wrong in either. Tuned on the first (0.3), the second has the same two
    # wrong; tuned on the second (above 0.65), the first still has 0.4 and 0.45 wrong: no better.
    fitted, _ = _fit([_LOW, _HIGH], objective)
    assert fitted.threshold_used == (False,)
    assert fitted.calibration.thresholds == (0.5,)


def test_thresholds_for_f1_are_kept_type_by_type_and_those_for_exact_match_together():
    parts = [
        (np.hstack([_LOW[0], outputs]), np.hstack([_LOW[1], labels]))
        for outputs, labels in (_LOW, _HIGH, _LOW, _HIGH)
    ]
    fitted, _ = _fit(parts, F1)
    assert fitted.threshold_used[0]
    assert fitted.calibration.thresholds[0] < 0.5
    fitted, _ = _fit(parts, EXACT_MATCH)
    assert len(set(fitted.threshold_used)) == 1


def test_a_plain_objective_leaves_thresholds_alone():
    fitted, _ = _fit([_LOW] * 3, PLAIN)
    assert fitted.threshold_used == (False,)
    assert fitted.calibration.thresholds == (0.5,)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("parts", [[], [_LOW]])
def test_of_one_group_or_none_nothing_is_tuned(parts, objective):
    parts = parts or [(np.zeros((0, 1)), np.zeros((0, 1)))]
    fitted, _ = _fit(parts, objective)
    assert fitted.calibration.temperatures == (1.0,)
    assert fitted.calibration.thresholds == (0.5,)
    assert fitted.temperature_used == fitted.threshold_used == (False,)


@pytest.mark.parametrize("seed", range(8))
def test_unknown_labels_and_many_groups(seed):
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(9):
        labels = rng.integers(-1, 2, (12, 3)).astype(np.int8)
        parts.append((rng.random((12, 3)), labels))
    fitted, tuned = _fit(parts)
    for t in range(3):
        expected = tuned[t] if fitted.temperature_used[t] else 1.0
        assert fitted.calibration.temperatures[t] == expected
        assert fitted.threshold_used[t] or fitted.calibration.thresholds[t] == 0.5
