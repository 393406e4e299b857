"""Temperatures and thresholds that do better on held-out groups than the paper's.

Slides differ in stain and light, and validation has few of them: what is tuned on all of its
patches can fit just these slides and do harm on others. So the groups of validation are divided
into folds, everything is tuned on the other folds and tried on each in turn. A temperature or
threshold that does no better there than the plain one, 1 or 0.5, is not used.
"""

import dataclasses

import numpy as np
from absl import logging
from sklearn import metrics, model_selection

from rbc_tf.classification.calibration import (
    EXACT_MATCH,
    Calibration,
    CalibrationConfig,
    cross_entropies,
    fit_temperatures,
    fit_thresholds,
    rows_for_thresholds,
)
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD, exactly_right

_MOST_FOLDS = 5


@dataclasses.dataclass(frozen=True)
class FittedCalibration:
    """What is used, and of which types the tuned values did better on held-out groups.

    Attributes:
        calibration: temperature 1 and threshold 0.5 where they did not.
        temperature_used, threshold_used: bool per type.
    """

    calibration: Calibration
    temperature_used: tuple[bool, ...]
    threshold_used: tuple[bool, ...]


def fit_calibration(
    outputs: np.ndarray, labels: np.ndarray, groups: np.ndarray, config: CalibrationConfig
) -> FittedCalibration:
    """Tunes on all patches what did better than the plain values on held-out groups.

    Thresholds for `exact_match` work together and are kept or dropped together; those for `f1`
    type by type. Of a single group nothing can be held out: everything stays plain.

    Args:
        outputs: float [N, T] of the heads for patches that they did not learn from.
        labels: int8 [N, T].
        groups: str [N].
        config: what thresholds are chosen for.
    """
    types = labels.shape[1]
    folds = _draw_folds(groups)
    if len(folds) < 2:
        logging.warning(
            "Validation has %d group(s): whether temperatures and thresholds hold on others "
            "is unknown, and they stay 1 and 0.5.",
            len(folds),
        )
        plain = Calibration((1.0,) * types, (PLAIN_THRESHOLD,) * types, config.at_least_one)
        return FittedCalibration(plain, (False,) * types, (False,) * types)
    temperature_used = _temperatures_hold(outputs, labels, folds) & _can_be_judged(labels, folds)
    temperatures = np.where(temperature_used, fit_temperatures(outputs, labels), 1.0)
    plain = Calibration(
        tuple(temperatures.tolist()), (PLAIN_THRESHOLD,) * types, config.at_least_one
    )
    probabilities = plain.apply(outputs)
    threshold_used = _thresholds_hold(probabilities, labels, folds, config.objective)
    tuned = fit_thresholds(probabilities, labels, config.objective)
    thresholds = np.where(threshold_used, tuned, PLAIN_THRESHOLD)
    return FittedCalibration(
        dataclasses.replace(plain, thresholds=tuple(thresholds.tolist())),
        tuple(temperature_used.tolist()),
        tuple(threshold_used.tolist()),
    )


def _draw_folds(groups: np.ndarray) -> list[np.ndarray]:
    """bool [N] per fold, the rows held out."""
    count = min(_MOST_FOLDS, len(np.unique(groups)))
    if count < 2:
        return [np.ones(len(groups), bool)] * count
    parts = model_selection.GroupKFold(count).split(groups, groups=groups)
    return [np.isin(np.arange(len(groups)), held_out) for _, held_out in parts]


def _temperatures_hold(
    outputs: np.ndarray, labels: np.ndarray, folds: list[np.ndarray]
) -> np.ndarray:
    """bool [T], types whose cross-entropy on the rows held out is lower with a temperature."""
    gain = np.zeros(labels.shape[1])
    for held_out in folds:
        tuned = np.array(fit_temperatures(outputs[~held_out], labels[~held_out]))
        for sign, temperatures in ((1, np.ones_like(tuned)), (-1, tuned)):
            losses = cross_entropies(outputs[held_out], labels[held_out], temperatures)
            gain += sign * losses.sum(axis=0)
    return gain > 0


def _can_be_judged(labels: np.ndarray, folds: list[np.ndarray]) -> np.ndarray:
    """bool [T], types present in two folds or more, and absent in two.

    Where one fold has all regions of a type, the others have none of it, and are the better off
    the lower its probabilities are made.
    """
    in_folds = [
        sum((labels[held_out] == value).any(axis=0).astype(int) for held_out in folds)
        for value in (PRESENT, ABSENT)
    ]
    return np.minimum(*in_folds) >= 2


def _thresholds_hold(
    probabilities: np.ndarray, labels: np.ndarray, folds: list[np.ndarray], objective: str
) -> np.ndarray:
    """bool [T], types whose thresholds serve the objective better on the rows held out."""
    tuned = np.zeros(labels.shape, bool)
    for held_out in folds:
        others = ~held_out
        thresholds = fit_thresholds(probabilities[others], labels[others], objective)
        tuned[held_out] = probabilities[held_out] > np.array(thresholds)
    plain = probabilities > PLAIN_THRESHOLD
    types = range(labels.shape[1])
    if objective == EXACT_MATCH:
        rows = rows_for_thresholds(labels, objective)
        right = [exactly_right(p, labels == PRESENT)[rows].sum() for p in (tuned, plain)]
        return np.full(len(types), right[0] > right[1])
    return np.array([_f1_gain(tuned[:, t], plain[:, t], labels[:, t]) > 0 for t in types])


def _f1_gain(tuned: np.ndarray, plain: np.ndarray, labels: np.ndarray) -> float:
    known = labels != UNKNOWN
    truth = labels[known] == PRESENT
    after, before = (
        metrics.f1_score(truth, predicted[known], zero_division=0.0) for predicted in (tuned, plain)
    )
    return after - before
