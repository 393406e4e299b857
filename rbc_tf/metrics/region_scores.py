"""Scores of classified regions: arrays in, a list of `Score` out.

To add a score, write one function here, and its test. `region_score` takes a value of each region,
in [0, 1] with 1 the best, and scores its mean; `binary_score` takes one yes or no about each region
and scores every type, and abnormality where `of_abnormality`. The score then stands in every table,
file, log and card that shows scores, with intervals, in each fold and on each subset: a statistic
of weighted rows gives them all (see `statistics`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.metrics import statistics
from rbc_tf.metrics.bootstrap import interval
from rbc_tf.metrics.classified import (
    SUBSETS,
    BinaryPredictions,
    ClassifiedRegions,
    decide,
    weights_of,
)
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD, best_type_right, exactly_right, jaccard
from rbc_tf.metrics.statistics import Statistic

# How abnormality is predicted in a bundle.
BOOSTING = "boosting"

RegionScore = Callable[[ClassifiedRegions], np.ndarray | None]
BinaryScore = Callable[[BinaryPredictions, np.ndarray], Statistic | None]

# By the names of the scores, in the order of tables.
REGION_SCORES: dict[str, RegionScore] = {}
TYPE_SCORES: dict[str, BinaryScore] = {}
ABNORMALITY_SCORES: dict[str, BinaryScore] = {}


def region_score(function: RegionScore) -> RegionScore:
    """Registers what gives float or bool [N], or None where the regions lack what it needs."""
    REGION_SCORES[function.__name__] = function
    return function


def binary_score(of_types: bool = True, of_abnormality: bool = False):
    """Registers what gives a statistic of one score, or None where something is lacking for it."""

    def register(function: BinaryScore) -> BinaryScore:
        if of_types:
            TYPE_SCORES[function.__name__] = function
        if of_abnormality:
            ABNORMALITY_SCORES[function.__name__] = function
        return function

    return register


@region_score
def exact_match(regions: ClassifiedRegions) -> np.ndarray:
    """Every type is right."""
    return exactly_right(np.asarray(regions.predicted), regions.truth)


@region_score
def exact_match_plain(regions: ClassifiedRegions) -> np.ndarray | None:
    """Every type is right where each is predicted above 0.5, the paper's threshold.

    On the outputs before calibration where there are any; temperatures leave 0.5 where it is.
    """
    return _exact_match_at_half(regions, at_least_one=False)


@region_score
def exact_match_at_least_one(regions: ClassifiedRegions) -> np.ndarray | None:
    """As `exact_match_plain`, but where no type is above 0.5 that of highest probability is."""
    return _exact_match_at_half(regions, at_least_one=True)


@region_score
def best_type(regions: ClassifiedRegions) -> np.ndarray | None:
    """The type of highest probability is a true one: on single cells, the usual accuracy."""
    if regions.probabilities is None:
        return None
    return best_type_right(regions.probabilities, regions.labels)


@region_score
def jaccard_index(regions: ClassifiedRegions) -> np.ndarray:
    """True and predicted types in common, of all that are true or predicted."""
    return jaccard(np.asarray(regions.predicted), regions.truth)


@binary_score(of_types=False, of_abnormality=True)
def accuracy(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Share of the regions that are predicted right."""
    return _share(of.predicted == of.truth, units)


@binary_score(of_abnormality=True)
def auc(of: BinaryPredictions, units: np.ndarray) -> Statistic | None:
    """Area under the ROC curve."""
    return None if of.probabilities is None else statistics.area(of.probabilities, of.truth, units)


