"""Training one head, the network of one cell type, to its end: its best epoch by its own patience.

A head of the paper has a million weights and learns from 32 patches a step: passing over its
weights and Adam's moments takes as long as the matrix products. So everything is done for one head
at a time, whose 12 MB stay in a processor's last cache from step to step; many side by side do not.
And the large kernel is held in blocks of rows, each small enough that a core still has its
gradient at hand when Adam takes it, and enough of them to keep some cores busy.

The compiled functions take all state as arguments: they are traced once for heads and folds of all
sorts, and keep none of them alive.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import divergence
from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics.multilabel import known_cross_entropy

# Adam's other constants, the defaults of Keras and of its authors.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7

# Of a block of the hidden kernel: the common size of a core's second cache.
_BLOCK_BYTES = 2**20

# Gradients are not divided by decays below this, or their squares would overflow.
_LEAST_DECAY = 1e-12

# A weight and Adam's first and second moment of it.
Learnt = tuple[tf.Variable, tf.Variable, tf.Variable]


def num_blocks(kernel: np.ndarray) -> int:
    """How many blocks of rows a hidden kernel float32 [D, hidden] is held in, 1 or more.

    They are computed side by side, on as many cores at most.
    """
    return max(1, min(len(kernel), kernel.nbytes // _BLOCK_BYTES))


class HeadState:
    """Weights and Adam's moments of a head D -> hidden -> 1, and its steps so far.

    Weights come and go as arrays float32: hidden kernel [D, hidden], hidden bias [hidden], output
    kernel [hidden] and output bias [].
    """

    def __init__(self, weights: Sequence[np.ndarray]):
        kernel, *others = weights
        blocks = np.array_split(kernel, num_blocks(kernel))
        self._blocks = [_learnt(rows) for rows in blocks]
        self._others = [_learnt(weight) for weight in others]
        self._steps = 0

    def weights(self) -> list[np.ndarray]:
        kernel = np.concatenate([block[0].numpy() for block in self._blocks])
        return [kernel, *(weight[0].numpy().copy() for weight in self._others)]

    def run_epoch(
        self,
        features: tf.Tensor,
        present: tf.Tensor,
        known: tf.Tensor,
        order: np.ndarray,
        batch_size: int,
        learning_rate: float,
        l2: float,
    ) -> np.ndarray:
        """One pass over the rows of features float32 [N, D] in an order int [N].

        Args:
            present, known: float32 [N], 1 where the type is there, and where that is known.

        Returns:
            float32 [N], logits in that order, each made before its batch was learnt.
        """
        logits = _run_epoch(
            self._blocks,
            self._others,
            features,
            present,
            known,
            tf.constant(order, tf.int32),
            tf.constant(self._steps, tf.float32),
            batch_size,
            learning_rate,
            l2,
        )
        self._steps += -(-len(order) // batch_size)
        return logits.numpy()

    def logits(self, features: tf.Tensor) -> np.ndarray:
        """float32 [N] for features float32 [N, D]."""
        blocks = [block[0] for block in self._blocks]
        return _logits(blocks, [weight[0] for weight in self._others], features).numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class Epoch:
    """What an epoch, numbered from 1, left behind.

    Attributes:
        number: 1 and up.
        rows, train_logits: int [N] and float32 [N], the training rows in the order they were
            learnt, and the logit of each before its batch was learnt.
        validation_logits: float32 [M].
    """

    number: int
    rows: np.ndarray
    train_logits: np.ndarray
    validation_logits: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedHead:
    """Weights of the epoch that is kept, as `HeadState` gives them.

    Attributes:
        weights: of that epoch.
        epoch: its number, from 1.
        validation_loss: cross-entropy there; NaN where nothing is known.
        validation_logits: float32 [M] there.
    """

    weights: list[np.ndarray]
    epoch: int
    validation_loss: float
    validation_logits: np.ndarray


def train_head(
    weights: Sequence[np.ndarray],
    features: tf.Tensor,
    labels: np.ndarray,
    validation_features: tf.Tensor,
    validation_labels: np.ndarray,
    config: HeadsConfig,
    on_epoch: Callable[[Epoch], None],
) -> TrainedHead:
    """Trains from initial weights.

    The order of rows depends on the seed and the number of the epoch alone: all heads see the
    same batches.

    Args:
        weights: as `HeadState` takes them.
        features, validation_features: float32 [N, D] and [M, D].
        labels, validation_labels: int8 [N] and [M]; where nothing is known of the latter, the
            head is trained for `max_epochs` and its last weights are kept.
        config: settings.
        on_epoch: called after each epoch; training ends with what it raises.

    Raises DivergedError where the loss or weights are no numbers in the first epoch, or in one that
    would be kept.
    """
    state = HeadState(weights)
    present, known = (
        tf.constant(values, tf.float32) for values in (labels == PRESENT, labels != UNKNOWN)
    )
    validated = (validation_labels != UNKNOWN).any()
    best = TrainedHead(list(weights), 0, np.inf, np.full(len(validation_labels), np.nan))
    for number in range(1, config.max_epochs + 1):
        rows = np.random.default_rng([config.seed, number]).permutation(len(labels))
        train_logits = state.run_epoch(
            features, present, known, rows, config.batch_size, config.learning_rate, config.l2
        )
        logits = state.logits(validation_features)
        loss = known_cross_entropy(validation_labels, logits)
        where = f"epoch {number} of a head"
        if validated and not best.epoch:
            divergence.check_loss(loss, where)
        if loss < best.validation_loss or not validated:
            # A rectifier makes 0 of weights that are no numbers, where the loss shows nothing.
            divergence.check_weights(state.weights(), where)
            best = TrainedHead(state.weights(), number, loss, logits)
        on_epoch(Epoch(number, rows, train_logits, logits))
        if number - best.epoch >= config.patience:
            break
    return best


def _learnt(weight: np.ndarray) -> Learnt:
    return tf.Variable(weight), *(tf.Variable(np.zeros_like(weight)) for _ in range(2))


@tf.function(reduce_retracing=True)
def _logits(blocks, others, features):
    bias, output_kernel, output_bias = others
    hidden = tf.nn.relu(tf.matmul(features, tf.concat(blocks, axis=0)) + bias)
    return tf.linalg.matvec(hidden, output_kernel) + output_bias


@tf.function(reduce_retracing=True)
def _run_epoch(
    blocks, others, features, present, known, order, steps_before, size, learning_rate, l2
):
    steps = -(-tf.shape(order)[0] // size)
    logits = tf.TensorArray(tf.float32, steps, element_shape=[None], infer_shape=False)
    for step in tf.range(steps):
        rows = order[step * size : (step + 1) * size]
        batch = [tf.gather(values, rows) for values in (features, present, known)]
        number = steps_before + tf.cast(step + 1, tf.float32)
        logits = logits.write(step, _learn(blocks, others, *batch, number, learning_rate, l2))
    return logits.concat()


def _learn(blocks, others, features, present, known, number, learning_rate, l2):
    """Step `number`, from 1, on a batch; the logits float32 [B] before it."""
    bias, output_kernel, output_bias = (weight[0] for weight in others)
    parts = tf.split(features, [block[0].shape[0] for block in blocks], axis=1)
    products = [tf.matmul(part, block[0]) for part, block in zip(parts, blocks, strict=True)]
    hidden = tf.nn.relu(tf.nn.bias_add(tf.add_n(products), bias))
    logits = tf.linalg.matvec(hidden, output_kernel) + output_bias
    # The loss is the mean over rows that are known, with l2 * sum(kernel^2).
    slopes = (tf.sigmoid(logits) - present) * known / tf.maximum(tf.reduce_sum(known), 1)
    hidden_slopes = tf.where(hidden > 0, slopes[:, None] * output_kernel, 0)
    decay = 2 * l2
    powers = _BETA_1**number, _BETA_2**number
    output_gradients = (
        tf.reduce_sum(hidden_slopes, axis=0),
        tf.linalg.matvec(hidden, slopes, transpose_a=True) + decay * output_kernel,
        tf.reduce_sum(slopes),
    )
    # Adam steps as far for a gradient of any scale, given an epsilon of the same. Scaled so that
    # the decay is the kernel itself, adding it is one pass over the weights instead of two.
    scale = decay if decay > _LEAST_DECAY else 1.0
    scaled_slopes = hidden_slopes / scale
    for part, block in zip(parts, blocks, strict=True):
        gradient = tf.matmul(part, scaled_slopes, transpose_a=True)
        gradient += block[0] if scale == decay else decay * block[0]
        _apply_adam(block, gradient, powers, learning_rate, _EPSILON / scale)
    for weight, gradient in zip(others, output_gradients, strict=True):
        _apply_adam(weight, gradient, powers, learning_rate, _EPSILON)
    return logits


def _apply_adam(learnt, gradient, powers, learning_rate, epsilon):
    # The fused kernel passes over the weights once; a Keras optimizer does so a dozen times.
    weight, first, second = learnt
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=learning_rate,
        beta1=_BETA_1,
        beta2=_BETA_2,
        epsilon=epsilon,
        grad=gradient,
    )
