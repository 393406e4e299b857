"""The scores of a cross-validation as tables, with the paper's own beside them."""

from collections.abc import Callable, Iterable, Sequence

from rbc_tf.core import score as score_lib
from rbc_tf.core.score_tables import name_of
from rbc_tf.core.text_table import WIDTH, Table, decimals, with_interval
from rbc_tf.evaluation.cross_validation import paper
from rbc_tf.evaluation.cross_validation import scores as held_out
from rbc_tf.evaluation.cross_validation.predictions import (
    MODEL_A,
    MODEL_A_EQUAL,
    MODEL_A_REAL,
    MODEL_B,
    MODEL_SINGLE_LABEL,
)
from rbc_tf.evaluation.cross_validation.scores import EXPERIMENTS, REWEIGHTED, HeldOutScores
from rbc_tf.metrics.classified import ALL, MULTI_CELL, SEVERAL_TYPES, SINGLE_CELL
from rbc_tf.metrics.fold_scores import FoldScore
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

_TRAINED_ON = {
    MODEL_A: "all",
    MODEL_B: "single",
    MODEL_A_EQUAL: "all, fewer",
    MODEL_A_REAL: "all, real",
    MODEL_SINGLE_LABEL: "single",
}
_TESTED_ON = {
    ALL: "all",
    SINGLE_CELL: "single-cell",
    MULTI_CELL: "multi-cell",
    SEVERAL_TYPES: "several types",
    REWEIGHTED: "44:56",
}
_COUNTED = tuple(subset for subset in _TESTED_ON if subset != REWEIGHTED)
# What differs on single cells is no gain of multi-cell regions.
_DIFFERENT = tuple(subset for subset in _TESTED_ON if subset != SINGLE_CELL)
_MAIN_EXPERIMENTS = ("A", "A*", "B", "A equal", "A real")

_METHODS = {
    held_out.BOOSTING: "gradient boosting",
    held_out.ANY_TYPE: f"any type > {PLAIN_THRESHOLD:g}",
    held_out.NOISY_OR: f"noisy-or > {PLAIN_THRESHOLD:g}",
}
_OUTCOMES = {
    "no_type": "no type",
    "one_right": "one type, right",
    "one_wrong": "one type, wrong",
    "several_not_all": "several, right, not all",
    "all_right": "exactly all",
    "several_wrong": "several, one or more wrong",
    "one_or_none": "no type or one",
}

_EXPERIMENTS_NOTE = (
    "A is trained on single-cell and multi-cell regions, B on single-cell ones alone, A equal on "
    "as many as B, drawn from A's, A real on those that are not composed, 'single label', one "
    "network with a softmax over the types, on real single cells. A and B are tested on "
    "all regions, A* and B* on single-cell ones; 'multi' on multi-cell ones; 'several' on those "
    "with two true types or more; '44:56' on all, weighted to the paper's 1080 single-cell and "
    "1389 multi-cell regions."
)
_POOLED_NOTE = (
    "Pooled AUC ranks what the heads of different folds predict; they are calibrated differently, "
    "which lowers it as a rule. The mean over folds ranks within each fold, and weighs a fold with "
    "few regions like any other."
)
_LACKING = "†"
_LACKING_NOTE = f"{_LACKING} Not every fold can score it; see 'What the folds hold'."
_OTHER_DATA_NOTE = "'paper' was measured on other data: the authors' private images."
_DEVIATION_NOTE = "The deviation of macro AUC is over the folds that have all its types."

_Text = Callable[[FoldScore], str]


def main_tables(scores: HeldOutScores) -> tuple[Table, ...]:
    """What a reader wants first."""
    tables = [
        _summary(scores),
        _grid("Table 1: AUC per type and exact match, mean over folds", scores, _mean),
        _difference("A - B, pooled over folds, paired", scores, MODEL_A, _pooled_difference),
        _best_type(scores),
        _outcomes(scores),
        _by_content(scores),
        _abnormality("Normal against abnormal, pooled over folds", scores, _pooled),
        _coverage(scores),
    ]
    return tuple(tables if _types_of_paper(scores) else [*tables, _paper_table()])