@binary_score(of_types=False, of_abnormality=True)
def sensitivity(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Share of what is true that is predicted: recall, where medicine asks."""
    return recall(of, units)


@binary_score(of_types=False, of_abnormality=True)
def specificity(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Share of what is not true that is not predicted."""
    return _share(~of.predicted, units, ~of.truth)


@binary_score()
def average_precision(of: BinaryPredictions, units: np.ndarray) -> Statistic | None:
    """Area under precision against recall, in steps."""
    if of.probabilities is None:
        return None
    return statistics.average_precision(of.probabilities, of.truth, units)


@binary_score()
def recall(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Share of the regions with the type for which it is predicted."""
    return _share(of.predicted, units, of.truth)


@binary_score()
def precision(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Share of the regions for which the type is predicted that have it."""
    return _share(of.truth, units, of.predicted)


@binary_score()
def f1(of: BinaryPredictions, units: np.ndarray) -> Statistic:
    """Harmonic mean of recall and precision, 0 where none is right; not defined without truth.

    2 / (1 / recall + 1 / precision), written so that no part of it can be missing.
    """
    right, either = of.truth & of.predicted, of.truth.astype(int) + of.predicted
    quotient = statistics.ratio(2.0 * right[:, None], either[:, None], units)
    found = recall(of, units)
    return lambda weights: np.where(np.isnan(found(weights)), np.nan, quotient(weights))


@binary_score()
def ece_raw(of: BinaryPredictions, units: np.ndarray) -> Statistic | None:
    """Expected calibration error of the heads' outputs, before temperature scaling."""
    return None if of.outputs is None else statistics.calibration_error(of.outputs, of.truth, units)


@binary_score()
def ece(of: BinaryPredictions, units: np.ndarray) -> Statistic | None:
    """Expected calibration error of the probabilities."""
    if of.probabilities is None:
        return None
    return statistics.calibration_error(of.probabilities, of.truth, units)


def statistics_of(
    regions: ClassifiedRegions, units: np.ndarray, without: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, str], Statistic]]:
    """Every score that the regions can have: its name, what it is of, and its statistic.

    One after the other, since pairs of an area fill much memory where there are many units.

    Args:
        regions: every label known.
        units: int [N], the unit of each row.
        without: names of scores that are left out.

    Raises:
        ValueError: a label is unknown.
    """
    if not regions.known.all():
        raise ValueError("Only complete regions can be scored. Received: unknown labels")
    for name, function in REGION_SCORES.items():
        values = None if name in without else function(regions)
        if values is not None:
            right = values if regions.found is None else values * regions.found
            yield name, {}, _share(right, units)
    for t, type_name in enumerate(regions.names):
        found = binary_statistics(regions.of_type(t), units, TYPE_SCORES, without)
        yield from ((name, {"type": type_name}, statistic) for name, statistic in found)
    answers = regions.abnormality()
    if answers is not None:
        found = binary_statistics(answers, units, ABNORMALITY_SCORES, without)
        yield from ((name, {"abnormality": BOOSTING}, statistic) for name, statistic in found)


def binary_statistics(
    of: BinaryPredictions,
    units: np.ndarray,
    scores: dict[str, BinaryScore],
    without: Sequence[str] = (),
) -> Iterator[tuple[str, Statistic]]:
    """Names and statistics of TYPE_SCORES or ABNORMALITY_SCORES, as far as they apply."""
    for name, function in scores.items():
        statistic = None if name in without else function(of, units)
        if statistic is not None:
            yield name, statistic


def score_regions(
    regions: ClassifiedRegions,
    subsets: Sequence[str] = SUBSETS,
    num_resamples: int = 0,
    seed: int = 0,
    without: Sequence[str] = (),
) -> list[Score]:
    """All scores of complete regions, subset by subset.

    Each is of a `subset`; scores of one type are of a `type`, those of abnormality of `abnormality`
    ('boosting'). Beside them stand 'num_regions', 'n_positive', 'threshold', 'n_abnormal', and for
    each score of types its mean over the types that define it, 'macro_auc' and so on.

    Args:
        regions: every label known.
        subsets: of SUBSETS.
        num_resamples: of the bootstrap by group, for 95 % intervals; 0 for none. A single group
            has none, since it says nothing of how groups differ.
        seed: of the bootstrap.
        without: names of scores that are left out.

    Raises:
        ValueError: a label is unknown.
    """
    several_groups = len(np.unique(regions.groups)) > 1
    bootstrap = regions.bootstrap(num_resamples if several_groups else 0, seed)
    weights = {subset: weights_of(subset, bootstrap) for subset in subsets}
    found: dict[str, list] = {subset: [] for subset in subsets}
    for name, of, statistic in statistics_of(regions, bootstrap.unit_of_row, without):
        for subset in subsets:
            found[subset].append((name, of, statistic(weights[subset])[:, 0]))
    return [
        score.at(subset=subset)
        for subset in subsets
        for score in _of_subset(regions.select(regions.rows_of(subset)), found[subset])
    ]


