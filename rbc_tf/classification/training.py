"""Training the heads, one network per cell type, each to its own end and several at a time.

They share no weight, and every head sees the same batches, keeps the weights of its own best epoch
and stops by its own patience. Each is trained by itself (`head_training` explains why), and beside
others only where there are more cores than one keeps busy.

Features fit in memory by design: 2048 of 100,000 patches take 820 MB, and once more as the tensor
that all heads of a training read. State of a head (12 MB in the paper) exists only while it
is in training, its best weights (4 MB) from then on.

Labels that are unknown are left out of the loss of their type (patches of which not all cells are
labelled).
"""

import dataclasses
import os
import pathlib
import threading
from collections.abc import Callable, Sequence
from concurrent import futures

import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from rbc_tf.classification.curves import Curves
from rbc_tf.classification.head_training import Epoch, TrainedHead, num_blocks, train_head
from rbc_tf.classification.heads import HEADS_LAYER, HeadsConfig, build_heads
from rbc_tf.core.keras_settings import keras
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN, FeatureTable
from rbc_tf.metrics.multilabel import known_auc

# What became of a head.
TRAINED = "trained"
NEVER_PRESENT = "never_present"
NOT_VALIDATED = "not_validated"

# Logit of a type that training never showed: a probability of 0.00005.
_NEVER = -10.0


@dataclasses.dataclass(frozen=True)
class HeadReport:
    """How one head was trained.

    Attributes:
        name: the cell type.
        status: 'trained'; 'never_present' (no patch to train on has the type: the head is set
            to predict a probability near 0 always); 'not_validated' (of no validation patch is it
            known whether it has the type: trained for `max_epochs`, last weights kept).
        epoch: the epoch, from 1, whose weights are kept; 0 where it was not trained.
        train_counts, validation_counts: patches with the type present, absent and unknown.
        validation_loss: cross-entropy at that epoch, None where not validated.
        validation_auc: area under the ROC curve, None unless both classes are there.
    """

    name: str
    status: str
    epoch: int
    train_counts: tuple[int, int, int]
    validation_counts: tuple[int, int, int]
    validation_loss: float | None = None
    validation_auc: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedHeads:
    """The model (features [N, D] -> probabilities [N, T]) and a report per head."""

    model: keras.Model
    reports: tuple[HeadReport, ...]