def further_tables(scores: HeldOutScores) -> tuple[Table, ...]:
    """The same scores in more detail, and all others that are registered."""
    return (
        _grid("AUC per type and exact match, pooled over folds", scores, _pooled_value),
        _by_type("auc", "AUC per type, pooled over folds, with 95 % intervals", scores, _pooled),
        _by_type("auc", "AUC per type, mean over folds ± standard deviation", scores, _spread),
        _difference("A - B, mean over folds, paired", scores, MODEL_A, _mean_difference),
        *(
            _difference(
                f"{_model_name(first)} - {_model_name(second)}, pooled over folds, paired",
                *(scores, first, _pooled_difference, second),
            )
            for first, second in held_out.DIFFERENCES[1:]
            if {first, second} <= set(scores.models)
        ),
        _abnormality("Normal against abnormal, mean over folds", scores, _spread),
        _per_fold(scores),
        _others_of_regions(scores),
        *(
            _by_type(name, f"{title[0].upper()}{title[1:]} per type, pooled", scores, _pooled)
            for name, title in _names(_of_types(scores, "A")).items()
            if name != "auc"
        ),
    )


def heading(
    scores: HeldOutScores,
    folds_by: str,
    features: str,
    teaching_splits: Sequence[str] = (),
    composed: bool = False,
) -> str:
    """What was scored, in a few sentences.

    Args:
        scores: of the cross-validation.
        folds_by: 'group' or 'patch'.
        features: what the weights of the backbone are called.
        teaching_splits: splits on whose rows every model is trained and which are not scored.
        composed: the images were composed of real cells.
    """
    also_trained_on = (
        f"Every model of every fold is also trained on the split {' and '.join(teaching_splits)}, "
        "of which nothing is scored. "
        if teaching_splits
        else ""
    )
    regions = {subset: _count(scores, "num_regions", subset=subset) for subset in _COUNTED}
    return (
        f"{regions[ALL]:,} completely labelled regions "
        f"{'of composed images ' if composed else ''}are scored: "
        f"{regions[SINGLE_CELL]:,} single-cell and {regions[MULTI_CELL]:,} multi-cell, "
        f"{regions[SEVERAL_TYPES]:,} with several types; "
        f"{_count(scores, 'num_incomplete'):,} incomplete ones are only trained on. "
        f"{_count(scores, 'num_groups', subset=ALL)} groups, "
        f"{_count(scores, 'num_folds', subset=ALL)} folds by {folds_by}. {also_trained_on}"
        f"Backbone of the features: {features}. Intervals: 95 %, "
        f"{_count(scores, 'num_resamples'):,} resamples of the groups; they hold the choice of "
        "images, not another training."
    )


def _summary(scores: HeldOutScores) -> Table:
    rows = []
    for name, (model, subset) in scores.experiments.items():
        exact, macro = (_one(scores, score, name) for score in ("exact_match", "macro_auc"))
        counted = ALL if subset == REWEIGHTED else subset
        rows.append(
            (
                *(name, _TRAINED_ON[model], _TESTED_ON[subset]),
                f"{_count(scores, 'num_regions', subset=counted):,}",
                *(_spread(exact), _pooled(exact), _spread(macro), _pooled(macro)),
            )
        )
    for name, (model, subset) in paper.EXPERIMENTS.items():
        trained_tested = (_TRAINED_ON[model], _TESTED_ON[subset])
        rows.append((f"paper {name}", *trained_tested, "", _of_paper(name)[-1], "", "", ""))
    header = ("", "trained on", "tested on", "regions", exact.title, "pooled", macro.title)
    notes = (_EXPERIMENTS_NOTE, _OTHER_DATA_NOTE, *_macro_notes(scores), _DEVIATION_NOTE)
    title = "Exact match, and AUC averaged over types"
    return Table(title, (*header, "pooled"), tuple(rows), notes)


