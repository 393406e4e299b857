"""What became of each region of an image: found or not, named right or not (paper, figure 7)."""

import dataclasses
import enum

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import PRESENT
from rbc_tf.metrics import detection

# IoU from which a detection counts as the region's: that of the paper's average precision.
MIN_IOU = 0.5


class Outcome(enum.Enum):
    """What became of a true region, or of a detection that is none."""

    RIGHT = "right"  # detected, exactly its types named
    WRONG = "wrong"  # detected, other types named
    UNSCORED = "unscored"  # detected, its types not known completely
    MISSED = "missed"  # not detected, whatever is known of its types
    FALSE_POSITIVE = "false positive"  # a detection that is no region


@dataclasses.dataclass(frozen=True, eq=False)
class RegionOutcomes:
    """Outcomes of one image.

    Attributes:
        truth: one outcome per true region.
        detection: int64 [M], the detection that found each true region, -1 where none did.
        abnormal_right: bool [M], detected, exactly its types named, and one of them abnormal.
        false_positive: bool [N], detections that found no true region.
    """

    truth: tuple[Outcome, ...]
    detection: np.ndarray
    abnormal_right: np.ndarray
    false_positive: np.ndarray

    def count(self, outcome: Outcome) -> int:
        if outcome is Outcome.FALSE_POSITIVE:
            return int(self.false_positive.sum())
        return self.truth.count(outcome)


def region_outcomes(
    true_boxes: np.ndarray,
    labels: np.ndarray,
    scored: np.ndarray,
    detected_boxes: np.ndarray,
    named: np.ndarray,
    abnormal_types: np.ndarray,
) -> RegionOutcomes:
    """Holds what the chain says of an image against the truth.

    Args:
        true_boxes: float32 [M, 4].
        labels: int8 [M, T], 1 present, 0 absent, -1 unknown.
        scored: bool [M], regions whose types are known completely.
        detected_boxes: float32 [N, 4], best score first, those above the score threshold alone.
        named: bool [N, T], the types said to be in each detection.
        abnormal_types: bool [T].
    """
    taken = detection.match_image(boxes.iou(detected_boxes, true_boxes), MIN_IOU)
    found_by = np.full(len(true_boxes), -1, dtype=np.int64)
    found_by[taken[taken >= 0]] = np.flatnonzero(taken >= 0)
    truth, abnormal_right = [], np.zeros(len(true_boxes), dtype=bool)
    for row, place in enumerate(found_by):
        if place < 0:
            truth.append(Outcome.MISSED)
        elif not scored[row]:
            truth.append(Outcome.UNSCORED)
        elif (named[place] == (labels[row] == PRESENT)).all():
            truth.append(Outcome.RIGHT)
            abnormal_right[row] = bool((named[place] & abnormal_types).any())
        else:
            truth.append(Outcome.WRONG)
    return RegionOutcomes(tuple(truth), found_by, abnormal_right, taken < 0)
