"""Models A, A* and B against each other (the paper: Table 1), and where they differ.

Everything is computed from held-out predictions of complete regions. Beside the paper's three
experiments stand the same models on parts of the regions, since training on multi-cell regions can
only show on those, and on all regions weighted to the paper's own proportion of the two kinds.
"""

import dataclasses

import numpy as np

from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.cross_validation import paper
from rbc_tf.evaluation.cross_validation.predictions import (
    MODEL_A,
    MODEL_A_EQUAL,
    MODEL_B,
    Predictions,
)
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.fold_scores import Measured, Score, Weighting, measure, side_by_side
from rbc_tf.metrics.statistics import area, rebalance, shares

# What is tested on: all regions; single-cell or multi-cell ones; those with two true types or more;
# all, weighted to the paper's proportion of single-cell and multi-cell regions.
ALL, SINGLE, MULTI, SEVERAL, REWEIGHTED = "all", "single", "multi", "several_types", "reweighted"
SUBSETS = (ALL, SINGLE, MULTI, SEVERAL, REWEIGHTED)

PAPER_SINGLE_SHARE = paper.NUM_SINGLE_CELL / (paper.NUM_SINGLE_CELL + paper.NUM_MULTI_CELL)

# Name, model and what it is tested on.
EXPERIMENTS = (
    ("A", MODEL_A, ALL),
    ("A*", MODEL_A, SINGLE),
    ("B", MODEL_B, ALL),
    ("A equal", MODEL_A_EQUAL, ALL),
    ("B*", MODEL_B, SINGLE),
    ("A multi", MODEL_A, MULTI),
    ("B multi", MODEL_B, MULTI),
    ("A several", MODEL_A, SEVERAL),
    ("B several", MODEL_B, SEVERAL),
    ("A 44:56", MODEL_A, REWEIGHTED),
    ("B 44:56", MODEL_B, REWEIGHTED),
)

# Always the first minus the second; each on every subset.
_COMPARISONS = ((MODEL_A, MODEL_B), (MODEL_A_EQUAL, MODEL_B))


@dataclasses.dataclass(frozen=True)
class TypeScores:
    """Scores over a set of regions.

    Attributes:
        exact_match: share of regions of which every type is right.
        macro_auc: mean AUC over `macro_types`. Its mean is that of their means; it has no value
            in a fold that lacks one of them.
        macro_types: the types that have an AUC there, in at least one fold and pooled.
        auc: area under the ROC curve by the name of the type.
    """

    exact_match: Score
    macro_auc: Score
    macro_types: tuple[str, ...]
    auc: dict[str, Score]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One row of the table."""

    name: str
    model: str
    subset: str
    scores: TypeScores


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The scores of one model minus those of another on the same regions, paired."""

    first: str
    second: str
    subset: str
    scores: TypeScores


@dataclasses.dataclass(frozen=True)
class TypeCoverage:
    """How many regions have a type, in how many groups, and how many folds can score its AUC."""

    num_positive: int
    num_groups: int
    num_folds: int


@dataclasses.dataclass(frozen=True)
class Coverage:
    """What a subset holds."""

    num_regions: int
    num_groups: int
    num_folds: int
    types: dict[str, TypeCoverage]


@dataclasses.dataclass(frozen=True)
class Table1:
    """The rows, the differences, and what each subset holds, by its name."""

    experiments: tuple[Experiment, ...]
    comparisons: tuple[Comparison, ...]
    coverage: dict[str, Coverage]


