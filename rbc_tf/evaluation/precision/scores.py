"""Scores of one precision beside float32."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.metrics.agreement import ChainOutputs, score_agreement


def score_precision(
    precision: str, outputs: ChainOutputs, reference: ChainOutputs, truths: Sequence[np.ndarray]
) -> list[Score]:
    """How the outputs in a precision differ from those in float32; each of that `precision`."""
    counts = (Score("num_images", len(truths)), Score("num_patches", len(reference.features)))
    scores = (*counts, *score_agreement(outputs, reference, truths))
    return [score.at(precision=precision) for score in scores]
