import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from rbc_tf.features.masked_loss import masked_cross_entropy, positive_weights, score_logits
from tests import builders


def test_rare_types_weigh_more_up_to_the_limit():
    labels = np.zeros((101, 4), np.int8)
    labels[:1, 0] = 1  # 1 to 100: sqrt(100) = 10, cut to 5
    labels[:20, 1] = 1  # 20 to 81: sqrt(81 / 20) = 2.01
    labels[:90, 2] = 1  # more positives than negatives: 1
    labels[:, 3] = -1  # nothing known: nothing to weigh
    expected = [5, np.sqrt(81 / 20), 1, 1]
    np.testing.assert_allclose(positive_weights(labels, 5), expected, rtol=1e-6)


def test_loss_by_hand():
    # At logit 0 each label costs ln 2. Row 0: a positive of weight 3 and a negative: 4 ln 2.
    # Row 1: the positive is unknown, the other is a certain and right negative: about 0.
    loss = masked_cross_entropy(np.array([3, 1], np.float32))
    labels = np.array([[1, 0], [-1, 0]], np.float32)
    logits = np.array([[0, 0], [9, -30]], np.float32)
    found = keras.ops.convert_to_numpy(loss(keras.ops.convert_to_tensor(labels), logits))
    np.testing.assert_allclose(found, [4 * np.log(2), 0], atol=1e-6)


@hypothesis.given(st.integers(0, 2**31))
@hypothesis.settings(max_examples=20)
def test_loss_without_weights_and_unknowns_is_that_of_keras(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (5, 3)).astype(np.float32)
    logits = rng.normal(0, 5, (5, 3)).astype(np.float32)
    found = masked_cross_entropy(np.ones(3, np.float32))(
        keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(logits)
    )
    expected = keras.ops.binary_crossentropy(labels, logits, from_logits=True)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found),
        keras.ops.convert_to_numpy(expected).sum(axis=-1),
        rtol=1e-5,
        atol=1e-6,
    )


def test_rows_weigh_as_often_as_they_are_seen():
    labels = np.array([[1], [0], [0]], np.int8)
    # One row of three is present, then two of four: sqrt(2 / 1) and sqrt(2 / 2).
    assert positive_weights(labels, 5) == pytest.approx(np.sqrt(2))
    assert positive_weights(labels, 5, np.array([2.0, 1, 1])) == pytest.approx(1)


def _archive(labels):
    count = len(labels)
    patches = np.zeros((count, 32, 32, 3), np.uint8)
    return builders.patch_archive(patches, labels, "xyz")


def test_scores_by_hand():
    labels = np.array([[1, 0, 0], [0, -1, 0], [1, 1, 0], [0, 1, 0]], np.int8)
    logits = np.array([[2, 0, 0], [1, 9, 0], [0, 1, 0], [-1, -1, 0]], np.float32)
    scores = score_logits(logits, _archive(labels), np.ones(3, np.float32))
    # x: of the 4 pairs (2 > 1, 2 > -1, 0 < 1, 0 > -1) three are right. y: known are 0, 1, 1 with
    # logits 0, 1, -1: one pair of two. z: no positive.
    assert scores["auc"] == {"x": 0.75, "y": 0.5, "z": None}
    assert scores["mean_auc"] == pytest.approx(0.625)
    # Known labels cost softplus(-logit) where present, softplus(logit) where absent.
    costs = [np.logaddexp(0, -v) for v in (2, 0, 1, -1)] + [np.logaddexp(0, v) for v in (1, -1, 0)]
    expected = (sum(costs) + 4 * np.log(2)) / 4
    assert scores["validation_loss"] == pytest.approx(expected, rel=1e-6)


def test_nothing_to_tell_apart_has_no_mean():
    scores = score_logits(np.zeros((1, 3)), _archive(np.ones((1, 3), np.int8)), np.ones(3))
    assert scores["mean_auc"] is None
