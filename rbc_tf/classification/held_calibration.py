"""Temperatures and thresholds that hold on groups which they were not tuned on.

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
from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

_MOST_FOLDS = 5


@dataclasses.dataclass(frozen=True)
class HeldCalibration:
    """What is used, and of which types the tuned values did better on groups left out.

    Attributes:
        calibration: temperature 1 and threshold 0.5 where they did not.
        temperature_held, threshold_held: bool per type.
    """

    calibration: Calibration
    temperature_held: tuple[bool, ...]
    threshold_held: tuple[bool, ...]


def fit_held_calibration(
    outputs: np.ndarray, labels: np.ndarray, groups: np.ndarray, config: CalibrationConfig
) -> HeldCalibration:
    """Tunes on all patches what did better than the plain values on groups left out.

    Thresholds for `exact_match` work together and are kept or dropped together; those for `f1`
    type by type. Of a single group nothing can be left out: everything stays plain.

    Args:
        outputs: float [N, T] of the networks for patches that they did not learn from.
        labels: int8 [N, T].
        groups: str [N].
        config: what thresholds are chosen for.
    """
    types = labels.shape[1]
    folds = _draw_folds(groups)
    if len(folds) < 2:
        logging.warning(
            "Validation has %d group(s): whether temperatures and thresholds hold on others "
            "cannot be told, and they stay 1 and 0.5.",
            len(folds),
        )
        plain = Calibration((1.0,) * types, (PLAIN_THRESHOLD,) * types)
        return HeldCalibration(plain, (False,) * types, (False,) * types)
    temperature_held = _temperatures_hold(outputs, labels, folds)
    temperatures = np.where(temperature_held, fit_temperatures(outputs, labels), 1.0)
    plain = Calibration(tuple(temperatures.tolist()), (PLAIN_THRESHOLD,) * types)
    probabilities = plain.apply(outputs)
    threshold_held = _thresholds_hold(probabilities, labels, folds, config.objective)
    tuned = fit_thresholds(probabilities, labels, config.objective)
    thresholds = np.where(threshold_held, tuned, PLAIN_THRESHOLD)
    return HeldCalibration(
        dataclasses.replace(plain, thresholds=tuple(thresholds.tolist())),
        tuple(temperature_held.tolist()),
        tuple(threshold_held.tolist()),
    )


def _draw_folds(groups: np.ndarray) -> list[np.ndarray]:
    """bool [N] per fold, the rows left out."""
    count = min(_MOST_FOLDS, len(np.unique(groups)))
    if count < 2:
        return [np.ones(len(groups), bool)] * count
    parts = model_selection.GroupKFold(count).split(groups, groups=groups)
    return [np.isin(np.arange(len(groups)), left_out) for _, left_out in parts]


def _temperatures_hold(
    outputs: np.ndarray, labels: np.ndarray, folds: list[np.ndarray]
) -> np.ndarray:
    """bool [T], types whose cross-entropy on the rows left out is lower with a temperature."""
    gain = np.zeros(labels.shape[1])
    for here in folds:
        tuned = np.array(fit_temperatures(outputs[~here], labels[~here]))
        for sign, temperatures in ((1, np.ones_like(tuned)), (-1, tuned)):
            gain += sign * cross_entropies(outputs[here], labels[here], temperatures).sum(axis=0)
    return gain > 0


def _thresholds_hold(
    probabilities: np.ndarray, labels: np.ndarray, folds: list[np.ndarray], objective: str
) -> np.ndarray:
    """bool [T], types whose thresholds serve the objective better on the rows left out."""
    tuned = np.zeros(labels.shape, bool)
    for here in folds:
        thresholds = np.array(fit_thresholds(probabilities[~here], labels[~here], objective))
        tuned[here] = probabilities[here] > thresholds
    plain = probabilities > PLAIN_THRESHOLD
    types = range(labels.shape[1])
    if objective == EXACT_MATCH:
        rows = rows_for_thresholds(labels, objective)
        right = [(said == (labels == PRESENT))[rows].all(axis=1).sum() for said in (tuned, plain)]
        return np.full(len(types), right[0] > right[1])
    return np.array([_f1_gain(tuned[:, t], plain[:, t], labels[:, t]) > 0 for t in types])


def _f1_gain(tuned: np.ndarray, plain: np.ndarray, labels: np.ndarray) -> float:
    known = labels != UNKNOWN
    truth = labels[known] == PRESENT
    after, before = (
        metrics.f1_score(truth, said[known], zero_division=0.0) for said in (tuned, plain)
    )
    return after - before
