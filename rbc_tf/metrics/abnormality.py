"""The verdict, normal or abnormal, against the truth."""

import dataclasses

import numpy as np

from rbc_tf.metrics import multilabel


@dataclasses.dataclass(frozen=True)
class AbnormalityScores:
    """The verdict against the truth on complete regions, of which `num_abnormal` are abnormal.

    Sensitivity is the share of abnormal regions that are said to be so, specificity the share of
    normal ones said to be normal; nan where there is none.
    """

    accuracy: float
    sensitivity: float
    specificity: float
    auc: float | None
    num_regions: int
    num_abnormal: int


def score_abnormality(
    abnormal: np.ndarray, labels: np.ndarray, abnormal_types: np.ndarray, threshold: float
) -> AbnormalityScores:
    """Scores probabilities of abnormality float [N] against labels int8 [N, T], all known.

    Args:
        abnormal: a region is said to be abnormal above `threshold`.
        labels: 1 present, 0 absent.
        abnormal_types: bool [T]; a region is abnormal that has one of these types.
    """
    truth = (labels[:, abnormal_types] == 1).any(axis=1)
    right = (abnormal > threshold) == truth
    return AbnormalityScores(
        accuracy=_share(right),
        sensitivity=_share(right[truth]),
        specificity=_share(right[~truth]),
        auc=multilabel.roc_auc(truth, abnormal),
        num_regions=len(truth),
        num_abnormal=int(truth.sum()),
    )


def _share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else float("nan")
