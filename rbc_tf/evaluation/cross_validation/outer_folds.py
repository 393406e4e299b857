"""Which rows of a cross-validation train, stop and test each model (the paper: What it reports)."""

import dataclasses

import numpy as np

from rbc_tf.classification.folds import NOT_HELD_OUT, FoldsConfig, draw_folds, stratified_folds
from rbc_tf.core.types import PRESENT, FeatureTable
from rbc_tf.evaluation.cross_validation.predictions import (
    MODEL_A,
    MODEL_A_EQUAL,
    MODEL_A_REAL,
    MODEL_B,
    MODEL_SINGLE_LABEL,
)

BY_GROUP, BY_PATCH = "group", "patch"

# The fold of rows that are trained on in every fold and scored in none.
TRAIN_ONLY = -1

# The fold of rows that take no part.
NO_FOLD = -2


@dataclasses.dataclass(frozen=True)
class OuterFoldsConfig:
    """How the outer folds are drawn.

    Attributes:
        num_folds: 5 in the paper.
        folds_by: 'group' keeps what was photographed together on one side; 'patch' draws each
            patch by itself, as the paper seems to: neighbours in one image then train and test.
        seed: of the draw.
    """

    num_folds: int = 5
    folds_by: str = BY_GROUP
    seed: int = 0

    def __post_init__(self):
        if self.num_folds < 2:
            raise ValueError(f"`num_folds` must be 2 or more. Received: {self.num_folds}")
        if self.folds_by not in (BY_GROUP, BY_PATCH):
            raise ValueError(
                f"`folds_by` must be '{BY_GROUP}' or '{BY_PATCH}'. Received: {self.folds_by!r}"
            )
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One outer fold, as indices of rows, int [n] each.

    Attributes:
        train: what Model A is trained on.
        stopping: what decides when it stops; other groups than those of `train`.
        test: the fold itself.
    """

    train: np.ndarray
    stopping: np.ndarray
    test: np.ndarray


def draw_outer_folds(table: FeatureTable, config: OuterFoldsConfig) -> np.ndarray:
    """int [N], the fold of each row; rows, types and multi-cell regions are spread evenly.

    Raises:
        ValueError: there are fewer groups (or patches) than folds.
    """
    units = table.groups if config.folds_by == BY_GROUP else np.arange(len(table))
    if len(np.unique(units)) < config.num_folds:
        raise ValueError(
            f"{config.num_folds} folds by {config.folds_by} require that many. "
            f"Received: {len(np.unique(units))}"
        )
    return stratified_folds(table, units, config.num_folds, config.seed)


def split_outer_fold(table: FeatureTable, folds: np.ndarray, fold: int, inner: FoldsConfig) -> Part:
    """The rows of one outer fold, and those of the others, of which one inner fold stops training.

    Inner folds are drawn by group. The one taken leaves the most types among the single-cell rows
    to train on: a type that few groups hold would else be lost to every model. Rows of fold
    TRAIN_ONLY never stop a training: where the backbone has seen them, their loss says little.

    Raises:
        ValueError: the other folds have fewer than three groups.
    """
    others = np.flatnonzero((folds != fold) & (folds != NO_FOLD))
    rest = table.select(others)
    inner_folds = draw_inner_folds(rest, folds[others], inner)
    single_cell = rest.num_cells == 1
    types_left = [
        (rest.labels[single_cell & (inner_folds != f)] == PRESENT).any(axis=0).sum()
        for f in range(inner_folds.max() + 1)
    ]
    stops = inner_folds == np.argmax(types_left)
    return Part(others[~stops], others[stops], np.flatnonzero(folds == fold))


def draw_inner_folds(rest: FeatureTable, folds: np.ndarray, inner: FoldsConfig) -> np.ndarray:
    """int [n], an inner fold of each row; `NOT_HELD_OUT` for rows of fold TRAIN_ONLY.

    Args:
        rest: the rows to train on.
        folds: int [n], their outer folds.
        inner: how many, and the seed.

    Raises:
        ValueError: fewer than three groups are not of fold TRAIN_ONLY.
    """
    scored = folds != TRAIN_ONLY
    inner_folds = np.full(len(rest), NOT_HELD_OUT)
    inner_folds[scored] = draw_folds(rest.select(scored), inner)
    return inner_folds


def rows_for(
    model: str,
    part: Part,
    table: FeatureTable,
    seed: int | tuple[int, ...],
    composed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows int [n] that a model is trained on, and rows that decide when it stops.

    Model A has all, Model B the single-cell regions. A_equal has as many as B, drawn from A's: what
    it does better than B is not for want of examples. A_real has those of real images, the
    single-label network the single cells of real images that have exactly one type.

    Args:
        model: one of `predictions.MODELS`.
        part: of the fold.
        table: all rows.
        seed: of the draw for A_equal.
        composed: bool [N], rows of composed images; None: there are none.

    Raises:
        ValueError: no region is left to train on.
    """
    if model == MODEL_A:
        return part.train, part.stopping
    real = np.ones(len(table), bool) if composed is None else ~composed
    wanted = table.num_cells == 1
    if model == MODEL_A_REAL:
        wanted = real
    if model == MODEL_SINGLE_LABEL:
        wanted = wanted & real & ((table.labels == PRESENT).sum(axis=1) == 1)
    train, stopping = (rows[wanted[rows]] for rows in (part.train, part.stopping))
    if not len(train):
        kinds = {MODEL_A_REAL: "real", MODEL_SINGLE_LABEL: "real single-cell, of one type,"}
        kind = kinds.get(model, "single-cell")
        raise ValueError(f"Model {model} requires {kind} regions to train on. Received: none")
    if model in (MODEL_B, MODEL_A_REAL, MODEL_SINGLE_LABEL):
        return train, stopping
    if model != MODEL_A_EQUAL:
        raise ValueError(f"Unknown model '{model}'.")
    rng = np.random.default_rng(seed)
    drawn = [
        np.sort(rng.choice(rows, len(fewer), replace=False))
        for rows, fewer in ((part.train, train), (part.stopping, stopping))
    ]
    return drawn[0], drawn[1]