def score_table1(
    predictions: Predictions, thresholds: np.ndarray, bootstrap: GroupBootstrap
) -> Table1:
    """Scores models A, B and A_equal.

    Args:
        predictions: of complete regions alone (`predictions.select(predictions.scored)`).
        thresholds: float [T]; a type is said to be present above its threshold.
        bootstrap: of these rows; its kinds are 'single-cell' and 'several types'.

    Raises:
        ValueError: a region is not complete, or there is none.
    """
    if not len(predictions) or not predictions.scored.all():
        raise ValueError(
            "Only complete regions can be scored, and one at least is required. Received: "
            f"{len(predictions)}, of which {int(predictions.scored.sum())} are complete"
        )
    measured = {}
    for model in predictions.probabilities:
        measured |= _measure(predictions, model, thresholds, bootstrap)
    names = predictions.names
    return Table1(
        experiments=tuple(
            Experiment(name, model, subset, _type_scores(measured[model, subset], names))
            for name, model, subset in EXPERIMENTS
        ),
        comparisons=tuple(
            Comparison(one, other, subset, _difference(measured, one, other, subset, names))
            for one, other in _COMPARISONS
            for subset in SUBSETS
        ),
        coverage={subset: _coverage(predictions, subset) for subset in SUBSETS[:-1]},
    )


def _measure(
    predictions: Predictions, model: str, thresholds: np.ndarray, bootstrap: GroupBootstrap
) -> dict[tuple[str, str], Measured]:
    """By model and subset, T areas and, last, the exact match."""
    probabilities, truth = predictions.probabilities[model], predictions.labels == PRESENT
    exact = ((probabilities > thresholds) == truth).all(axis=1, keepdims=True)
    weightings = _weightings(bootstrap)
    found = {subset: [] for subset in SUBSETS}
    # One statistic at a time: with many units the pairs of a type fill much memory.
    for column in range(len(predictions.names) + 1):
        if column < len(predictions.names):
            scores, positive = probabilities[:, column], truth[:, column]
            statistic = area(scores, positive, bootstrap.unit_of_row)
        else:
            statistic = shares(exact, bootstrap.unit_of_row)
        for subset in SUBSETS:
            found[subset].append(measure(statistic, weightings[subset], bootstrap))
    return {(model, subset): side_by_side(columns) for subset, columns in found.items()}


def _weightings(bootstrap: GroupBootstrap) -> dict[str, Weighting]:
    single, several = bootstrap.kinds.T
    return {
        ALL: lambda weights: weights,
        SINGLE: lambda weights: weights * single,
        MULTI: lambda weights: weights * ~single,
        SEVERAL: lambda weights: weights * several,
        REWEIGHTED: lambda weights: rebalance(
            weights, bootstrap.counts, single, PAPER_SINGLE_SHARE
        ),
    }


def _type_scores(measured: Measured, names: tuple[str, ...]) -> TypeScores:
    *auc, exact_match = measured.scores()
    has_auc = np.isfinite(measured.mean) & np.isfinite(measured.pooled)
    has_auc[-1] = False
    return TypeScores(
        exact_match=exact_match,
        macro_auc=measured.average(has_auc).scores()[0],
        macro_types=tuple(name for name, has in zip(names, has_auc[:-1], strict=True) if has),
        auc=dict(zip(names, auc, strict=True)),
    )


def _difference(
    measured: dict[tuple[str, str], Measured],
    one: str,
    other: str,
    subset: str,
    names: tuple[str, ...],
) -> TypeScores:
    return _type_scores(measured[one, subset].minus(measured[other, subset]), names)


def _coverage(predictions: Predictions, subset: str) -> Coverage:
    rows = {
        ALL: np.ones(len(predictions), bool),
        SINGLE: predictions.single_cell,
        MULTI: ~predictions.single_cell,
        SEVERAL: predictions.several_types,
    }[subset]
    labels, groups = predictions.labels[rows] == PRESENT, predictions.groups[rows]
    folds = predictions.folds[rows]
    types = {}
    for name, present in zip(predictions.names, labels.T, strict=True):
        both = set(folds[present].tolist()) & set(folds[~present].tolist())
        types[name] = TypeCoverage(
            int(present.sum()), len(np.unique(groups[present])), num_folds=len(both)
        )
    return Coverage(int(rows.sum()), len(np.unique(groups)), len(np.unique(folds)), types)
