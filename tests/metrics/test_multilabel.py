import numpy as np
import pytest

from rbc_tf.metrics import intervals, multilabel

HALF = np.array([0.5, 0.5])


def test_exact_match_wants_every_type_right():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.9], [0.5, 0.6]])
    labels = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.int8)  # 0.5 is not above 0.5
    scores = multilabel.score_multilabel(probabilities, labels, HALF)
    assert scores.exact_match == pytest.approx(2 / 3)
    assert scores.num_positive == (2, 1)


def test_auc_counts_pairs_and_halves_ties():
    # Pairs (positive, negative): 0.8 > 0.4, 0.8 > 0.1, 0.4 = 0.4 (half), 0.4 > 0.1.
    assert multilabel.roc_auc(
        np.array([1, 1, 0, 0]), np.array([0.8, 0.4, 0.4, 0.1])
    ) == pytest.approx(3.5 / 4)


def test_a_type_of_one_class_has_no_auc():
    probabilities = np.array([[0.9, 0.2], [0.4, 0.3]])
    labels = np.array([[1, 0], [0, 0]], dtype=np.int8)
    scores = multilabel.score_multilabel(probabilities, labels, HALF)
    assert scores.auc == (1.0, None)
    assert scores.mean_auc == 1.0


def test_no_region_makes_no_number():
    empty = np.zeros((0, 2))
    scores = multilabel.score_multilabel(empty, empty.astype(np.int8), HALF)
    assert np.isnan(scores.exact_match)
    assert np.isnan(scores.mean_auc)


def test_unknown_labels_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="complete"):
        multilabel.score_multilabel(np.zeros((1, 2)), np.array([[1, -1]], np.int8), HALF)
    with pytest.raises(ValueError, match="shape"):
        multilabel.score_multilabel(np.zeros((1, 2)), np.zeros((1, 3), np.int8), HALF)


def test_wilson_against_published_values():
    # Newcombe (1998), Table I, method 3: 81/263 -> 0.2553 to 0.3662, 0/20 -> 0 to 0.1611.
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert intervals.wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="between"):
        intervals.wilson(3, 2)


def test_cross_entropy_by_hand():
    labels = np.array([[1, 0, -1], [0, -1, -1]], np.int8)
    logits = np.array([[0.0, 0.0, 5.0], [np.log(3), 9.0, 5.0]])
    # Type 0: -ln 0.5 and -ln(1 - 3/4), so (ln 2 + ln 4) / 2 = 1.5 ln 2.
    # Type 1: the unknown row left out, ln 2. Type 2: nothing known.
    found = [multilabel.known_cross_entropy(labels[:, t], logits[:, t]) for t in range(3)]
    np.testing.assert_allclose(found, [1.5 * np.log(2), np.log(2), np.nan])


def test_auc_leaves_unknown_rows_out():
    scores = np.array([0.1, 0.4, 0.3, 0.9, 0.0])
    assert multilabel.known_auc(np.array([0, 1, 1, -1, -1], np.int8), scores) == 1
    # Pairs: 0.1 < 0.4, 0.1 > 0.0, 0.3 < 0.4, 0.3 > 0.0.
    assert multilabel.known_auc(np.array([1, 0, 1, -1, 0], np.int8), scores) == pytest.approx(2 / 4)
    assert multilabel.known_auc(np.array([1, 1, 1, -1, -1], np.int8), scores) is None
    assert multilabel.known_auc(np.array([-1] * 5, np.int8), scores) is None
