"""Temperatures and thresholds: from the outputs of the heads to probabilities and labels.

Not in the paper, which takes every output as it is, and a type as present above 0.5. Two
things are learnt from validation patches, for each type by itself:

A *temperature* T (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) turns an
output p into the probability sigmoid(logit(p) / T). It keeps the order of patches, and 0.5 at
0.5: at the paper's threshold labels are the same with and without it.

A *threshold* on that probability, by one of three objectives:

    exact_match   the share of patches of which every type is right, the paper's headline figure
    f1            the F1 score of each type: for users who look for rare types, which hardly
                  count in exact match. A type that its head cannot tell is then predicted
                  nearly everywhere, which is what F1 rewards (Lipton et al., "Optimal
                  Thresholding of Classifiers to Maximize F1 Measure", ECML 2014)
    plain         0.5, the paper's

Which of them are used `held_out_calibration` decides.
"""

import dataclasses
import math

import numpy as np
from scipy import optimize, special

from rbc_tf.core import structured
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN
from rbc_tf.metrics.classified import decide
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

EXACT_MATCH, F1, PLAIN = "exact_match", "f1", "plain"
OBJECTIVES = (EXACT_MATCH, F1, PLAIN)


# Where every patch lies on its right side of 0.5, likelihood would have T go to 0, and where
# outputs carry no information, to infinity; a few validation patches are no reason to go so far.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10.0

# The float32 numbers next to 0 (of full precision) and to 1: their logits are finite.
LOWEST_OUTPUT, HIGHEST_OUTPUT = np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg
ABOVE_HALF = np.nextafter(np.float32(0.5), np.float32(1))


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
    """How labels come from probabilities; see the module.

    Attributes:
        objective: what the thresholds are chosen for: 'exact_match', 'f1' or 'plain'.
        at_least_one: see `Calibration`; False in the paper.
    """

    objective: str = EXACT_MATCH
    at_least_one: bool = True

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"`objective` must be one of {', '.join(OBJECTIVES)}. Received: {self.objective!r}"
            )


@dataclasses.dataclass(frozen=True)
class Calibration:
    """One temperature and one threshold per type, in the order of the types.

    Attributes:
        temperatures: above 0; 1 leaves an output as it is.
        thresholds: in [0, 1], on the calibrated probability; a type is present above it.
        at_least_one: where no type is, that of highest probability is present: a region holds a
            cell. False in the paper, and in what version 0.1.0 made.

    Raises:
        ValueError: numbers out of range, or not as many of the one as of the other.
    """

    temperatures: tuple[float, ...]
    thresholds: tuple[float, ...]
    at_least_one: bool = False

    def __post_init__(self):
        for value in self.temperatures:
            if not (structured.is_number(value) and value > 0):
                raise ValueError(
                    f"Every temperature must be above 0. Received: {structured.shown(value)}"
                )
        for value in self.thresholds:
            if not (structured.is_number(value) and 0 <= value <= 1):
                raise ValueError(
                    f"Every threshold must lie in [0, 1]. Received: {structured.shown(value)}"
                )
        if not isinstance(self.at_least_one, bool):
            raise ValueError(
                "`at_least_one` must be true or false. Received: "
                f"{structured.shown(self.at_least_one)}"
            )
        if len(self.temperatures) != len(self.thresholds):
            raise ValueError(
                "`temperatures` and `thresholds` must have one value per type each. "
                f"Received: {len(self.temperatures)} and {len(self.thresholds)}"
            )

    def apply(self, outputs: np.ndarray) -> np.ndarray:
        """float32 [N, T], calibrated probabilities of outputs of the heads, [N, T] in [0, 1].

        What is above 0.5 stays above, and everything else at or below.
        """
        outputs = np.asarray(outputs, np.float32)
        probabilities = _scaled(outputs, np.array(self.temperatures))
        # Float32 is too coarse for an output just above 0.5 at a high temperature.
        return np.where(
            outputs > PLAIN_THRESHOLD, np.maximum(probabilities, ABOVE_HALF), probabilities
        )

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """bool [N, T], the types that are present, from calibrated probabilities [N, T]."""
        return decide(probabilities, np.array(self.thresholds), self.at_least_one)

    def with_plain_thresholds(self) -> "Calibration":
        """The same temperatures, and the paper's rule: each type above 0.5, and no other."""
        return Calibration(self.temperatures, (PLAIN_THRESHOLD,) * len(self.temperatures))


