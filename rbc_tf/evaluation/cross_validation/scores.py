"""All scores of a cross-validation, from held-out predictions of complete regions (the paper: Table
1 and Abnormality).

Beside the paper's three experiments stand every model on every subset of the regions, since
training on multi-cell regions can only show on those, and on all regions weighted to the paper's
own proportion of the two kinds. What is scored is what `metrics.region_scores` registers.
"""

import dataclasses

import numpy as np

from rbc_tf.core.score import Score, one
from rbc_tf.evaluation.cross_validation import contents, paper
from rbc_tf.evaluation.cross_validation.predictions import (
    MODEL_A,
    MODEL_A_EQUAL,
    MODEL_A_REAL,
    MODEL_B,
    MODEL_SINGLE_LABEL,
    Predictions,
)
from rbc_tf.metrics import classified, region_scores
from rbc_tf.metrics.bootstrap import GroupBootstrap
from rbc_tf.metrics.classified import (
    ALL,
    MULTI_CELL,
    SEVERAL_TYPES,
    SINGLE_CELL,
    BinaryPredictions,
    ClassifiedRegions,
)
from rbc_tf.metrics.fold_scores import POOLED, FoldScore, Measured, Weighting, average, measure
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD
from rbc_tf.metrics.outcomes import outcomes
from rbc_tf.metrics.statistics import rebalance, shares

# All regions, weighted to the paper's proportion of single-cell and multi-cell ones.
REWEIGHTED = "reweighted"
SUBSETS = (*classified.SUBSETS, REWEIGHTED)

PAPER_SINGLE_CELL_SHARE = paper.NUM_SINGLE_CELL / (paper.NUM_SINGLE_CELL + paper.NUM_MULTI_CELL)

# The rows of Table 1: what they are called, the model and the subset that it is tested on.
EXPERIMENTS = {
    "A": (MODEL_A, ALL),
    "A*": (MODEL_A, SINGLE_CELL),
    "B": (MODEL_B, ALL),
    "A equal": (MODEL_A_EQUAL, ALL),
    "A real": (MODEL_A_REAL, ALL),
    "B*": (MODEL_B, SINGLE_CELL),
    "single label*": (MODEL_SINGLE_LABEL, SINGLE_CELL),
    "A multi": (MODEL_A, MULTI_CELL),
    "B multi": (MODEL_B, MULTI_CELL),
    "A several": (MODEL_A, SEVERAL_TYPES),
    "B several": (MODEL_B, SEVERAL_TYPES),
    "A real multi": (MODEL_A_REAL, MULTI_CELL),
    "A real several": (MODEL_A_REAL, SEVERAL_TYPES),
    "A 44:56": (MODEL_A, REWEIGHTED),
    "B 44:56": (MODEL_B, REWEIGHTED),
}

# Always the first minus the second.
DIFFERENCES = ((MODEL_A, MODEL_B), (MODEL_A_EQUAL, MODEL_B), (MODEL_A, MODEL_A_REAL))

# How abnormality is predicted: by the paper's gradient boosting; by any abnormal type above its
# threshold; by 1 - prod(1 - p) over the abnormal types. And as what the most regions are.
BOOSTING, ANY_TYPE, NOISY_OR = "boosting", "any_type", "noisy_or"
MAJORITY = "majority"

# The threshold is 0.5 here and nothing is calibrated: these would be the same as others.
_WITHOUT = ("exact_match_plain",)

# Name of a score and the type that it is of, None for scores of regions.
_Key = tuple[str, str | None]


@dataclasses.dataclass(frozen=True)
class HeldOutScores:
    """Scores of complete regions.

    Attributes:
        names: of the cell types.
        models: of `predictions.MODELS`, those that were trained.
        counts: 'num_regions', 'num_groups', 'num_folds' and, of each type, 'n_positive' of each
            subset, and how much there is besides.
        over_folds: of a 'model' (or the difference of two, 'A - B') and a 'subset', and of a 'type'
            or of 'abnormality' where a score depends on that.
        by_content: exact match of each 'model', its 'subset' one of `contents.subsets`.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    counts: tuple[Score, ...]
    over_folds: tuple[FoldScore, ...]
    by_content: tuple[FoldScore, ...]

    @property
    def experiments(self) -> dict[str, tuple[str, str]]:
        """Those of `EXPERIMENTS` whose model was trained and whose subset is not empty."""
        return {
            name: (model, subset)
            for name, (model, subset) in EXPERIMENTS.items()
            if model in self.models and self._has(subset)
        }

    def _has(self, subset: str) -> bool:
        needed = (SINGLE_CELL, MULTI_CELL) if subset == REWEIGHTED else (subset,)
        return all(one(self.counts, "num_regions", subset=name).value for name in needed)

    @property
    def scores(self) -> list[Score]:
        """All of them as one list, the paper's own last."""
        of_all = (*self.over_folds, *self.by_content)
        over_folds = (score for of_folds in of_all for score in of_folds.scores())
        return [*self.counts, *over_folds, *paper.SCORES]


