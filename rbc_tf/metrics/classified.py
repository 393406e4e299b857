"""What a classifier predicted for regions, and the truth: the arrays that scores take."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics.bootstrap import GroupBootstrap

# Subsets of regions: all; of one cell; of several; with two true types or more.
ALL, SINGLE_CELL, MULTI_CELL, SEVERAL_TYPES = "all", "single_cell", "multi_cell", "several_types"
SUBSETS = (ALL, SINGLE_CELL, MULTI_CELL, SEVERAL_TYPES)


_PER_REGION = ("num_cells", "groups", "abnormal", "folds", "found")
_PER_TYPE = ("labels", "probabilities", "predicted", "outputs")
_PER_ROW = (*_PER_REGION, *_PER_TYPE)


@dataclasses.dataclass(frozen=True, eq=False)
class BinaryPredictions:
    """One yes or no about N regions: one type present or not, abnormal or not.

    Attributes:
        truth: bool [N].
        predicted: bool [N].
        probabilities: float [N], of yes; None where only the prediction is known.
        outputs: float [N], the same before calibration; None where there are none.
    """

    truth: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    outputs: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class ClassifiedRegions:
    """N regions with T types each.

    Attributes:
        names: T names of the types.
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown; scores of regions need all known.
        num_cells: int [N].
        groups: str [N], slide, patient or block: the unit of intervals.
        probabilities: float [N, T], calibrated; None where only the types predicted are known.
        thresholds: float [T]; a type is predicted above its threshold.
        at_least_one: a region with no type above its threshold has the one of highest probability.
        predicted: bool [N, T], the types predicted; from the two above where not given.
        outputs: float [N, T], of the heads before calibration; None where there are none.
        abnormal: float [N], probability that a region is abnormal; None where there is none.
        abnormal_types: bool [T]; a region is abnormal that has one of them. With `abnormal` only.
        abnormal_threshold: a region is predicted to be abnormal above it.
        folds: int [N], the fold in which each region was held out; None where there are none.
        found: bool [N], whether a detector found the region: one that it did not find is not right,
            whatever else is predicted. None where no detector took part.

    Raises:
        ValueError: an array has another shape, or types are predicted from nothing.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    num_cells: np.ndarray
    groups: np.ndarray
    probabilities: np.ndarray | None = None
    thresholds: np.ndarray | None = None
    at_least_one: bool = False
    predicted: np.ndarray | None = None
    outputs: np.ndarray | None = None
    abnormal: np.ndarray | None = None
    abnormal_types: np.ndarray | None = None
    abnormal_threshold: float = 0.5
    folds: np.ndarray | None = None
    found: np.ndarray | None = None

    def __post_init__(self):
        if self.predicted is None:
            if self.probabilities is None or self.thresholds is None:
                raise ValueError(
                    "`predicted`, or `probabilities` and `thresholds`, must be given. "
                    "Received: neither"
                )
            predicted = decide(self.probabilities, self.thresholds, self.at_least_one)
            object.__setattr__(self, "predicted", predicted)
        rows, types = len(self.labels), len(self.names)
        shapes: dict[str, tuple[int, ...]]
        shapes = dict.fromkeys(_PER_REGION, (rows,)) | dict.fromkeys(_PER_TYPE, (rows, types))
        shapes |= dict.fromkeys(("thresholds", "abnormal_types"), (types,))
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ValueError(
                    f"`{name}` must have the shape {list(shape)}. Received: {list(values.shape)}"
                )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def truth(self) -> np.ndarray:
        """bool [N, T], the true types."""
        return self.labels == PRESENT

    @property
    def known(self) -> np.ndarray:
        """bool [N], regions of which every label is known."""
        return (self.labels != UNKNOWN).all(axis=1)

    def rows_of(self, subset: str) -> np.ndarray:
        """bool [N], the rows of one of SUBSETS."""
        return _members(subset, *_kinds(self).T)

    def of_type(self, t: int) -> BinaryPredictions:
        """The regions of which it is known whether they have the type of index `t`."""
        known = self.labels[:, t] != UNKNOWN
        probabilities, outputs = (
            None if values is None else values[known, t]
            for values in (self.probabilities, self.outputs)
        )
        predicted = np.asarray(self.predicted)[known, t]
        return BinaryPredictions(self.truth[known, t], predicted, probabilities, outputs)

    def abnormality(self) -> BinaryPredictions | None:
        """Abnormal or not; None where that was not predicted."""
        if self.abnormal is None or self.abnormal_types is None:
            return None
        truth = np.asarray(self.truth[:, self.abnormal_types].any(axis=1))
        predicted = np.asarray(self.abnormal > self.abnormal_threshold)
        return BinaryPredictions(truth, predicted, self.abnormal)

    def select(self, rows: np.ndarray) -> "ClassifiedRegions":
        """The rows given by a bool mask or by indices."""
        chosen = {name: getattr(self, name) for name in _PER_ROW}
        chosen = {name: values[rows] for name, values in chosen.items() if values is not None}
        return dataclasses.replace(self, **chosen)

    def bootstrap(self, num_resamples: int, seed: int = 0) -> GroupBootstrap:
        """Resamples of the groups, whose weights `weights_of` restricts to a subset."""
        folds = np.zeros(len(self), int) if self.folds is None else self.folds
        return GroupBootstrap(self.groups, folds, _kinds(self), num_resamples, seed)


