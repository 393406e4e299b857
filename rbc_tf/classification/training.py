"""Training the networks, one per cell type, all at once.

The result is that of training each alone: they share no weight, Adam works on each weight by
itself, the loss is the sum of one masked mean per network, every network sees the same batches, and
each keeps the weights of its own best epoch and stops by its own patience.

Labels that are unknown are left out of the loss of their type (patches of which not all cells are
labelled).
"""

import dataclasses
import gc
import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from scipy import special
from sklearn import metrics
from tqdm import tqdm

from rbc_tf import summaries
from rbc_tf.classification.heads import HEADS_LAYER, HeadsConfig, build_heads
from rbc_tf.types import ABSENT, PRESENT, UNKNOWN, FeatureTable

# What became of a head.
TRAINED = "trained"
NEVER_PRESENT = "never_present"
NOT_VALIDATED = "not_validated"

# Adam's other constants, the defaults of Keras and of its authors.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7

# A precision-recall curve takes a thousand times the room of a number.
_PR_CURVE_EPOCHS = 10

# Logit of a type that training never showed: a probability of 0.00005.
_NEVER = -10.0


@dataclasses.dataclass(frozen=True)
class HeadReport:
    """How one network was trained.

    Attributes:
        name: the cell type.
        status: 'trained'; 'never_present' (no patch to train on has the type: the network is set
            to answer a probability near 0 always); 'not_validated' (no validation patch says
            whether it has the type: trained for `max_epochs`, last weights kept).
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
    """The model (features [N, D] -> probabilities [N, T]) and a report per network."""

    model: keras.Model
    reports: tuple[HeadReport, ...]


def train_heads(
    train: FeatureTable,
    validation: FeatureTable,
    names: Sequence[str],
    config: HeadsConfig,
    log_dir: str | pathlib.Path | None = None,
) -> TrainedHeads:
    """Trains one network per cell type; the same result for the same inputs on the same machine.

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
    # Compiled functions hold the variables of earlier trainings in reference cycles: 100 MB each,
    # too few objects for Python to collect them by itself.
    gc.collect()
    model = build_heads(names, train.features.shape[1], config, train.features)
    stopping = _Stopping(train.labels, validation.labels, config.patience)
    _warn(names, train, validation)
    loop = _Loop(model, train, validation, config)
    curves = _Curves(log_dir, names)
    for epoch in tqdm(range(1, config.max_epochs + 1), desc="Training", unit="epoch"):
        if not stopping.active.any():
            break
        train_logits, rows = loop.run_epoch(epoch)
        validation_logits = loop.validation_logits()
        losses = masked_losses(validation.labels, validation_logits)
        loop.keep(stopping.update(epoch, losses, _aucs(validation.labels, validation_logits)))
        curves.write(epoch, train.labels[rows], train_logits, validation.labels, validation_logits)
    loop.finish(stopping.never_present)
    return TrainedHeads(model, stopping.reports(names, train, validation))


def masked_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """float64 [T], mean cross-entropy of each type over the rows where it is known; NaN if none."""
    logits = logits.astype(np.float64)
    entropies = np.logaddexp(0, logits) - logits * (labels == PRESENT)
    known = labels != UNKNOWN
    counts = known.sum(axis=0)
    sums = np.where(known, entropies, 0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)


class _Stopping:
    """Which network keeps which epoch, and which are still in training."""

    def __init__(self, train_labels: np.ndarray, validation_labels: np.ndarray, patience: int):
        self._patience = patience
        self.never_present = ~(train_labels == PRESENT).any(axis=0)
        self.validated = (validation_labels != UNKNOWN).any(axis=0)
        self.active = ~self.never_present
        heads = train_labels.shape[1]
        self._epoch = np.zeros(heads, int)
        self._loss = np.full(heads, np.inf)
        self._auc = np.full(heads, np.nan)

    def update(self, epoch: int, losses: np.ndarray, aucs: np.ndarray) -> np.ndarray:
        """bool [T], the networks whose present weights are the best so far."""
        better = self.active & ((losses < self._loss) | ~self.validated)
        self._epoch[better] = epoch
        self._loss[better] = losses[better]
        self._auc[better] = aucs[better]
        self.active &= epoch - self._epoch < self._patience
        return better

    def reports(self, names, train: FeatureTable, validation: FeatureTable) -> tuple:
        found = []
        for head, name in enumerate(names):
            status = TRAINED if self.validated[head] else NOT_VALIDATED
            found.append(
                HeadReport(
                    name=name,
                    status=NEVER_PRESENT if self.never_present[head] else status,
                    epoch=int(self._epoch[head]),
                    train_counts=_counts(train.labels[:, head]),
                    validation_counts=_counts(validation.labels[:, head]),
                    validation_loss=_number_or_none(self._loss[head]),
                    validation_auc=_number_or_none(self._auc[head]),
                )
            )
        return tuple(found)