def fit_temperatures(outputs: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    """The temperature of highest likelihood for each type.

    A type keeps 1 where no patch has it, or none lacks it (see `has_both_classes`).

    Args:
        outputs: float [N, T] of the heads for patches that they did not learn from.
        labels: int8 [N, T]; unknown ones count for nothing.
    """
    fitted = has_both_classes(labels)
    return tuple(
        _fit_temperature(outputs[:, t], labels[:, t]) if fitted[t] else 1.0
        for t in range(labels.shape[1])
    )


def fit_thresholds(
    probabilities: np.ndarray, labels: np.ndarray, objective: str
) -> tuple[float, ...]:
    """The threshold that serves the objective best for each type.

    A type keeps 0.5 where no patch that counts has it, or none lacks it.

    Args:
        probabilities: float [N, T], calibrated, for patches that the heads did not learn from.
        labels: int8 [N, T]; see `rows_for_thresholds` for which count.
        objective: one of OBJECTIVES.
    """
    if objective == EXACT_MATCH:
        rows = rows_for_thresholds(labels, objective)
        return _thresholds_for_exact_match(probabilities[rows], labels[rows])
    thresholds = [PLAIN_THRESHOLD] * labels.shape[1]
    if objective == F1:
        for t in np.flatnonzero(has_both_classes(labels)):
            thresholds[t] = _threshold_for_f1(probabilities[:, t], labels[:, t])
    return tuple(thresholds)


def cross_entropies(
    outputs: np.ndarray, labels: np.ndarray, temperatures: np.ndarray
) -> np.ndarray:
    """float64 [N, T], of outputs [N, T] at temperatures [T]; 0 where the label is unknown."""
    margins = np.where(labels == PRESENT, 1.0, -1.0) * _logits(outputs) / temperatures
    return np.where(labels == UNKNOWN, 0.0, np.logaddexp(0, -margins))


def has_both_classes(labels: np.ndarray) -> np.ndarray:
    """bool [T], the types that some patch of int8 [N, T] has and some other is known to lack."""
    return (labels == PRESENT).any(axis=0) & (labels == ABSENT).any(axis=0)


def rows_for_thresholds(labels: np.ndarray, objective: str) -> np.ndarray:
    """bool [N], the patches that thresholds are chosen on, of labels int8 [N, T].

    For `exact_match` those of which every type is known, else all.
    """
    if objective == EXACT_MATCH:
        return (labels != UNKNOWN).all(axis=1)
    return np.ones(len(labels), dtype=bool)


def _scaled(outputs: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    """float32, sigmoid(logit(outputs) / temperatures); outputs as they are where that is 1."""
    scaled = special.expit(_logits(outputs) / temperatures).astype(np.float32)
    return np.where(temperatures == 1, outputs, scaled)


def _logits(outputs: np.ndarray) -> np.ndarray:
    return special.logit(np.clip(outputs.astype(np.float64), LOWEST_OUTPUT, HIGHEST_OUTPUT))


def _fit_temperature(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of highest likelihood of the known labels of one type."""
    known = labels != UNKNOWN
    outputs, labels = outputs[known], labels[known]

    def loss(log_temperature):
        return cross_entropies(outputs, labels, math.exp(log_temperature)).mean()

    # Convex in 1 / T, so one minimum only, in the logarithm of T too.
    bounds = (math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE))
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def _threshold_for_f1(probabilities: np.ndarray, labels: np.ndarray) -> float:
    candidates = _candidates(probabilities[labels != UNKNOWN])
    right = _count_above(probabilities[labels == PRESENT], candidates)
    wrong = _count_above(probabilities[labels == ABSENT], candidates)
    # F1 = 2 TP / (2 TP + FP + FN), and TP + FN is the number that have the type.
    return _best(candidates, 2 * right / (right + wrong + (labels == PRESENT).sum()))


def _thresholds_for_exact_match(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    """Coordinate ascent from 0.5: one type's threshold at a time, until none changes.

    It ends: no step lowers the share, and of equals a step takes that nearest to 0.5. The
    optimum is one of each type given the others, not always of all together.
    """
    types = np.flatnonzero(has_both_classes(labels))
    candidates = {t: _candidates(probabilities[:, t]) for t in types}
    thresholds = np.full(labels.shape[1], PLAIN_THRESHOLD)
    while True:
        before = thresholds.copy()
        for t in types:
            right = (probabilities > thresholds) == (labels == PRESENT)
            others_right = np.delete(right, t, axis=1).all(axis=1)
            # Only these patches can become right: at each candidate, those that have the type
            # and lie above it, and those that lack it and do not.
            present = probabilities[others_right & (labels[:, t] == PRESENT), t]
            absent = probabilities[others_right & (labels[:, t] == ABSENT), t]
            above = _count_above(present, candidates[t]) - _count_above(absent, candidates[t])
            thresholds[t] = _best(candidates[t], above)
        if (thresholds == before).all():
            return tuple(thresholds.tolist())


def _candidates(probabilities: np.ndarray) -> np.ndarray:
    """float64, rising: 0.5, and halfway between neighbours among the probabilities, 0 and 1."""
    values = np.unique(np.concatenate([[0.0, 1.0], probabilities.astype(np.float64)]))
    return np.unique(np.append((values[:-1] + values[1:]) / 2, PLAIN_THRESHOLD))


def _count_above(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """int [C], how many probabilities are above each threshold."""
    places = np.searchsorted(np.sort(probabilities), thresholds, side="right")
    return len(probabilities) - places


def _best(candidates: np.ndarray, scores: np.ndarray) -> float:
    """The candidate of the highest score; of several that nearest to 0.5, then the lower."""
    best = candidates[scores == scores.max()]
    return float(best[np.argmin(np.abs(best - PLAIN_THRESHOLD))])
