import numpy as np
import pytest

from rbc_tf.metrics.type_scores import TypeScores, score_type


def test_known_patches_are_scored():
    labels = np.array([1, 0, 1, 0, -1], np.int8)
    scores = score_type(labels, np.array([0.9, 0.8, 0.3, 0.1, 1.0]), threshold=0.5)
    # Of the four pairs one present patch, 0.3, ranks below an absent one, 0.8. Average precision:
    # recall 1/2 at precision 1/1, and 1/2 more at precision 2/3.
    assert (scores.present, scores.absent) == (2, 2)
    assert scores.auc == pytest.approx(3 / 4)
    assert scores.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert (scores.precision, scores.recall) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], TypeScores(0, 0, None, None, None, None)),
        ([-1], TypeScores(0, 0, None, None, None, None)),
        ([0], TypeScores(0, 1, None, None, 0.0, None)),
        ([1], TypeScores(1, 0, None, 1.0, 1.0, 1.0)),
    ],
)
def test_what_is_not_defined_is_none(labels, expected):
    labels = np.array(labels, np.int8)
    assert score_type(labels, np.full(len(labels), 0.7), threshold=0.5) == expected


def test_a_type_is_named_above_its_threshold_only():
    scores = score_type(np.array([1, 1], np.int8), np.array([0.5, 0.6]), threshold=0.5)
    assert scores.recall == 0.5