class _Loop:
    """The weights, Adam's state and the best weights so far, stepped by compiled functions."""

    def __init__(self, model, train: FeatureTable, validation: FeatureTable, config: HeadsConfig):
        self._config = config
        self._layer = model.get_layer(HEADS_LAYER)
        inputs = keras.Model(model.input, self._layer.input)  # standardised where asked for
        self._features = inputs(train.features)
        self._validation_features = inputs(validation.features)
        self._labels = tf.constant(train.labels)
        layer = self._layer
        kernels = [layer.hidden_kernel.value, layer.output_kernel.value]
        self._weights = [*kernels, layer.hidden_bias.value, layer.output_bias.value]
        self._decays = [2 * config.l2, 2 * config.l2, 0.0, 0.0]  # gradient of l2 * sum(kernel^2)
        self._first_moments = [tf.Variable(tf.zeros_like(w)) for w in self._weights]
        self._second_moments = [tf.Variable(tf.zeros_like(w)) for w in self._weights]
        self._best = [tf.Variable(w) for w in self._weights]
        self._step = tf.Variable(0, dtype=tf.int64)

    def run_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """One pass over the training rows.

        Returns:
            float32 [N, T] logits, each made before its batch was learnt, and int [N] their rows.
        """
        order = np.random.default_rng([self._config.seed, epoch]).permutation(len(self._labels))
        return self._run_epoch(tf.constant(order, tf.int32)).numpy(), order

    def validation_logits(self) -> np.ndarray:
        return keras.ops.convert_to_numpy(self._layer(self._validation_features))

    @tf.function
    def keep(self, better) -> None:
        """Takes the present weights of the networks bool [T] as their best."""
        for best, weight in zip(self._best, self._weights, strict=True):
            best.assign(tf.where(self._per_head(better, weight), weight, best))

    def finish(self, never_present: np.ndarray) -> None:
        """Puts the best weights in place, and networks that never saw their type to 'no'."""
        for best, weight in zip(self._best, self._weights, strict=True):
            weight.assign(tf.where(self._per_head(never_present, weight), 0.0, best))
        bias = self._layer.output_bias
        bias.assign(tf.where(never_present, _NEVER, bias.value))

    def _per_head(self, values, weight: tf.Variable):
        """Values [T] in a shape that spreads over a weight, whose axis of networks has length T."""
        axis = 1 if weight is self._weights[0] else 0
        shape = [-1 if i == axis else 1 for i in range(len(weight.shape))]
        return tf.reshape(values, shape)

    @tf.function
    def _run_epoch(self, order: tf.Tensor) -> tf.Tensor:
        size = self._config.batch_size
        steps = -(-tf.shape(order)[0] // size)
        logits = tf.TensorArray(tf.float32, steps, element_shape=[None, len(self._layer.names)])
        for step in tf.range(steps):
            rows = order[step * size : (step + 1) * size]
            logits = logits.write(step, self._learn(rows))
        return logits.concat()

    def _learn(self, rows: tf.Tensor) -> tf.Tensor:
        """One step of Adam on a batch; the logits float32 [B, T] before it."""
        labels = tf.gather(self._labels, rows)
        known = tf.cast(labels != UNKNOWN, tf.float32)
        with tf.GradientTape() as tape:
            logits = self._layer(tf.gather(self._features, rows))
            present = tf.cast(labels == PRESENT, tf.float32)
            entropies = tf.nn.sigmoid_cross_entropy_with_logits(present, logits)
            # A mean per network, then their sum: no network weighs on the gradient of another.
            counts = tf.maximum(tf.reduce_sum(known, axis=0), 1)
            loss = tf.reduce_sum(tf.reduce_sum(entropies * known, axis=0) / counts)
        gradients = tape.gradient(loss, self._weights)
        self._step.assign_add(1)
        self._apply_adam(gradients)
        return logits

    def _apply_adam(self, gradients: Sequence[tf.Tensor]) -> None:
        # The fused kernel passes over the weights once; a Keras optimizer does so a dozen times,
        # which took longer than the matrix products.
        step = tf.cast(self._step, tf.float32)
        for weight, first, second, gradient, decay in zip(
            self._weights,
            self._first_moments,
            self._second_moments,
            gradients,
            self._decays,
            strict=True,
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=_BETA_1**step,
                beta2_power=_BETA_2**step,
                lr=self._config.learning_rate,
                beta1=_BETA_1,
                beta2=_BETA_2,
                epsilon=_EPSILON,
                grad=gradient + decay * weight if decay else gradient,
            )


class _Curves:
    """Loss, ROC-AUC and now and then precision against recall per type, for TensorBoard.

    Nothing where there is no folder.
    """

    def __init__(self, log_dir: str | pathlib.Path | None, names: Sequence[str]):
        self._names = names
        self._writers = {}
        if log_dir is not None:
            for part in ("train", "validation"):
                folder = str(pathlib.Path(log_dir) / part)
                self._writers[part] = tf.summary.create_file_writer(folder)

    def write(self, epoch, train_labels, train_logits, validation_labels, validation_logits):
        if not self._writers:
            return
        self._write_part("train", epoch, train_labels, train_logits)
        self._write_part("validation", epoch, validation_labels, validation_logits)
        if epoch == 1 or epoch % _PR_CURVE_EPOCHS == 0:
            self._write_pr_curves(epoch, validation_labels, validation_logits)

    def _write_pr_curves(self, epoch: int, labels: np.ndarray, logits: np.ndarray) -> None:
        outputs = special.expit(logits)
        with self._writers["validation"].as_default():
            for head, name in enumerate(self._names):
                summaries.write_pr_curve(f"types/{name}", labels[:, head], outputs[:, head], epoch)

    def _write_part(self, part: str, epoch: int, labels: np.ndarray, logits: np.ndarray) -> None:
        with self._writers[part].as_default(step=epoch):
            for tag, values in (
                ("loss", masked_losses(labels, logits)),
                ("auc", _aucs(labels, logits)),
            ):
                for name, value in zip(self._names, values, strict=True):
                    if np.isfinite(value):
                        tf.summary.scalar(f"{tag}/{name}", value)
        self._writers[part].flush()


def _aucs(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """float64 [T], area under the ROC curve of each type; NaN unless both classes are known."""
    found = np.full(labels.shape[1], np.nan)
    for head in range(labels.shape[1]):
        known = labels[:, head] != UNKNOWN
        truth = labels[known, head] == PRESENT
        if truth.any() and not truth.all():
            found[head] = metrics.roc_auc_score(truth, logits[known, head])
    return found


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
