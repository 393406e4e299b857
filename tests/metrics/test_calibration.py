"""Reliability curves and calibration errors: by hand, by brute force and against scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from rbc_tf.metrics.calibration import curve_error, expected_calibration_error, reliability_curve


def test_by_hand():
    # Four bins: (0, 0.25] with 0 and 0.25, (0.25, 0.5] with 0.5, none in (0.5, 0.75], 1 in the
    # last. An upper edge belongs to its bin, and 0 to the first.
    curve = reliability_curve(np.array([0.0, 0.25, 0.5, 1.0]), np.array([0, 1, 0, 1]), 4)
    assert curve.counts.tolist() == [2, 1, 0, 1]
    np.testing.assert_array_equal(curve.mean_predicted, [0.125, 0.5, np.nan, 1])
    np.testing.assert_array_equal(curve.share_present, [0.5, 0, np.nan, 1])
    # (2 * |0.125 - 0.5| + 1 * |0.5 - 0| + 1 * |1 - 1|) / 4
    assert curve_error(curve) == pytest.approx(1.25 / 4)


def test_probabilities_all_right_or_all_wrong():
    labels = np.array([0, 1, 1])
    assert expected_calibration_error(labels, labels) == 0
    assert expected_calibration_error(1 - labels, labels) == 1


def test_no_patch():
    curve = reliability_curve(np.zeros(0), np.zeros(0, np.int8))
    assert curve.counts.tolist() == [0] * 10
    assert np.isnan(curve.mean_predicted).all()
    assert np.isnan(curve.share_present).all()
    assert expected_calibration_error(np.zeros(0), np.zeros(0)) is None


def test_nobody_has_the_type():
    # Every share is 0, so the error is the mean probability, however it is binned.
    probabilities = np.random.default_rng(0).random(50)
    for bins in (1, 3, 10):
        error = expected_calibration_error(probabilities, np.zeros(50, np.int8), bins)
        assert error == pytest.approx(probabilities.mean())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bins", [1, 5, 10, 15])
def test_as_scikit_learn_and_brute_force(seed, bins):
    rng = np.random.default_rng(seed)
    probabilities = rng.random(300).astype(np.float32)
    if seed % 2:  # ties, many of them on edges of bins
        probabilities = rng.integers(0, 21, 300) / 20
    labels = rng.integers(0, 2, 300).astype(np.int8)
    curve = reliability_curve(probabilities, labels, bins)
    present, predicted = calibration_curve(labels, probabilities, n_bins=bins)
    there = curve.counts > 0
    np.testing.assert_allclose(curve.share_present[there], present)
    np.testing.assert_allclose(curve.mean_predicted[there], predicted)

    values = probabilities.astype(float)
    edges = np.linspace(0, 1, bins + 1)
    gaps = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (values > low) & (values <= high) | (low == 0) & (values == 0)
        # |sum p - sum y| of a bin is its count times |mean p - share|.
        gaps += abs(values[inside].sum() - labels[inside].sum())
    assert expected_calibration_error(probabilities, labels, bins) == pytest.approx(gaps / 300)


def test_the_error_of_a_calibrated_sample_tends_to_0():
    rng = np.random.default_rng(1)
    errors = []
    for count in (100, 10_000, 1_000_000):
        probabilities = rng.random(count)
        labels = rng.random(count) < probabilities
        errors.append(expected_calibration_error(probabilities, labels.astype(int)))
    # Each bin holds count / 10 patches, and its share misses by about sqrt(p (1 - p) / that).
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.002


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1), st.integers(1, 20))
def test_bounds(pairs, bins):
    probabilities, labels = (np.array(values) for values in zip(*pairs, strict=True))
    curve = reliability_curve(probabilities, labels, bins)
    assert curve.counts.sum() == len(pairs)
    error = curve_error(curve)
    assert 0 <= error <= 1
    # At least what is wrong on the whole: bins of opposite sign do not cancel.
    assert error >= abs(probabilities.mean() - labels.mean()) - 1e-9


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "told"),
    [
        ([0.5], [-1], 10, "`labels` must be 0 or 1"),
        ([1.5], [1], 10, r"must lie in \[0, 1\]"),
        ([np.nan], [1], 10, r"must lie in \[0, 1\]"),
        ([0.5], [1, 0], 10, "shape"),
        ([[0.5]], [[1]], 10, "shape"),
        ([0.5], [1], 0, "`num_bins` must be 1 or more"),
    ],
)
def test_what_cannot_be_scored_is_refused(probabilities, labels, bins, told):
    with pytest.raises(ValueError, match=told):
        reliability_curve(np.array(probabilities), np.array(labels), bins)
