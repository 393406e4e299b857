import numpy as np

from rbc_tf.metrics.hardness import cross_entropies, hardest


def test_loss_is_minus_log_of_what_the_truth_was_given():
    losses = cross_entropies(
        np.array([[0.25, 0.25, 0.25], [1.0, 1.0, 0.0]], np.float32),
        np.array([[1, 0, -1], [1, 0, 1]], np.int8),
    )
    np.testing.assert_allclose(losses[0], [np.log(4), np.log(4 / 3), np.nan])
    # Certain and wrong costs much, but not infinitely much.
    np.testing.assert_allclose(losses[1], [0, np.log(1e7), np.log(1e7)], rtol=1e-6)


def test_hardest_first_without_the_unknown():
    losses = np.array([0.5, np.nan, 2.0, 1.0, 2.0])
    assert hardest(losses, 3).tolist() == [2, 4, 3]
    assert hardest(losses, 9).tolist() == [2, 4, 3, 0]
    assert hardest(losses[:1], 1).tolist() == [0]
    assert hardest(losses[1:2], 1).tolist() == []
    assert hardest(losses[:0], 1).tolist() == []
