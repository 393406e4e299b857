"""Folds of whole groups, stratified by type, and probabilities of rows that a fold held out.

Gradient boosting (the paper: Abnormality) must learn from probabilities such as it will meet on new
patches. On patches that the heads were trained on they are too good. So inner folds are drawn
within the training part: each is predicted by heads that never saw it.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import logging

from rbc_tf.classification.heads import HeadsConfig, predict
from rbc_tf.classification.training import train_heads
from rbc_tf.core.types import PRESENT, FeatureTable

# The fold of rows that all heads learn from and none predicts.
NOT_HELD_OUT = -1

# One fold is predicted, one decides when to stop, and one at least must be left to train on.
_FEWEST_FOLDS = 3

# Starts that are compared, and passes over the units at most; each pass costs milliseconds.
_NUM_STARTS, _MAX_PASSES = 10, 50


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
    """int [N], the fold of each row, stratified by type. No group is in two folds.

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
    return stratified_folds(table, table.groups, min(config.num_folds, num_groups), config.seed)


def out_of_fold_probabilities(
    train: FeatureTable, names: Sequence[str], config: HeadsConfig, folds: np.ndarray
) -> np.ndarray:
    """float32 [N, T], for each row the output of heads that saw no patch of its group.

    Fold k is predicted by heads that learnt from the other folds but k + 1, which decided
    when to stop. Rows of fold NOT_HELD_OUT get NaN.

    Args:
        train: the training rows, and no others.
        names: T names of the cell types, in the order of the labels.
        config: of the heads.
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


def stratified_folds(
    table: FeatureTable, units: np.ndarray, num_folds: int, seed: int
) -> np.ndarray:
    """int [N], the fold of each row, stratified by type and by single-cell and multi-cell regions.

    Args:
        table: the rows.
        units: [N], what must not be divided between folds: the group of each row, say. There are
            as many different ones as folds or more, and so no fold is empty.
        num_folds: how many folds.
        seed: of the draw.
    """
    names, unit_of_row = np.unique(units, return_inverse=True)
    present = table.labels == PRESENT
    kinds = [np.ones(len(table)), table.num_cells > 1, present.sum(axis=1) > 1, *present.T]
    counts = [np.bincount(unit_of_row, kind, len(names)) for kind in kinds]
    counts = np.stack([count for count in counts if count.any()], axis=1)
    rng = np.random.default_rng(seed)
    shares = counts / counts.sum(axis=0)
    drawn = [_spread(shares, num_folds, rng) for _ in range(_NUM_STARTS)]
    return min(drawn, key=lambda folds: _unevenness(shares, folds, num_folds))[unit_of_row]


def _spread(shares: np.ndarray, num_folds: int, rng: np.random.Generator) -> np.ndarray:
    """int [U], folds of units that spread each column of shares float64 [U, C] evenly.

    From a random start each unit in turn moves to where it fits best, until none moves. What falls
    is the sum of the squared shares of folds, least where all folds hold the same. A unit that is
    alone in its fold stays, since any other fold holds some of its columns: no fold gets empty.
    """
    folds = rng.permutation(len(shares)) % num_folds
    held = _held(shares, folds, num_folds)
    for _ in range(_MAX_PASSES):
        moved = False
        for unit in rng.permutation(len(shares)):
            held[folds[unit]] -= shares[unit]
            # |h + s|^2 - |h|^2 = 2 h.s + |s|^2, of which the last is the same for each fold.
            best = int(np.argmin(held @ shares[unit]))
            moved |= best != folds[unit]
            folds[unit] = best
            held[best] += shares[unit]
        if not moved:
            break
    return folds


def _unevenness(shares: np.ndarray, folds: np.ndarray, num_folds: int) -> float:
    return float(np.square(_held(shares, folds, num_folds)).sum())


def _held(shares: np.ndarray, folds: np.ndarray, num_folds: int) -> np.ndarray:
    """float64 [F, C], what each fold holds of each column."""
    return np.stack([shares[folds == fold].sum(axis=0) for fold in range(num_folds)])
