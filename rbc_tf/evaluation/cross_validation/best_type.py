"""One answer per region: how often the best type is a true one.

On single-cell regions this is the accuracy that classifiers of single cells report, whatever the
thresholds.
"""

import dataclasses

from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.metrics.best_type import best_is_right
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.fold_scores import Score, measure
from rbc_tf.metrics.statistics import shares


@dataclasses.dataclass(frozen=True)
class BestType:
    """Share of single-cell regions whose type of highest probability is the true one."""

    model: str
    right: Score


def score_best_type(predictions: Predictions, bootstrap: GroupBootstrap) -> tuple[BestType, ...]:
    """One entry per model.

    Args:
        predictions: of complete regions.
        bootstrap: of the same rows; its first kind is single-cell.
    """
    single = bootstrap.kinds[:, 0]
    found = []
    for model, probabilities in predictions.probabilities.items():
        right = best_is_right(probabilities, predictions.labels)[:, None]
        statistic = shares(right, bootstrap.unit_of_row)
        measured = measure(statistic, lambda weights: weights * single, bootstrap)
        found.append(BestType(model, *measured.scores()))
    return tuple(found)
