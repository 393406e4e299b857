"""All scores of a cross-validation from its held-out predictions."""

import dataclasses

import numpy as np

from rbc_tf.evaluation.cross_validation.answers import Answers, score_answers
from rbc_tf.evaluation.cross_validation.best_type import BestType, score_best_type
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.evaluation.cross_validation.table1 import Table1, score_table1
from rbc_tf.evaluation.cross_validation.verdict import Verdicts, score_verdicts
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD


@dataclasses.dataclass(frozen=True)
class HeldOutScores:
    """Scores of complete regions, and how many there were.

    Attributes:
        num_regions, num_single_cell, num_multi_cell, num_several_types: complete regions.
        num_incomplete: regions that were not scored.
        num_groups, num_folds: of the complete regions.
        num_resamples: of the bootstrap.
        table1, best_types, answers, verdicts: the scores.
    """

    num_regions: int
    num_single_cell: int
    num_multi_cell: int
    num_several_types: int
    num_incomplete: int
    num_groups: int
    num_folds: int
    num_resamples: int
    table1: Table1
    best_types: tuple[BestType, ...]
    answers: tuple[Answers, ...]
    verdicts: Verdicts


def score_held_out(
    predictions: Predictions, abnormal_types: np.ndarray, num_resamples: int = 2000, seed: int = 0
) -> HeldOutScores:
    """Scores the complete regions among the predictions.

    Args:
        predictions: of models A, B and A_equal and of A's gradient boosting.
        abnormal_types: bool [T], the types that are abnormal.
        num_resamples, seed: of the bootstrap by group.

    Raises:
        ValueError: no region is complete.
    """
    complete = predictions.select(predictions.scored)
    if not len(complete):
        raise ValueError(
            "At least one completely labelled region is required to be scored. Received: "
            f"{len(predictions)} regions, none of them complete"
        )
    kinds = np.column_stack([complete.single_cell, complete.several_types])
    bootstrap = GroupBootstrap(complete.groups, complete.folds, kinds, num_resamples, seed)
    thresholds = np.full(len(predictions.names), PLAIN_THRESHOLD)
    single = int(complete.single_cell.sum())
    return HeldOutScores(
        num_regions=len(complete),
        num_single_cell=single,
        num_multi_cell=len(complete) - single,
        num_several_types=int(complete.several_types.sum()),
        num_incomplete=len(predictions) - len(complete),
        num_groups=len(np.unique(complete.groups)),
        num_folds=len(np.unique(complete.folds)),
        num_resamples=num_resamples,
        table1=score_table1(complete, thresholds, bootstrap),
        best_types=score_best_type(complete, bootstrap),
        answers=score_answers(complete, thresholds, bootstrap),
        verdicts=score_verdicts(complete, abnormal_types, thresholds, bootstrap),
    )