def _grid(title: str, scores: HeldOutScores, text: _Text) -> Table:
    """Experiments by types; turned where it would be too wide."""
    rows = []
    for name in scores.experiments:
        auc = score_lib.select(_of_types(scores, name), "auc")
        columns = [*auc, *(_one(scores, score, name) for score in ("macro_auc", "exact_match"))]
        rows.append((name, *map(text, columns)))
    notes = [_POOLED_NOTE]
    if any(cell.endswith(_LACKING) for row in rows for cell in row):
        notes.append(_LACKING_NOTE)
    if _types_of_paper(scores):
        for name in paper.EXPERIMENTS:
            *of_types, exact = _of_paper(name, scores.names)
            rows.append((f"paper {name}", *of_types, "", exact))
        notes.append(_OTHER_DATA_NOTE)
    header = ("", *scores.names, *(score.title for score in columns[-2:]))
    table = Table(title, header, tuple(rows), tuple(notes))
    return table if table.width <= WIDTH else table.turned()


def _difference(
    title: str, scores: HeldOutScores, first: str, text: _Text, second: str = MODEL_B
) -> Table:
    """Exact match, macro AUC and AUC of each type of one model minus those of another."""
    columns = {}
    for subset in _DIFFERENT:
        of = {"model": f"{first} - {second}", "subset": subset}
        found = score_lib.select(scores.over_folds, **of)
        above = [_first(found, "exact_match"), _first(found, "macro_auc")]
        columns[_TESTED_ON[subset]] = [*above, *score_lib.select(found, "auc")]
    return _columns(title, columns, text, ("Above 0 the first is better.",))


def _by_type(name: str, title: str, scores: HeldOutScores, text: _Text) -> Table:
    """A score of types in the main experiments, below its mean over types; of AUC, exact match."""
    above = ("exact_match", f"macro_{name}") if name == "auc" else (f"macro_{name}",)
    columns = {
        experiment: [
            *(_one(scores, other, experiment) for other in above),
            *score_lib.select(_of_types(scores, experiment), name),
        ]
        for experiment in _main_experiments(scores)
    }
    return _columns(title, columns, text)


def _others_of_regions(scores: HeldOutScores) -> Table:
    """All scores of whole regions that have no table of their own."""
    columns = {
        experiment: [
            score
            for score in _of_regions(scores, experiment)
            if score.name not in ("exact_match", *_OUTCOMES)
        ]
        for experiment in _main_experiments(scores)
    }
    return _columns("All scores of regions, pooled over folds", columns, _pooled)


def _best_type(scores: HeldOutScores) -> Table:
    cells = [
        _pooled(_at(scores, "best_type", model=model, subset=SINGLE_CELL))
        for model in scores.models
    ]
    number = _count(scores, "num_regions", subset=SINGLE_CELL)
    title = f"One type for each of the {number:,} single-cell regions"
    notes = ("Accuracy of the type of highest probability, pooled over folds.",)
    row = ("type of highest probability is true", *cells)
    return Table(title, ("", *map(_model_name, scores.models)), (row,), notes)


def _outcomes(scores: HeldOutScores) -> Table:
    rows = tuple(
        (text, *(_pooled(_at(scores, kind, model=m, subset=SEVERAL_TYPES)) for m in scores.models))
        for kind, text in _OUTCOMES.items()
    )
    number = _count(scores, "num_regions", subset=SEVERAL_TYPES)
    title = f"Predicted for the {number:,} regions with several true types"
    notes = ("Shares, pooled over folds; the first six add up to 1.",)
    return Table(title, ("", *map(_model_name, scores.models)), rows, notes)