def one_core_per_operation() -> None:
    """Lets TensorFlow run each operation on one core, and several operations beside each other.

    That is how `train_heads` is fastest. For a program that does little else, before TensorFlow
    runs anything; later it changes nothing.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        logging.info("TensorFlow runs already: its threads stay as they are.")


def train_heads(
    train: FeatureTable,
    validation: FeatureTable,
    names: Sequence[str],
    config: HeadsConfig,
    log_dir: str | pathlib.Path | None = None,
) -> TrainedHeads:
    """Trains one head per cell type; the same result for the same inputs on the same machine.

    Args:
        train: what to learn from.
        validation: what decides when to stop; it should share no group with `train`.
        names: T names of the cell types, in the order of the labels.
        config: settings.
        log_dir: where curves for TensorBoard go (loss and ROC-AUC per type, train/ and
            validation/, and every ten epochs precision against recall); none where None.

    Raises:
        ValueError: no rows to train on, or names and labels disagree.
    """
    if not len(train):
        raise ValueError("`train` must have one row or more. Received: none")
    for part, table in (("train", train), ("validation", validation)):
        if table.labels.shape[1] != len(names):
            raise ValueError(
                f"`{part}` must have one label per name, {len(names)}. "
                f"Received: {table.labels.shape[1]} labels"
            )
    model = build_heads(names, train.features.shape[1], config, train.features)
    _warn(names, train, validation)
    layer = model.get_layer(HEADS_LAYER)
    initial = [weight.numpy() for weight in _weights(layer)]
    # The axis of the heads is the second of the hidden kernels and the first of all others.
    initial[0] = initial[0].swapaxes(0, 1)
    inputs = keras.Model(model.input, layer.input)  # standardised where asked for
    features = inputs(train.features), inputs(validation.features)

    def train_one(head: int, on_epoch: Callable[[Epoch], None]) -> TrainedHead | None:
        labels = train.labels[:, head]
        if not (labels == PRESENT).any():
            return None
        weights = [np.array(weight[head], order="C") for weight in initial]
        stopping = validation.labels[:, head]
        return train_head(weights, features[0], labels, features[1], stopping, config, on_epoch)

    with _Progress(train, validation, names, config.max_epochs, Curves(log_dir)) as progress:
        at_once = max(1, (os.cpu_count() or 1) // num_blocks(initial[0][0]))
        heads = _train_side_by_side(train_one, len(names), at_once, progress)
    _assign(layer, heads)
    reports = (
        _report(name, head, train.labels[:, t], validation.labels[:, t])
        for t, (name, head) in enumerate(zip(names, heads, strict=True))
    )
    return TrainedHeads(model, tuple(reports))


class _Progress:
    """Bar and curves of heads that are trained in several threads."""

    def __init__(self, train, validation, names, max_epochs: int, curves: Curves):
        self._labels = train.labels, validation.labels
        self._names, self._max_epochs, self._curves = names, max_epochs, curves
        self._lock = threading.Lock()
        self._stopped = False
        self._bar = tqdm(total=len(names) * max_epochs, desc="Training", unit="epoch")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def stop(self) -> None:
        """Lets all heads end after the epoch that they are in."""
        self._stopped = True

    def on_epoch(self, head: int, epoch: Epoch) -> None:
        if self._stopped:
            raise futures.CancelledError
        train, validation = (labels[:, head] for labels in self._labels)
        with self._lock:
            self._bar.update()
            self._curves.write(
                self._names[head],
                epoch.number,
                (train[epoch.rows], epoch.train_logits),
                (validation, epoch.validation_logits),
            )

    def finish(self, epochs: int) -> None:
        """A head ended after some epochs: the others that it might have had do not come."""
        with self._lock:
            self._bar.total -= self._max_epochs - epochs
            self._bar.refresh()


def _train_side_by_side(
    train_one: Callable, num_heads: int, at_once: int, progress: _Progress
) -> list[TrainedHead | None]:
    def run(head: int) -> TrainedHead | None:
        last = 0

        def on_epoch(epoch: Epoch) -> None:
            nonlocal last
            last = epoch.number
            progress.on_epoch(head, epoch)

        trained = train_one(head, on_epoch)
        progress.finish(last)
        return trained

    with futures.ThreadPoolExecutor(min(num_heads, at_once)) as pool:
        try:
            return list(pool.map(run, range(num_heads)))
        except BaseException:
            progress.stop()
            raise


def _weights(layer) -> list:
    return [layer.hidden_kernel, layer.hidden_bias, layer.output_kernel, layer.output_bias]


def _assign(layer, heads: Sequence[TrainedHead | None]) -> None:
    """Puts the weights in place; a head that never saw its type predicts 'absent'."""
    for index, weight in enumerate(_weights(layer)):
        axis = 1 if index == 0 else 0
        shape = np.delete(weight.shape, axis)
        values = [np.zeros(shape) if h is None else h.weights[index] for h in heads]
        weight.assign(np.stack(values, axis=axis))
    never = [head is None for head in heads]
    layer.output_bias.assign(np.where(never, _NEVER, layer.output_bias.numpy()))


def _report(
    name: str, head: TrainedHead | None, train: np.ndarray, validation: np.ndarray
) -> HeadReport:
    """Of the head of labels int8 [N] and [M]."""
    counts = {"train_counts": _counts(train), "validation_counts": _counts(validation)}
    if head is None:
        return HeadReport(name=name, status=NEVER_PRESENT, epoch=0, **counts)
    return HeadReport(
        name=name,
        status=TRAINED if (validation != UNKNOWN).any() else NOT_VALIDATED,
        epoch=head.epoch,
        validation_loss=_number_or_none(head.validation_loss),
        validation_auc=known_auc(validation, head.validation_logits) if head.epoch else None,
        **counts,
    )


def _counts(labels: np.ndarray) -> tuple[int, int, int]:
    return tuple(int((labels == value).sum()) for value in (PRESENT, ABSENT, UNKNOWN))


def _number_or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _warn(names: Sequence[str], train: FeatureTable, validation: FeatureTable) -> None:
    for head, name in enumerate(names):
        present, absent, _ = _counts(train.labels[:, head])
        if not present:
            logging.warning(
                "No patch to train on has cell type %s: the model will never find it.", name
            )
        elif not absent:
            logging.warning("Every patch to train on has cell type %s or may have it.", name)
        present, absent, _ = _counts(validation.labels[:, head])
        if not present or not absent:
            logging.warning(
                "Validation has %d patches with cell type %s and %d without: when to stop its "
                "training is poorly known.",
                present,
                name,
                absent,
            )
