"""Curves of the training of networks, for TensorBoard."""

import pathlib

import numpy as np
import tensorflow as tf
from scipy import special

from rbc_tf.classification import summaries
from rbc_tf.classification.head_scores import aucs, masked_losses

# A precision-recall curve takes a thousand times the room of a number.
_PR_CURVE_EPOCHS = 10


class Curves:
    """Loss, ROC-AUC and now and then precision against recall of each type.

    They go to the folders train/ and validation/ of `log_dir`; nothing where it is None.
    """

    def __init__(self, log_dir: str | pathlib.Path | None):
        self._writers = {}
        if log_dir is not None:
            for part in ("train", "validation"):
                folder = str(pathlib.Path(log_dir) / part)
                self._writers[part] = tf.summary.create_file_writer(folder)

    def write(
        self,
        name: str,
        epoch: int,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Adds an epoch of the network of a type: its labels int8 [N] and logits [N] per part."""
        if not self._writers:
            return
        self._write_part("train", name, epoch, *train)
        self._write_part("validation", name, epoch, *validation)
        if epoch == 1 or epoch % _PR_CURVE_EPOCHS == 0:
            labels, logits = validation
            with self._writers["validation"].as_default():
                summaries.write_pr_curve(f"types/{name}", labels, special.expit(logits), epoch)

    def _write_part(
        self, part: str, name: str, epoch: int, labels: np.ndarray, logits: np.ndarray
    ) -> None:
        with self._writers[part].as_default(step=epoch):
            for tag, score in (("loss", masked_losses), ("auc", aucs)):
                (value,) = score(labels[:, None], logits[:, None])
                if np.isfinite(value):
                    tf.summary.scalar(f"{tag}/{name}", value)
        self._writers[part].flush()
