import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.metrics import intervals, multilabel


def test_every_type_must_be_right():
    predicted = np.array([[1, 0], [1, 1], [0, 1]], bool)
    truth = np.array([[1, 0], [1, 0], [0, 1]], bool)
    assert multilabel.exactly_right(predicted, truth).tolist() == [True, False, True]
    assert multilabel.exactly_right(predicted[:0], truth[:0]).tolist() == []


def test_the_first_of_equal_types_is_the_best():
    probabilities = np.array([[0.5, 0.5], [0.2, 0.4], [0.1, 0.0]])
    labels = np.array([[0, 1], [0, 1], [1, 1]], np.int8)
    assert multilabel.best_type_right(probabilities, labels).tolist() == [False, True, True]


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_of_the_best_type_is_scikit_learns_on_single_labels(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, 50)
    labels = np.eye(4, dtype=np.int8)[truth]
    probabilities = np.round(rng.random((50, 4)), 1)  # with ties
    found = multilabel.best_type_right(probabilities, labels).mean()
    assert found == metrics.accuracy_score(truth, probabilities.argmax(axis=1))


def test_jaccard_index_by_hand():
    # Sets {0} and {0, 1}; {0, 1} and {1, 2}; {} and {}; {0} and {}.
    predicted = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    truth = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]], bool)
    assert multilabel.jaccard(predicted, truth) == pytest.approx([1 / 2, 1 / 3, 1, 0])


def test_loss_is_minus_log_of_the_probability_of_the_truth():
    losses = multilabel.cross_entropies(
        np.array([[0.25, 0.25, 0.25], [1.0, 1.0, 0.0]], np.float32),
        np.array([[1, 0, -1], [1, 0, 1]], np.int8),
    )
    np.testing.assert_allclose(losses[0], [np.log(4), np.log(4 / 3), np.nan])
    # Certain and wrong costs much, but not infinitely much.
    np.testing.assert_allclose(losses[1], [0, np.log(1e7), np.log(1e7)], rtol=1e-6)


def test_hardest_first_without_the_unknown():
    losses = np.array([0.5, np.nan, 2.0, 1.0, 2.0])
    assert multilabel.hardest(losses, 3).tolist() == [2, 4, 3]
    assert multilabel.hardest(losses, 9).tolist() == [2, 4, 3, 0]
    assert multilabel.hardest(losses[:1], 1).tolist() == [0]
    assert multilabel.hardest(losses[1:2], 1).tolist() == []
    assert multilabel.hardest(losses[:0], 1).tolist() == []


def test_auc_counts_pairs_and_halves_ties():
    # Pairs (positive, negative): 0.8 > 0.4, 0.8 > 0.1, 0.4 = 0.4 (half), 0.4 > 0.1.
    assert multilabel.roc_auc(
        np.array([1, 1, 0, 0]), np.array([0.8, 0.4, 0.4, 0.1])
    ) == pytest.approx(3.5 / 4)


@pytest.mark.parametrize("labels", [[], [1], [0, 0]])
def test_one_class_has_no_auc(labels):
    assert multilabel.roc_auc(np.array(labels), np.linspace(0, 1, len(labels))) is None


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
