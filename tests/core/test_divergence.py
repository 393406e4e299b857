"""A loss that is no number ends a training."""

import pytest

from rbc_tf.core import divergence


def test_finite_losses_pass():
    for loss in (0.0, 1e30, -2.0):
        divergence.check_loss(loss, "step 3")


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_others_do_not(loss):
    with pytest.raises(divergence.DivergedError, match=f"Received: {loss} in step 3"):
        divergence.check_loss(loss, "step 3")
