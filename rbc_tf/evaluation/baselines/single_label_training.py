"""Training the single-label network on patches of one cell each."""

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import numpy as np
from absl import logging
from tqdm import tqdm

from rbc_tf.core import divergence, files
from rbc_tf.core.keras_settings import keras
from rbc_tf.evaluation.baselines.augmentation import turn
from rbc_tf.evaluation.baselines.single_label_cnn import (
    SingleLabelCNN,
    SingleLabelCNNConfig,
    build_single_label_cnn,
)


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledPatches:
    """Patches uint8 [N, S, S, 3] RGB and the place int [N] of the one type of each."""

    patches: np.ndarray
    types: np.ndarray

    def __post_init__(self):
        if len(self.patches) != len(self.types):
            raise ValueError(
                "`patches` and `types` must be equally many. "
                f"Received: {len(self.patches)} and {len(self.types)}"
            )

    def __len__(self) -> int:
        return len(self.types)


@dataclasses.dataclass(frozen=True)
class SingleLabelReport:
    """How a training went.

    Attributes:
        losses, validation_losses, validation_accuracies: of each epoch; losses not weighted by
            type in validation.
        epoch: the epoch, from 1, whose weights are kept.
        seconds: time of the whole training.
    """

    losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    validation_accuracies: tuple[float, ...]
    epoch: int
    seconds: float


def train_single_label_cnn(
    train: LabelledPatches,
    validation: LabelledPatches,
    names: Sequence[str],
    config: SingleLabelCNNConfig,
    output_path: str | pathlib.Path,
) -> SingleLabelReport:
    """Trains a network and saves it as a `.keras` file, which `SingleLabelCNN.load` reads.

    Args:
        train: what to train on, turned and flipped by chance each time.
        validation: what decides when to stop, of other groups; the epoch of the lowest loss on
            it is kept.
        names: T names of the types, in the order that the places count.
        config: size and settings.
        output_path: where the network goes.

    Raises:
        ValueError: nothing to train on or to stop by.
        DivergedError: the loss is no number any more.
    """
    if not len(train) or not len(validation):
        raise ValueError(
            "Patches to train on and to validate on are required. "
            f"Received: {len(train)} and {len(validation)}"
        )
    start = time.monotonic()
    network = build_single_label_cnn(names, config)
    network.model.compile(
        keras.optimizers.Adam(config.learning_rate),
        loss="sparse_categorical_crossentropy",
        jit_compile=False,
    )
    weights = type_weights(train.types, len(names)) if config.balanced else np.ones(len(names))
    losses, validated, accuracies, best = [], [], [], None
    for epoch in tqdm(range(config.max_epochs), desc="Training single-label CNN", unit="epoch"):
        losses.append(_run_epoch(network, train, weights, config, epoch))
        divergence.check_loss(losses[-1], f"epoch {epoch + 1}")
        loss, accuracy = _validate(network, validation)
        logging.info("Epoch %d: loss %.4f, validation %.4f.", epoch + 1, losses[-1], loss)
        if best is None or loss < min(validated):
            best = epoch + 1, network.model.get_weights()
        validated.append(loss)
        accuracies.append(accuracy)
        if epoch + 1 - best[0] >= config.patience:
            break
    network.model.set_weights(best[1])
    with files.atomic_path(output_path) as temporary:
        network.model.save(temporary)
    return SingleLabelReport(
        losses=tuple(losses),
        validation_losses=tuple(validated),
        validation_accuracies=tuple(accuracies),
        epoch=best[0],
        seconds=time.monotonic() - start,
    )


def type_weights(types: np.ndarray, num_types: int) -> np.ndarray:
    """float64 [T], inverse to how often each type occurs, 1 on average over the patches.

    A type that never occurs has 0.
    """
    counts = np.bincount(types, minlength=num_types)
    seen = counts > 0
    return np.where(seen, len(types) / (seen.sum() * np.maximum(counts, 1)), 0.0)


def _run_epoch(
    network: SingleLabelCNN,
    train: LabelledPatches,
    weights: np.ndarray,
    config: SingleLabelCNNConfig,
    epoch: int,
) -> float:
    """The mean loss of one pass over the patches."""
    generator = np.random.default_rng([config.seed, epoch])
    order = generator.permutation(len(train))
    starts = range(0, len(order), config.batch_size)
    losses = []
    for start in tqdm(starts, desc="steps", unit="step", leave=False):
        rows = order[start : start + config.batch_size]
        patches = turn(train.patches[rows], generator).astype(np.float32)
        types = train.types[rows]
        losses.append(network.model.train_on_batch(patches, types, weights[types]))
    return float(np.mean(losses))


def _validate(network: SingleLabelCNN, validation: LabelledPatches) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    probabilities = network.predict(validation.patches)
    of_truth = probabilities[np.arange(len(validation)), validation.types]
    loss = -np.log(np.maximum(of_truth, keras.config.epsilon())).mean()
    return float(loss), float((probabilities.argmax(axis=1) == validation.types).mean())
