"""The loss that a backbone is trained with, where some labels are unknown: Keras alone.

It is that of the heads, cross-entropy per type where the label is known. Rare types weigh more:
the positives of a type count by the square root of how many negatives there are to each, up to a
limit.
"""

import numpy as np

from rbc_tf.core.keras_settings import keras
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN
from rbc_tf.features.patch_archive import PatchArchive
from rbc_tf.metrics.multilabel import known_auc


def positive_weights(
    labels: np.ndarray, largest: float, rows: np.ndarray | None = None
) -> np.ndarray:
    """What a positive of each type weighs, float32 [T] in [1, largest].

    Args:
        labels: int8 [N, T].
        largest: 1 or more.
        rows: float [N], how often each counts; None: once.
    """
    rows = np.ones(len(labels)) if rows is None else rows
    present = rows @ (labels == PRESENT)
    absent = rows @ (labels == ABSENT)
    # Of a type that is nowhere present the weight means nothing: any finite one will do.
    ratio = absent / np.where(present > 0, present, 1)
    return np.clip(np.sqrt(ratio), 1, largest).astype(np.float32)


def masked_cross_entropy(weights: np.ndarray):
    """Loss of labels [B, T] (-1 unknown) and logits [B, T]: the sum over known types, [B].

    Positives of type t count `weights[t]` times.
    """

    def loss(labels, logits):
        logits = keras.ops.cast(logits, "float32")
        known = keras.ops.cast(labels != UNKNOWN, "float32")
        present = keras.ops.cast(labels == PRESENT, "float32")
        entropy = keras.ops.softplus(logits) - present * logits
        weighted = entropy * known * (1 + present * (weights - 1))
        return keras.ops.sum(weighted, axis=-1)

    return loss


def score_logits(logits: np.ndarray, archive: PatchArchive, weights: np.ndarray) -> dict:
    """Loss and AUC of logits [N, T] on an archive: `validation_loss`, `mean_auc`, `auc`."""
    labels = archive.labels
    loss = masked_cross_entropy(weights)(
        keras.ops.convert_to_tensor(labels.astype(np.float32)), keras.ops.convert_to_tensor(logits)
    )
    auc = {}
    for t, name in enumerate(archive.about["types"]):
        auc[name] = known_auc(labels[:, t], logits[:, t])
    defined = [value for value in auc.values() if value is not None]
    return {
        "validation_loss": float(np.mean(keras.ops.convert_to_numpy(loss))),
        "mean_auc": float(np.mean(defined)) if defined else None,
        "auc": auc,
    }
