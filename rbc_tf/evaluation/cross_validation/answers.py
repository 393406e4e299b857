"""What a model answers where two types or more are true.

The paper's account of Figure 6: trained on single cells a model gives one label or none where the
model trained on multi-cell regions gives all.
"""

import dataclasses

import numpy as np

from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.fold_scores import Score, measure
from rbc_tf.metrics.statistics import shares


@dataclasses.dataclass(frozen=True)
class Answers:
    """Shares of the regions with two true types or more; the first six add up to 1.

    Attributes:
        model: who answers.
        no_label: no type is given.
        one_right, one_wrong: one type is given, a true one or a false one.
        several_not_all: two or more are given, all true, but not all that are true.
        all_right: exactly the true types.
        several_wrong: two or more are given, and one at least is false.
        one_or_none: no label or one.
    """

    model: str
    no_label: Score
    one_right: Score
    one_wrong: Score
    several_not_all: Score
    all_right: Score
    several_wrong: Score
    one_or_none: Score


def score_answers(
    predictions: Predictions, thresholds: np.ndarray, bootstrap: GroupBootstrap
) -> tuple[Answers, ...]:
    """One entry per model; arguments as those of `table1.score_table1`."""
    truth, several = predictions.labels == PRESENT, bootstrap.kinds[:, 1]
    found = []
    for model, probabilities in predictions.probabilities.items():
        kinds = shares(_kinds(probabilities > thresholds, truth), bootstrap.unit_of_row)
        measured = measure(kinds, lambda weights: weights * several, bootstrap)
        found.append(Answers(model, *measured.scores()))
    return tuple(found)


def _kinds(given: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """bool [N, 7], the kinds of answer in the order of `Answers`."""
    count, false = given.sum(axis=1), (given & ~truth).any(axis=1)
    right = (given == truth).all(axis=1)
    several = count > 1
    kinds = [
        count == 0,
        (count == 1) & ~false,
        (count == 1) & false,
        several & ~false & ~right,
        several & right,
        several & false,
        ~several,
    ]
    return np.stack(kinds, axis=1)
