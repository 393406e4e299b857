"""Training one network of one cell type to its end: its best epoch by its own patience."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from rbc_tf.classification.head_scores import masked_losses
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.classification.network_steps import NetworkState
from rbc_tf.core.types import PRESENT, UNKNOWN


@dataclasses.dataclass(frozen=True, eq=False)
class Epoch:
    """What an epoch, numbered from 1, left behind.

    Attributes:
        number: 1 and up.
        rows, train_logits: int [N] and float32 [N], the training rows in the order they were
            learnt, and what the network said of each before.
        validation_logits: float32 [M].
    """

    number: int
    rows: np.ndarray
    train_logits: np.ndarray
    validation_logits: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """Weights of the epoch that is kept, as `NetworkState` gives them.

    Attributes:
        weights: of that epoch.
        epoch: its number, from 1; 0 where no loss was ever finite: the initial weights.
        validation_loss: cross-entropy there; NaN where nothing is known.
        validation_logits: float32 [M] there.
    """

    weights: list[np.ndarray]
    epoch: int
    validation_loss: float
    validation_logits: np.ndarray


def train_network(
    weights: Sequence[np.ndarray],
    features: tf.Tensor,
    labels: np.ndarray,
    validation_features: tf.Tensor,
    validation_labels: np.ndarray,
    config: HeadsConfig,
    tell: Callable[[Epoch], None],
) -> TrainedNetwork:
    """Trains from initial weights.

    The order of rows depends on the seed and the number of the epoch alone: all networks see the
    same batches.

    Args:
        weights: as `NetworkState` takes them.
        features, validation_features: float32 [N, D] and [M, D].
        labels, validation_labels: int8 [N] and [M]; where nothing is known of the latter, the
            network is trained for `max_epochs` and its last weights are kept.
        config: settings.
        tell: called after each epoch; training ends with what it raises.
    """
    state = NetworkState(weights)
    present, known = (
        tf.constant(values, tf.float32) for values in (labels == PRESENT, labels != UNKNOWN)
    )
    validated = (validation_labels != UNKNOWN).any()
    best = TrainedNetwork(list(weights), 0, np.inf, np.full(len(validation_labels), np.nan))
    for number in range(1, config.max_epochs + 1):
        rows = np.random.default_rng([config.seed, number]).permutation(len(labels))
        train_logits = state.run_epoch(
            features, present, known, rows, config.batch_size, config.learning_rate, config.l2
        )
        logits = state.logits(validation_features)
        (loss,) = masked_losses(validation_labels[:, None], logits[:, None])
        if loss < best.validation_loss or not validated:
            best = TrainedNetwork(state.weights(), number, loss, logits)
        tell(Epoch(number, rows, train_logits, logits))
        if number - best.epoch >= config.patience:
            break
    return best