def score_type(of: BinaryPredictions, name: str, threshold: float) -> list[Score]:
    """Scores of one type on regions of which it is known, whether complete or not."""
    units = np.zeros(len(of.truth), int)
    weights = np.ones((1, 1 if len(units) else 0))
    values = [
        Score(score, statistic(weights)[0, 0], of={"type": name})
        for score, statistic in binary_statistics(of, units, TYPE_SCORES)
    ]
    negative = Score("n_negative", int((~of.truth).sum()), of={"type": name})
    return [negative, *_facts_of_type(of.truth, name, threshold), *values]


def _of_subset(regions: ClassifiedRegions, found: list) -> Iterator[Score]:
    """In the order of tables, from replicates float64 [1 + R], the first the value itself."""
    number = len(regions)
    yield Score("num_regions", number)
    yield from (_score(name, of, values, number) for name, of, values in found if not of)
    for name in TYPE_SCORES:
        columns = [values for other, of, values in found if other == name and "type" in of]
        if columns:
            yield _macro(name, np.stack(columns), number)
    for t, type_name in enumerate(regions.names):
        threshold = None if regions.thresholds is None else float(regions.thresholds[t])
        truth = regions.truth[:, t]
        yield from _facts_of_type(truth, type_name, threshold)
        own = [entry for entry in found if entry[1].get("type") == type_name]
        n_positive = int(truth.sum())
        yield from (_score(score, of, values, n_positive) for score, of, values in own)
    answers = regions.abnormality()
    if answers is not None:
        yield Score("n_abnormal", int(answers.truth.sum()), of={"abnormality": BOOSTING})
        own = [entry for entry in found if "abnormality" in entry[1]]
        yield from (_score(score, of, values, number) for score, of, values in own)


def _facts_of_type(truth: np.ndarray, name: str, threshold: float | None) -> Iterator[Score]:
    yield Score("n_positive", int(truth.sum()), of={"type": name})
    if threshold is not None:
        yield Score("threshold", threshold, of={"type": name})


def _macro(name: str, values: np.ndarray, support: int) -> Score:
    """The mean over the types that define a score, of values [T, 1 + R].

    A resample that lacks one of them has none: a mean over other types could not be compared.
    """
    defined = np.isfinite(values[:, 0])
    mean = values[defined].mean(axis=0) if defined.any() else np.full(values.shape[1], np.nan)
    return _score(f"macro_{name}", {}, mean, support)


def _score(name: str, of: dict[str, str], values: np.ndarray, support: int) -> Score:
    return Score(name, values[0], interval(values[1:]), of, support)


def _exact_match_at_half(regions: ClassifiedRegions, at_least_one: bool) -> np.ndarray | None:
    values = regions.probabilities if regions.outputs is None else regions.outputs
    if values is None:
        return None
    return exactly_right(decide(values, PLAIN_THRESHOLD, at_least_one), regions.truth)


def _share(values: np.ndarray, units: np.ndarray, counted: np.ndarray | None = None) -> Statistic:
    """The mean of one column [N] over the rows that count."""
    counted = None if counted is None else counted[:, None]
    return statistics.shares(values[:, None], units, counted)
