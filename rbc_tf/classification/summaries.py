"""What TensorBoard shows and `tf.summary` has no call for."""

import numpy as np
import tensorflow as tf
from tensorboard.plugins.pr_curve import summary as pr_curve_summary

from rbc_tf.core.types import PRESENT, UNKNOWN

# Evenly spaced in [0, 1]: rare types have most of their curve below 0.1.
_NUM_THRESHOLDS = 501


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
