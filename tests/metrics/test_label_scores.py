"""Recall, precision and F1 of each type: by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.metrics.label_scores import score_labels


def test_by_hand():
    # Type 0: 2 have it, 1 of them found, 2 said. Type 1: none has it, 1 said. Type 2: 1 has it,
    # none said. Type 3: none and none.
    labels = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.int8)
    said = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
    scores = score_labels(said, labels)
    assert scores.recall == (0.5, None, 0, None)
    assert scores.precision == (0.5, 0, None, None)
    assert scores.f1 == (0.5, None, 0, None)


@pytest.mark.parametrize("seed", range(10))
def test_as_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((25, 5)) < rng.random(5) * 0.3).astype(np.int8)
    said = rng.random((25, 5)) < rng.random(5) * 0.3
    scores = score_labels(said, labels)
    precision, recall, f1, positive = metrics.precision_recall_fscore_support(
        labels, said, average=None, zero_division=np.nan
    )
    for found, expected in ((scores.precision, precision), (scores.recall, recall)):
        np.testing.assert_allclose(np.array(found, float), expected)
    # Where no region has a type scikit-learn gives an F1 of 0 as soon as one is said to.
    f1[positive == 0] = np.nan
    np.testing.assert_allclose(np.array(scores.f1, float), f1)


def test_no_region_makes_no_number():
    scores = score_labels(np.zeros((0, 2), bool), np.zeros((0, 2), np.int8))
    assert scores.recall == scores.precision == scores.f1 == (None, None)


def test_unknown_labels_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="complete"):
        score_labels(np.zeros((1, 2), bool), np.array([[1, -1]], np.int8))
    with pytest.raises(ValueError, match="shape"):
        score_labels(np.zeros((1, 2), bool), np.zeros((1, 3), np.int8))
