"""How much the outputs of one chain differ from another's on the same regions and images."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections
from rbc_tf.metrics import detection
from rbc_tf.metrics.multilabel import exactly_right

_LEAST_LENGTH = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class ChainOutputs:
    """What a chain gives for N regions on their true boxes, and for whole images.

    Attributes:
        features: float32 [N, D].
        probabilities: float32 [N, T].
        predicted: bool [N, T], the types predicted.
        abnormal: bool [N], whether a region is predicted to be abnormal.
        detections: per image.
    """

    features: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    abnormal: np.ndarray
    detections: Sequence[Detections]


def score_agreement(
    outputs: ChainOutputs, reference: ChainOutputs, truths: Sequence[np.ndarray]
) -> list[Score]:
    """Differences from a reference, then the average precision of the detections.

    'feature_difference' is the mean over the regions of |f - f_ref| / |f_ref|,
    'probability_difference' and 'largest_probability_difference' are those of a type's
    probability, 'labels_changed' is the share of (region, type) pairs predicted otherwise,
    'label_sets_changed' that of the regions of which any type is, and 'abnormality_changed' that of
    the regions predicted abnormal instead of normal, or back.

    Args:
        outputs, reference: of the same regions, one or more.
        truths: per image, true boxes float32 [M, 4].
    """
    lengths = np.linalg.norm(reference.features, axis=1)
    distances = np.linalg.norm(outputs.features - reference.features, axis=1)
    probabilities = np.abs(outputs.probabilities - reference.probabilities)
    same_set = exactly_right(outputs.predicted, reference.predicted)
    values = {
        "feature_difference": np.mean(distances / np.maximum(lengths, _LEAST_LENGTH)),
        "probability_difference": probabilities.mean(),
        "largest_probability_difference": probabilities.max(),
        "labels_changed": np.mean(outputs.predicted != reference.predicted),
        "label_sets_changed": 1 - same_set.mean(),
        "abnormality_changed": np.mean(outputs.abnormal != reference.abnormal),
    }
    areas = {
        f"ap{100 * iou:.0f}_area": detection.average_precision(
            detection.match(outputs.detections, truths, iou)
        )
        for iou in (0.5, 0.75)
    }
    num_true = sum(map(len, truths))
    return [
        *(Score(name, value, support=len(lengths)) for name, value in values.items()),
        *(Score(name, value, support=num_true) for name, value in areas.items()),
    ]
