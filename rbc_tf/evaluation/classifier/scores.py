"""Scores of a classifier on completely labelled regions: types, calibration, verdict."""

import dataclasses

import numpy as np

from rbc_tf.core.types import PRESENT
from rbc_tf.metrics import calibration
from rbc_tf.metrics.abnormality import AbnormalityScores, score_abnormality
from rbc_tf.metrics.best_type import best_is_right
from rbc_tf.metrics.bootstrap import GroupBootstrap, interval
from rbc_tf.metrics.label_scores import LabelScores, score_labels
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD, MultilabelScores, score_multilabel
from rbc_tf.metrics.statistics import shares

Interval = tuple[float, float]

# The subsets of regions that are scored.
ALL, SINGLE, MULTI, SEVERAL = "all", "single_cell", "multi_cell", "several_types"


@dataclasses.dataclass(frozen=True, eq=False)
class ClassifiedRegions:
    """What a classifier said of N complete regions, and the truth.

    Attributes:
        outputs: float32 [N, T], of the heads as they are.
        probabilities: float32 [N, T], calibrated.
        abnormal: float64 [N], probability of the verdict.
        labels: int8 [N, T], 1 present, 0 absent.
        num_cells: int [N].
        groups: str [N], the unit of the intervals.
    """

    outputs: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray
    labels: np.ndarray
    num_cells: np.ndarray
    groups: np.ndarray


@dataclasses.dataclass(frozen=True)
class Share:
    """A share with its 95 % interval over groups; None where nothing defines it."""

    value: float | None
    interval: Interval | None


@dataclasses.dataclass(frozen=True)
class SubsetScores:
    """Of one subset: exact match at the tuned thresholds and at 0.5, and best type true."""

    num_regions: int
    exact_match: Share
    exact_match_plain: Share
    best_type: Share


@dataclasses.dataclass(frozen=True)
class ClassificationScores:
    """All scores.

    Attributes:
        subsets: by 'all', 'single_cell', 'multi_cell', 'several_types'.
        types: exact match and AUC per type over all regions.
        labels: recall, precision and F1 per type at the thresholds.
        ece_before, ece_after: expected calibration error per type before and after temperature
            scaling.
        mean_ece_before, mean_ece_after: their means over all types.
        abnormality: the verdict.
        num_groups: groups that the regions lie in.
    """

    subsets: dict[str, SubsetScores]
    types: MultilabelScores
    labels: LabelScores
    ece_before: tuple[float, ...]
    ece_after: tuple[float, ...]
    mean_ece_before: float
    mean_ece_after: float
    abnormality: AbnormalityScores
    num_groups: int


def score_classification(
    regions: ClassifiedRegions,
    abnormal_types: np.ndarray,
    thresholds: np.ndarray,
    num_resamples: int = 2000,
    seed: int = 0,
) -> ClassificationScores:
    """Scores regions none of which the classifier has learnt from.

    Args:
        regions: one or more.
        abnormal_types: bool [T].
        thresholds: float [T], on calibrated probabilities.
        num_resamples, seed: of the bootstrap by group.

    Raises:
        ValueError: there is no region.
    """
    if not len(regions.labels):
        raise ValueError("At least one completely labelled region is required. Received: none")
    ece_before, ece_after = (
        tuple(map(calibration.curve_error, calibration.curves_by_type(values, regions.labels)))
        for values in (regions.outputs, regions.probabilities)
    )
    return ClassificationScores(
        subsets=_subsets(regions, thresholds, num_resamples, seed),
        types=score_multilabel(regions.probabilities, regions.labels, thresholds),
        labels=score_labels(regions.probabilities > thresholds, regions.labels),
        ece_before=ece_before,
        ece_after=ece_after,
        mean_ece_before=float(np.mean(ece_before)),
        mean_ece_after=float(np.mean(ece_after)),
        abnormality=score_abnormality(
            regions.abnormal, regions.labels, abnormal_types, PLAIN_THRESHOLD
        ),
        num_groups=len(np.unique(regions.groups)),
    )


def _subsets(
    regions: ClassifiedRegions, thresholds: np.ndarray, num_resamples: int, seed: int
) -> dict[str, SubsetScores]:
    truth = regions.labels == PRESENT
    single, several = regions.num_cells == 1, truth.sum(axis=1) > 1
    kinds = np.column_stack([single, several])
    folds = np.zeros(len(truth), int)
    bootstrap = GroupBootstrap(regions.groups, folds, kinds, num_resamples, seed)
    right = [
        ((regions.probabilities > thresholds) == truth).all(axis=1),
        ((regions.outputs > PLAIN_THRESHOLD) == truth).all(axis=1),
        best_is_right(regions.probabilities, regions.labels),
    ]
    statistic = shares(np.column_stack(right), bootstrap.unit_of_row)
    units = bootstrap.kinds
    chosen = {
        ALL: (np.ones(len(truth), bool), np.ones(len(units), bool)),
        SINGLE: (single, units[:, 0]),
        MULTI: (~single, ~units[:, 0]),
        SEVERAL: (several, units[:, 1]),
    }
    found = {}
    for name, (rows, of_units) in chosen.items():
        values = statistic(bootstrap.weights * of_units)
        found[name] = SubsetScores(int(rows.sum()), *(_share(column) for column in values.T))
    return found


def _share(values: np.ndarray) -> Share:
    """Of values float64 [1 + R], the first as it is, the others of resamples."""
    if np.isnan(values[0]):
        return Share(None, None)
    return Share(float(values[0]), interval(values[1:]))