def _by_content(scores: HeldOutScores) -> Table:
    single_cell = [
        _at(scores, "exact_match", model=model, subset=SINGLE_CELL) for model in scores.models
    ]
    shown = [score for score in (*single_cell, *scores.by_content) if score.support]
    rows = []
    for subset, number in {score.of["subset"]: score.support for score in shown}.items():
        of_models = score_lib.select(shown, subset=subset)
        rows.append((name_of(subset), f"{number:,}", *map(_pooled, of_models)))
    title = "Exact match by what regions hold, pooled over folds"
    notes = ("A region holding a type may hold others as well; it is right where all are.",)
    return Table(title, ("regions", "number", *map(_model_name, scores.models)), tuple(rows), notes)


def _abnormality(title: str, scores: HeldOutScores, text: _Text) -> Table:
    def row(method: str, text: _Text) -> list[str]:
        return [text(s) for s in score_lib.select(scores.over_folds, abnormality=method)]

    shown = score_lib.select(scores.over_folds, abnormality=held_out.BOOSTING)
    rows = [(name, *row(method, text)) for method, name in _METHODS.items()]
    (abnormal,) = score_lib.select(scores.counts, "n_abnormal")
    if text is _pooled:
        difference = f"{held_out.BOOSTING} - {held_out.ANY_TYPE}"
        rows.append(("boosting - any type", *row(difference, _pooled_difference)))
        commoner = "abnormal" if 2 * abnormal.value > abnormal.support else "normal"
        (majority,) = score_lib.select(scores.counts, "accuracy", abnormality=held_out.MAJORITY)
        (of_paper,) = score_lib.select(paper.SCORES, "accuracy")
        for name, score in ((f"always '{commoner}'", majority), ("paper, boosting", of_paper)):
            cells = (decimals(score.value) if s.name == "accuracy" else "" for s in shown)
            rows.append((name, *cells))
    notes = (
        f"Model A. {abnormal.value:,} of {abnormal.support:,} regions are abnormal "
        f"({100 * abnormal.value / abnormal.support:.1f} %). {_OTHER_DATA_NOTE}",
    )
    return Table(title, ("", *(score.title for score in shown)), tuple(rows), notes)


def _per_fold(scores: HeldOutScores) -> Table:
    """Exact match of each experiment, and accuracy of the boosting, in each fold."""
    columns = {name: _one(scores, "exact_match", name) for name in scores.experiments}
    columns["boosting"] = _first(
        score_lib.select(scores.over_folds, abnormality=held_out.BOOSTING), "accuracy"
    )
    rows = [
        (str(fold), *(decimals(score.per_fold[fold]) for score in columns.values()))
        for fold in range(len(columns["boosting"].per_fold))
    ]
    title = "Exact match, and accuracy of the gradient boosting, in each fold"
    return Table(title, ("fold", *columns), tuple(rows))


def _coverage(scores: HeldOutScores) -> Table:
    def row(title: str, of: dict[str, str], first: str) -> tuple[str, ...]:
        cells = []
        for subset in _COUNTED:
            names = (first, "num_groups", "num_folds")
            counts = (_count(scores, name, subset=subset, **of) for name in names)
            cells.append(" / ".join(f"{count:,}" for count in counts))
        return (title, *cells)

    rows = [row("regions", {}, "num_regions")]
    rows += [row(name, {"type": name}, "n_positive") for name in scores.names]
    notes = (
        "Regions that have the type / groups they lie in / folds with regions that have it and "
        f"regions that do not, of {_count(scores, 'num_folds', subset=ALL)}. The other folds "
        "have no AUC for it. What fewer than 80 % of the resamples define, as when it lies in one "
        "group, has no interval.",
    )
    header = ("", *(_TESTED_ON[subset] for subset in _COUNTED))
    return Table("What the folds hold", header, tuple(rows), notes)


def _paper_table() -> Table:
    rows = tuple((f"paper {name}", *_of_paper(name)) for name in paper.EXPERIMENTS)
    header = ("", *paper.TYPES, "exact match")
    return Table("The paper's Table 1", header, rows, (_OTHER_DATA_NOTE,))