def concatenate(parts: Sequence[ClassifiedRegions]) -> ClassifiedRegions:
    """The regions of one or several parts of the same types, one after the other."""
    rows: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in _PER_ROW
        if getattr(parts[0], name) is not None
    }
    return dataclasses.replace(parts[0], **rows)


def weights_of(subset: str, bootstrap: GroupBootstrap) -> np.ndarray:
    """float64 [1 + R, U], weights of `ClassifiedRegions.bootstrap`, 0 outside one of SUBSETS."""
    return bootstrap.weights * units_of(subset, bootstrap)


def units_of(subset: str, bootstrap: GroupBootstrap) -> np.ndarray:
    """bool [U], the units of `ClassifiedRegions.bootstrap` that lie in one of SUBSETS."""
    return _members(subset, *bootstrap.kinds.T)


def _kinds(regions: ClassifiedRegions) -> np.ndarray:
    """bool [N, 2], of one cell, and with several true types."""
    return np.column_stack([regions.num_cells == 1, regions.truth.sum(axis=1) > 1])


def _members(subset: str, single_cell: np.ndarray, several_types: np.ndarray) -> np.ndarray:
    members: Mapping[str, np.ndarray] = {
        ALL: np.ones_like(single_cell),
        SINGLE_CELL: single_cell,
        MULTI_CELL: ~single_cell,
        SEVERAL_TYPES: several_types,
    }
    if subset not in members:
        raise ValueError(f"A subset must be one of {', '.join(members)}. Received: {subset!r}")
    return members[subset]


def by_num_cells(num_cells: np.ndarray) -> dict[str, np.ndarray]:
    """{subset: bool [N]}, multi-cell regions by how many cells, int [N], they hold."""
    return {
        "2_cells": num_cells == 2,
        "3_cells": num_cells == 3,
        "4_or_more_cells": num_cells >= 4,
    }


def decide(
    probabilities: np.ndarray, thresholds: np.ndarray | float, at_least_one: bool
) -> np.ndarray:
    """bool [N, T], the types predicted from probabilities float [N, T] and thresholds [T].

    The paper's rule takes the types above their threshold, which may be none. A region holds a cell
    all the same: `at_least_one` then takes the type of highest probability, of equals the first.
    """
    predicted = probabilities > thresholds
    if at_least_one and predicted.size:
        none = ~predicted.any(axis=1)
        predicted[none, probabilities[none].argmax(axis=1)] = True
    return predicted