def score_held_out(
    predictions: Predictions, abnormal_types: np.ndarray, num_resamples: int = 2000, seed: int = 0
) -> HeldOutScores:
    """Scores the complete regions among the predictions.

    Args:
        predictions: of models A, B and others, and of A's gradient boosting.
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
    regions = {model: _classified(complete, model) for model in complete.probabilities}
    bootstrap = regions[MODEL_A].bootstrap(num_resamples, seed)
    measured = {
        (model, subset): found
        for model, of_model in regions.items()
        for subset, found in _measure(of_model, bootstrap).items()
    }
    for first, second in DIFFERENCES:
        for subset in SUBSETS if {first, second} <= set(regions) else ():
            of_first, of_second = measured[first, subset], measured[second, subset]
            difference = {key: of_first[key].minus(of_second[key]) for key in of_first}
            measured[f"{first} - {second}", subset] = difference
    counts = _counts(complete)
    over_folds = [
        score
        for (model, subset), found in measured.items()
        for score in _scores_of(found, {"model": model, "subset": subset}, counts)
    ]
    abnormality = _abnormality(complete, regions[MODEL_A], abnormal_types, bootstrap)
    further = [
        Score("num_incomplete", len(predictions) - len(complete)),
        Score("num_resamples", num_resamples),
        *_majority(regions[MODEL_A], abnormal_types),
    ]
    scores = (*over_folds, *abnormality)
    return HeldOutScores(
        names=predictions.names,
        models=tuple(regions),
        counts=(*counts, *further),
        over_folds=scores,
        by_content=contents.score(regions, bootstrap),
    )


def _classified(predictions: Predictions, model: str) -> ClassifiedRegions:
    return ClassifiedRegions(
        names=predictions.names,
        labels=predictions.labels,
        num_cells=predictions.num_cells,
        groups=predictions.groups,
        probabilities=predictions.probabilities[model],
        thresholds=np.full(len(predictions.names), PLAIN_THRESHOLD),
        folds=predictions.folds,
    )


def _measure(
    regions: ClassifiedRegions, bootstrap: GroupBootstrap
) -> dict[str, dict[_Key, Measured]]:
    """Everything by subset: a statistic at a time, since pairs of an area fill much memory."""
    weightings, units = _weightings(bootstrap), bootstrap.unit_of_row
    found: dict[str, dict[_Key, Measured]] = {subset: {} for subset in SUBSETS}
    for name, of, statistic in region_scores.statistics_of(regions, units, _WITHOUT):
        for subset, weigh in weightings.items():
            found[subset][name, of.get("type")] = measure(statistic, weigh, bootstrap)
    for name, is_case in outcomes(regions.predicted, regions.truth).items():
        statistic = shares(is_case[:, None], units)
        several = measure(statistic, weightings[SEVERAL_TYPES], bootstrap)
        found[SEVERAL_TYPES][name, None] = several
    return found


def _weightings(bootstrap: GroupBootstrap) -> dict[str, Weighting]:
    def within(units: np.ndarray) -> Weighting:
        return lambda weights: weights * units

    single_cell = classified.units_of(SINGLE_CELL, bootstrap)
    return {
        **{name: within(classified.units_of(name, bootstrap)) for name in classified.SUBSETS},
        REWEIGHTED: lambda weights: rebalance(
            weights, bootstrap.counts, single_cell, PAPER_SINGLE_CELL_SHARE
        ),
    }


def _scores_of(
    found: dict[_Key, Measured], of: dict[str, str], counts: tuple[Score, ...]
) -> list[FoldScore]:
    """Those of one model and subset: of regions, means over types, then type by type."""
    subset = ALL if of["subset"] == REWEIGHTED else of["subset"]
    support = {
        score.of.get("type"): score.value
        for score in counts
        if score.name in ("num_regions", "n_positive") and score.of["subset"] == subset
    }
    of_regions = {name: values for (name, type_name), values in found.items() if not type_name}
    names = dict.fromkeys(name for name, type_name in found if type_name)
    for name in names:
        of_types = [v for (other, of_type), v in found.items() if of_type and other == name]
        of_regions[f"macro_{name}"] = _macro(of_types)
    return [
        *(values.score(name, of, support[None]) for name, values in of_regions.items()),
        *(
            found[name, type_name].score(name, {**of, "type": type_name}, support[type_name])
            for name in names
            for type_name in support
            if type_name
        ),
    ]


def _macro(of_types: list[Measured]) -> Measured:
    """The mean over the types that define a score, in a fold at least and pooled.

    It has no value in a fold that lacks one of them.
    """
    defined = [measured for measured in of_types if measured.defined]
    if defined:
        return average(defined)
    return Measured(*(np.full_like(values, np.nan) for values in vars(of_types[0]).values()))


def _abnormality(
    predictions: Predictions,
    regions: ClassifiedRegions,
    abnormal_types: np.ndarray,
    bootstrap: GroupBootstrap,
) -> list[FoldScore]:
    """The gradient boosting beside two rules without training, by Model A, and what it gains."""
    probabilities = regions.probabilities[:, abnormal_types].astype(np.float64)
    noisy_or = 1 - np.prod(1 - probabilities, axis=1)
    highest = probabilities.max(axis=1, initial=0)
    predicted = {
        BOOSTING: (predictions.abnormal > PLAIN_THRESHOLD, predictions.abnormal),
        ANY_TYPE: (regions.predicted[:, abnormal_types].any(axis=1), highest),
        NOISY_OR: (noisy_or > PLAIN_THRESHOLD, noisy_or),
    }
    truth = regions.truth[:, abnormal_types].any(axis=1)
    measured: dict[str, dict[str, Measured]] = {}
    for method, values in predicted.items():
        binary = BinaryPredictions(truth, *values)
        measured[method] = {
            name: measure(statistic, lambda weights: weights, bootstrap)
            for name, statistic in region_scores.binary_statistics(
                binary, bootstrap.unit_of_row, region_scores.ABNORMALITY_SCORES
            )
        }
    measured[f"{BOOSTING} - {ANY_TYPE}"] = {
        name: values.minus(measured[ANY_TYPE][name]) for name, values in measured[BOOSTING].items()
    }
    of = {"model": MODEL_A, "subset": ALL}
    return [
        values.score(name, {**of, "abnormality": method}, len(truth))
        for method, found in measured.items()
        for name, values in found.items()
    ]


def _majority(regions: ClassifiedRegions, abnormal_types: np.ndarray) -> list[Score]:
    """How many regions are abnormal, and how often always predicting the commoner is right.

    No way to predict abnormality that does worse is of use.
    """
    truth = regions.truth[:, abnormal_types].any(axis=1)
    of = {"subset": ALL, "abnormality": MAJORITY, "aggregate": POOLED}
    share = max(truth.mean(), 1 - truth.mean())
    return [
        Score("n_abnormal", int(truth.sum()), of={"subset": ALL}, support=len(truth)),
        Score("accuracy", share, of=of, support=len(truth)),
    ]


def _counts(predictions: Predictions) -> tuple[Score, ...]:
    """What each subset holds: regions, groups and folds, in all and with each type.

    Of a type, the folds are those with regions that have it and regions that do not: the others
    have no AUC for it.
    """
    regions = _classified(predictions, MODEL_A)
    counts = []
    for subset in classified.SUBSETS:
        rows, of = regions.rows_of(subset), {"subset": subset}
        labels, groups, folds = regions.truth[rows], regions.groups[rows], regions.folds[rows]
        counts += [
            Score("num_regions", int(rows.sum()), of=of),
            Score("num_groups", len(np.unique(groups)), of=of),
            Score("num_folds", len(np.unique(folds)), of=of),
        ]
        for name, present in zip(predictions.names, labels.T, strict=True):
            of_type = {**of, "type": name}
            both = set(folds[present].tolist()) & set(folds[~present].tolist())
            counts += [
                Score("n_positive", int(present.sum()), of=of_type),
                Score("num_groups", len(np.unique(groups[present])), of=of_type),
                Score("num_folds", len(both), of=of_type),
            ]
    return tuple(counts)
