"""Trainings that diverge end with a reason, before anything is made of what they have become."""

import math


class DivergedError(ValueError):
    """A loss is no number any more."""


def check_loss(loss: float, where: str) -> None:
    """Raises DivergedError where a loss is not finite; `where` says of which step or epoch."""
    if not math.isfinite(loss):
        raise DivergedError(
            f"The loss must be a finite number. Received: {loss} in {where}: the training has "
            "diverged. Try a lower learning rate, and look at the data with rbc_tf check-dataset"
        )
