"""Trainings that diverge end with a reason, before anything is made of what they have become."""

import math
from collections.abc import Iterable

import numpy as np

_REASON = (
    "the training has diverged. Try a lower learning rate, and look at the data with rbc_tf "
    "check-dataset"
)


class DivergedError(ValueError):
    """A loss or a weight is no number any more."""


def check_loss(loss: float, where: str) -> None:
    """Raises DivergedError where a loss is not finite; `where` says of which step or epoch."""
    if not math.isfinite(loss):
        raise DivergedError(
            f"The loss must be a finite number. Received: {loss} in {where}: {_REASON}"
        )


def check_weights(weights: Iterable[np.ndarray], where: str) -> None:
    """As `check_loss`, for a network whose rectifiers may make 0 of what is no number.

    Some processors' do: the loss of such a network is finite.
    """
    if not all(np.isfinite(weight).all() for weight in weights):
        raise DivergedError(f"The weights must be finite numbers in {where}: {_REASON}")