def _of_paper(name: str, types: Iterable[str] = paper.TYPES) -> list[str]:
    """AUC of each type and, last, exact match of one of its experiments."""
    model, subset = paper.EXPERIMENTS[name]
    found = score_lib.select(paper.SCORES, model=model, subset=subset)
    auc = [_first(score_lib.select(found, type=t), "auc") for t in types]
    return [decimals(score.value) for score in (*auc, _first(found, "exact_match"))]


def _macro_notes(scores: HeldOutScores) -> list[str]:
    """Over which types macro AUC goes, where it is not over all."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for name in scores.experiments:
        missing = tuple(
            score.of["type"]
            for score in score_lib.select(_of_types(scores, name), "auc")
            if score.mean is None or score.pooled is None
        )
        lacking.setdefault(missing, []).append(name)
    return [
        f"Macro AUC of {', '.join(experiments)} is without {', '.join(missing)}."
        for missing, experiments in lacking.items()
        if missing
    ]


def _columns(
    title: str, columns: dict[str, list[FoldScore]], text: _Text, notes: tuple[str, ...] = ()
) -> Table:
    """A row for each score, a column for each list of the same scores of something else."""
    first = next(iter(columns.values()))
    names = [score.of.get("type", score.title) for score in first]
    texts = [[text(score) for score in column] for column in columns.values()]
    return Table(title, ("", *columns), tuple(zip(names, *texts, strict=True)), notes)


def _types_of_paper(scores: HeldOutScores) -> bool:
    return set(scores.names) <= set(paper.TYPES)


def _of_experiment(scores: HeldOutScores, name: str) -> list[FoldScore]:
    model, subset = EXPERIMENTS[name]
    found = score_lib.select(scores.over_folds, model=model, subset=subset)
    return [score for score in found if "abnormality" not in score.of]


def _of_types(scores: HeldOutScores, experiment: str) -> list[FoldScore]:
    return [score for score in _of_experiment(scores, experiment) if "type" in score.of]


def _of_regions(scores: HeldOutScores, experiment: str) -> list[FoldScore]:
    return [score for score in _of_experiment(scores, experiment) if "type" not in score.of]


def _main_experiments(scores: HeldOutScores) -> list[str]:
    return [name for name in _MAIN_EXPERIMENTS if name in scores.experiments]


def _names(scores: Iterable[FoldScore]) -> dict[str, str]:
    """Titles of the statistics by their names."""
    return {score.name: score.title for score in scores}


def _one(scores: HeldOutScores, name: str, experiment: str) -> FoldScore:
    return _first(_of_experiment(scores, experiment), name)


def _at(scores: HeldOutScores, name: str, **of: str) -> FoldScore:
    return _first(score_lib.select(scores.over_folds, **of), name)


def _first(scores: Iterable, name: str):
    return score_lib.select(scores, name)[0]


def _count(scores: HeldOutScores, name: str, **of: str) -> int:
    return score_lib.one(scores.counts, name, **of).value


def _model_name(model: str) -> str:
    return model.replace("_", " ")


def _mean(score: FoldScore) -> str:
    lacking = score.mean is not None and score.num_folds < len(score.per_fold)
    return decimals(score.mean) + (_LACKING if lacking else "")


def _pooled_value(score: FoldScore) -> str:
    return decimals(score.pooled)


def _spread(score: FoldScore) -> str:
    if score.std is None:
        return decimals(score.mean)
    return f"{decimals(score.mean)} ± {decimals(score.std)}"


def _pooled(score: FoldScore) -> str:
    return with_interval(score.pooled, score.pooled_interval)


def _pooled_difference(score: FoldScore) -> str:
    return with_interval(score.pooled, score.pooled_interval, sign=True)


def _mean_difference(score: FoldScore) -> str:
    return with_interval(score.mean, score.mean_interval, sign=True)
