"""Probabilities for patches that the networks did not learn from (the paper: Abnormality).

Gradient boosting must learn from probabilities such as it will meet on new patches. On patches the
networks were trained on they are too good. So inner folds are drawn within the training part: each
is predicted by networks that never saw it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import logging

from rbc_tf.classification.group_folds import spread_evenly
from rbc_tf.classification.heads import HeadsConfig, predict
from rbc_tf.classification.training import train_heads
from rbc_tf.core.types import FeatureTable

# The fold of rows that all networks learn from and none predicts.
ALWAYS_LEARNT = -1

# One fold is predicted, one says when to stop, and one at least must be left to learn from.
_FEWEST_FOLDS = 3


@dataclasses.dataclass(frozen=True)
class FoldsConfig:
    """Inner folds: how many, and the seed they are drawn by."""

    num_folds: int = 5
    seed: int = 0

    def __post_init__(self):
        if self.num_folds < _FEWEST_FOLDS:
            raise ValueError(
                f"`num_folds` must be {_FEWEST_FOLDS} or more. Received: {self.num_folds}"
            )


def draw_folds(table: FeatureTable, config: FoldsConfig) -> np.ndarray:
    """int [N], the fold of each row. No group is in two folds; types are spread evenly, another
    way for each seed.

    There are fewer folds where there are fewer groups.

    Raises:
        ValueError: fewer than three groups.
    """
    num_groups = len(np.unique(table.groups))
    if num_groups < _FEWEST_FOLDS:
        raise ValueError(
            f"The training part must have {_FEWEST_FOLDS} groups or more, to keep patches that "
            f"were photographed together on one side. Received: {num_groups}"
        )
    if num_groups < config.num_folds:
        logging.warning("%d groups allow only that many inner folds.", num_groups)
    return spread_evenly(table, table.groups, min(config.num_folds, num_groups), config.seed)


def out_of_fold_probabilities(
    train: FeatureTable, names: Sequence[str], config: HeadsConfig, folds: np.ndarray
) -> np.ndarray:
    """float32 [N, T], for each row the output of networks that saw no patch of its group.

    Fold k is predicted by networks that learnt from the other folds but k + 1, which said when
    to stop. Rows of fold ALWAYS_LEARNT get NaN.

    Args:
        train: the training rows, and no others.
        names: T names of the cell types, in the order of the labels.
        config: of the networks.
        folds: int [N], the fold of each row, as `draw_folds` gives them.
    """
    num_folds = folds.max() + 1
    probabilities = np.full(train.labels.shape, np.nan, np.float32)
    for fold in range(num_folds):
        logging.info("Inner fold %d of %d.", fold + 1, num_folds)
        held_out = folds == fold
        stopping = folds == (fold + 1) % num_folds
        trained = train_heads(
            train.select(~held_out & ~stopping), train.select(stopping), names, config
        )
        probabilities[held_out] = predict(trained.model, train.features[held_out])
    return probabilities
