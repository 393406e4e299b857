"""Curves for TensorBoard: of the training of heads, and precision against recall."""

import pathlib

import numpy as np
import tensorflow as tf
from scipy import special
from tensorboard.plugins.pr_curve import summary as pr_curve_summary

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics.multilabel import known_auc, known_cross_entropy

# A precision-recall curve takes a thousand times the room of a number.
_PR_CURVE_EPOCHS = 10

# Evenly spaced in [0, 1]: rare types have most of their curve below 0.1.
_NUM_THRESHOLDS = 501


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
        """Adds an epoch of the head of a type: its labels int8 [N] and logits [N] per part."""
        if not self._writers:
            return
        self._write_part("train", name, epoch, *train)
        self._write_part("validation", name, epoch, *validation)
        if epoch == 1 or epoch % _PR_CURVE_EPOCHS == 0:
            labels, logits = validation
            with self._writers["validation"].as_default():
                write_pr_curve(f"types/{name}", labels, special.expit(logits), epoch)

    def _write_part(
        self, part: str, name: str, epoch: int, labels: np.ndarray, logits: np.ndarray
    ) -> None:
        with self._writers[part].as_default(step=epoch):
            for tag, score in (("loss", known_cross_entropy), ("auc", known_auc)):
                value = score(labels, logits)
                if value is not None and np.isfinite(value):
                    tf.summary.scalar(f"{tag}/{name}", value)
        self._writers[part].flush()


def write_pr_curve(
    tag: str, labels: np.ndarray, probabilities: np.ndarray, step: int, description: str = ""
) -> None:
    """Writes precision against recall of one type with the default writer.

    Nothing is written where no patch is known to have the type: there is no recall then.

    Args:
        tag: what TensorBoard calls it.
        labels: int8 [N], 1 present, 0 absent, -1 unknown, which is left out.
        probabilities: float [N] in [0, 1].
        step: the time on TensorBoard's slider.
        description: Markdown, shown beside the curve.
    """
    if not (labels == PRESENT).any():
        return
    known = labels != UNKNOWN
    summary = pr_curve_summary.pb(
        tag,
        labels[known] == PRESENT,
        np.asarray(probabilities, np.float64)[known],
        num_thresholds=_NUM_THRESHOLDS,
        description=description,
    )
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)
