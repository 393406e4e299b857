"""Calibration and gradient boosting in TensorFlow answer what their NumPy twins answer."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier

from rbc_tf.classification import abnormality
from rbc_tf.classification.calibration import Calibration
from rbc_tf.inference.serving import graph

_NAMES = ("a", "b", "c")


def _outputs(count):
    return np.random.default_rng(0).random((count, len(_NAMES))).astype(np.float32)


@settings(max_examples=30)
@given(
    outputs=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20),
    temperature=st.floats(0.1, 10),
)
def test_calibration(outputs, temperature):
    # The second type keeps its temperature of 1, which must leave outputs as they are.
    outputs = np.repeat(np.array(outputs, np.float32)[:, None], 2, axis=1)
    calibration = Calibration((temperature, 1.0), (0.5, 0.5))
    found = graph.calibrated_probabilities(calibration, tf.constant(outputs)).numpy()
    np.testing.assert_allclose(found, calibration.apply(outputs), atol=1e-7)
    np.testing.assert_array_equal(found[:, 1], outputs[:, 1])
    np.testing.assert_array_equal(found[:, 0] > 0.5, outputs[:, 0] > 0.5)


@pytest.mark.parametrize("count", [0, 1, 2, 500])
@pytest.mark.parametrize("depth", [1, 3, 8])
def test_trees_of_scikit_learn(count, depth):
    known = _outputs(300)
    truth = (known[:, 0] + known[:, 1] * known[:, 2] > 0.8).astype(int)
    boosting = GradientBoostingClassifier(n_estimators=20, max_depth=depth, random_state=0)
    model = abnormality.from_scikit_learn(boosting.fit(known, truth), _NAMES)
    assert 1 <= model.depth <= depth
    outputs = np.random.default_rng(1).random((count, 3)).astype(np.float32)
    found = graph.abnormal_probability(model, tf.constant(outputs)).numpy()
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, model.predict(outputs), atol=1e-14)
    if count:
        np.testing.assert_allclose(found, boosting.predict_proba(outputs)[:, 1], atol=1e-12)


def test_an_output_at_a_threshold_goes_left_and_shallow_leaves_stay():
    # Node 0: a <= 0.25 -> leaf 1 (-1); else node 2: b <= 0.1 -> leaf 3 (1), else leaf 4 (2).
    # 0.1 is no float32: float32(0.1) lies above it and goes right.
    model = abnormality.AbnormalityModel(
        names=_NAMES,
        baseline=0.5,
        learning_rate=2.0,
        roots=[0],
        feature=[0, 0, 1, 0, 0],
        threshold=[0.25, 0, 0.1, 0, 0],
        left=[1, -1, 3, -1, -1],
        right=[2, -1, 4, -1, -1],
        value=[0.0, -1.0, 0.0, 1.0, 2.0],
    )
    assert model.depth == 2
    outputs = tf.constant([[0.25, 0.9, 0.0], [0.26, 0.09, 0.0], [0.26, 0.1, 0.0]])
    found = graph.abnormal_probability(model, outputs).numpy()
    np.testing.assert_allclose(found, 1 / (1 + np.exp([1.5, -2.5, -4.5])))


def test_no_tree_answers_the_baseline():
    none = {key: [] for key in ("roots", "feature", "threshold", "left", "right", "value")}
    model = abnormality.AbnormalityModel(_NAMES, baseline=-1.0, learning_rate=0.0, **none)
    assert model.depth == 0
    found = graph.abnormal_probability(model, tf.constant(_outputs(3))).numpy()
    np.testing.assert_allclose(found, np.full(3, 1 / (1 + np.e)))
