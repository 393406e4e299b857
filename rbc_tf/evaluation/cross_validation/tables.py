"""The scores of a cross-validation as tables, with the paper's own beside them."""

from collections.abc import Callable, Sequence

from rbc_tf.core.text_table import WIDTH, Table
from rbc_tf.evaluation.cross_validation import paper, table1, verdict
from rbc_tf.evaluation.cross_validation.answers import Answers
from rbc_tf.evaluation.cross_validation.best_type import BestType
from rbc_tf.evaluation.cross_validation.predictions import MODEL_A, MODEL_A_EQUAL, MODEL_B
from rbc_tf.evaluation.cross_validation.scores import HeldOutScores
from rbc_tf.evaluation.cross_validation.table1 import Comparison, Experiment, TypeScores
from rbc_tf.metrics.fold_scores import Score
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

_NOTHING = "-"

_TRAINED_ON = {MODEL_A: "all", MODEL_B: "single", MODEL_A_EQUAL: "all, fewer"}
_TESTED_ON = {
    table1.ALL: "all",
    table1.SINGLE: "single-cell",
    table1.MULTI: "multi-cell",
    table1.SEVERAL: "several types",
    table1.REWEIGHTED: "44:56",
}
_EXACT, _MACRO = "exact match", "macro AUC"

_METHODS = {
    verdict.BOOSTING: "gradient boosting",
    verdict.ANY_TYPE: f"any type > {PLAIN_THRESHOLD:g}",
    verdict.NOISY_OR: f"noisy-or > {verdict.VERDICT_THRESHOLD:g}",
}

_ANSWERS = {
    "no_label": "no label",
    "one_right": "one label, right",
    "one_wrong": "one label, wrong",
    "several_not_all": "several, right, not all",
    "all_right": "exactly all",
    "several_wrong": "several, one or more wrong",
    "one_or_none": "no label or one",
}

_EXPERIMENTS_NOTE = (
    "A learns from single-cell and multi-cell regions, B from single-cell ones alone, A equal from "
    "as many as B drawn from A's. A and B are tested on all regions, A* and B* on single-cell "
    "ones; 'multi' on multi-cell ones; 'several' on those with two true types or more; '44:56' on "
    "all, weighted to the paper's 1080 single-cell and 1389 multi-cell regions."
)
_POOLED_NOTE = (
    "Pooled AUC ranks what the networks of different folds said; they are calibrated differently, "
    "which lowers it as a rule. The mean over folds ranks within each fold, and weighs a fold with "
    "few regions like any other."
)
_LACKING = "†"
_LACKING_NOTE = f"{_LACKING} Not every fold can score it; see 'What the folds hold'."
_OTHER_DATA_NOTE = "'paper' was measured on other data: the authors' private images."


def main_tables(scores: HeldOutScores) -> tuple[Table, ...]:
    """What a reader wants first."""
    comparisons = _comparisons(scores, MODEL_A)
    tables = [
        _summary(scores),
        _grid("Table 1: AUC per type and exact match, mean over folds", scores, _mean),
        _difference("A - B, pooled over folds, paired", comparisons, _pooled_difference),
        _best_types(scores),
        _answers(scores),
        _verdicts("Normal against abnormal, pooled over folds", scores, _pooled),
        _coverage(scores),
    ]
    return tuple(tables if _like_the_papers(scores) else [*tables, _paper_table()])


def further_tables(scores: HeldOutScores) -> tuple[Table, ...]:
    """The same scores in more detail."""
    experiments = {e.name: e for e in scores.table1.experiments}
    main = [experiments[name] for name in ("A", "A*", "B", "A equal")]
    comparisons = _comparisons(scores, MODEL_A)
    equal = _comparisons(scores, MODEL_A_EQUAL)
    return (
        _grid("AUC per type and exact match, pooled over folds", scores, _pooled_value),
        _detail("AUC per type, pooled over folds, with 95 % intervals", main, _pooled),
        _detail("AUC per type, mean over folds ± standard deviation", main, _spread),
        _difference("A - B, mean over folds, paired", comparisons, _mean_difference),
        _difference("A equal - B, pooled over folds, paired", equal, _pooled_difference, False),
        _verdicts("Normal against abnormal, mean over folds", scores, _spread),
        _per_fold(scores),
    )


def heading(
    scores: HeldOutScores, folds_by: str, features: str, teaching_splits: Sequence[str] = ()
) -> str:
    """What was scored, in a few sentences.

    Args:
        scores: of the cross-validation.
        folds_by: 'group' or 'patch'.
        features: what the weights of the backbone are called.
        teaching_splits: splits whose rows taught every model and are not scored.
    """
    teaching = (
        f"Every model of every fold also learns from the split {' and '.join(teaching_splits)}, "
        "of which nothing is scored. "
        if teaching_splits
        else ""
    )
    return (
        f"{scores.num_regions:,} completely labelled regions are scored: "
        f"{scores.num_single_cell:,} single-cell and {scores.num_multi_cell:,} multi-cell, "
        f"{scores.num_several_types:,} with several types; {scores.num_incomplete:,} incomplete "
        f"ones only teach. {scores.num_groups} groups, {scores.num_folds} folds by {folds_by}. "
        f"{teaching}"
        f"Backbone of the features: {features}. Intervals: 95 %, {scores.num_resamples:,} "
        "resamples of the groups; they hold the choice of images, not another training."
    )


def _summary(scores: HeldOutScores) -> Table:
    rows = []
    for e in scores.table1.experiments:
        exact, macro = e.scores.exact_match, e.scores.macro_auc
        covered = table1.ALL if e.subset == table1.REWEIGHTED else e.subset
        rows.append(
            (
                e.name,
                _TRAINED_ON[e.model],
                _TESTED_ON[e.subset],
                f"{scores.table1.coverage[covered].num_regions:,}",
                _spread(exact),
                _pooled(exact),
                _spread(macro),
                _pooled(macro),
            )
        )
    for row in paper.TABLE_1:
        figure = _number(row.exact_match)
        tested = _TESTED_ON[row.subset]
        rows.append((f"paper {row.name}", _TRAINED_ON[row.model], tested, "", figure, "", "", ""))
    header = ("", "learns from", "tested on", "regions", _EXACT, "pooled", _MACRO, "pooled")
    notes = (_EXPERIMENTS_NOTE, _OTHER_DATA_NOTE, *_macro_notes(scores))
    return Table("Exact match, and AUC averaged over types", header, tuple(rows), notes)


def _comparisons(scores: HeldOutScores, first: str) -> list[Comparison]:
    return [c for c in scores.table1.comparisons if c.first == first]


def _grid(title: str, scores: HeldOutScores, text: Callable[[Score], str]) -> Table:
    """Experiments by types; turned where it would be too wide."""
    names = tuple(scores.table1.coverage[table1.ALL].types)
    rows = []
    for e in scores.table1.experiments:
        columns = [*e.scores.auc.values(), e.scores.macro_auc, e.scores.exact_match]
        rows.append((e.name, *map(text, columns)))
    notes = [_POOLED_NOTE]
    if any(cell.endswith(_LACKING) for row in rows for cell in row):
        notes.append(_LACKING_NOTE)
    if _like_the_papers(scores):
        for row in paper.TABLE_1:
            figures = [_number(row.auc[name]) for name in names]
            rows.append((f"paper {row.name}", *figures, "", _number(row.exact_match)))
        notes.append(_OTHER_DATA_NOTE)
    table = Table(title, ("", *names, _MACRO, _EXACT), tuple(rows), tuple(notes))
    return table if table.width <= WIDTH else table.turned()


def _difference(
    title: str,
    comparisons: Sequence[Comparison],
    text: Callable[[Score], str],
    types: bool = True,
) -> Table:
    shown = [c for c in comparisons if c.subset != table1.SINGLE]
    columns = [_column(c.scores, text, types) for c in shown]
    names = (_EXACT, _MACRO, *(shown[0].scores.auc if types else ()))
    rows = tuple(zip(names, *columns, strict=True))
    header = ("", *(_TESTED_ON[c.subset] for c in shown))
    return Table(title, header, rows, ("Above 0 the first is better.",))


def _detail(title: str, experiments: Sequence[Experiment], text: Callable[[Score], str]) -> Table:
    columns = [_column(e.scores, text) for e in experiments]
    names = (_EXACT, _MACRO, *experiments[0].scores.auc)
    header = ("", *(e.name for e in experiments))
    return Table(title, header, tuple(zip(names, *columns, strict=True)))


def _column(scores: TypeScores, text: Callable[[Score], str], types: bool = True) -> list[str]:
    found = [scores.exact_match, scores.macro_auc, *(scores.auc.values() if types else ())]
    return [text(score) for score in found]


def _best_types(scores: HeldOutScores) -> Table:
    header = ("", *(_model_name(best) for best in scores.best_types))
    row = ("best type is the true one", *(_pooled(best.right) for best in scores.best_types))
    title = f"One answer for each of the {scores.num_single_cell:,} single-cell regions"
    notes = ("Accuracy of the type of highest probability, pooled over folds.",)
    return Table(title, header, (row,), notes)


def _answers(scores: HeldOutScores) -> Table:
    rows = [
        (text, *(_pooled(getattr(answers, kind)) for answers in scores.answers))
        for kind, text in _ANSWERS.items()
    ]
    header = ("", *(_model_name(answers) for answers in scores.answers))
    title = f"Answers on the {scores.num_several_types:,} regions with several true types"
    notes = ("Shares, pooled over folds; the first six add up to 1.",)
    return Table(title, header, tuple(rows), notes)


def _model_name(scores: Answers | BestType) -> str:
    return scores.model.replace("_", " ")


def _verdicts(title: str, scores: HeldOutScores, text: Callable[[Score], str]) -> Table:
    verdicts = scores.verdicts
    rows = [
        (_METHODS[m.method], *map(text, (m.accuracy, m.auc, m.sensitivity, m.specificity)))
        for m in verdicts.methods
    ]
    if text is _pooled:
        gain = verdicts.boosting_gain
        values = (gain.accuracy, gain.auc, gain.sensitivity, gain.specificity)
        rows.append(("boosting - any type", *map(_pooled_difference, values)))
        commoner = "abnormal" if 2 * verdicts.num_abnormal > verdicts.num_regions else "normal"
        majority = _number(verdicts.majority_accuracy)
        rows.append((f"always '{commoner}'", majority, "", "", ""))
        rows.append(("paper, boosting", _number(paper.BOOSTING_ACCURACY), "", "", ""))
    share = verdicts.num_abnormal / verdicts.num_regions
    notes = (
        f"Model A. {verdicts.num_abnormal:,} of {verdicts.num_regions:,} regions are abnormal "
        f"({100 * share:.1f} %). {_OTHER_DATA_NOTE}",
    )
    header = ("", "accuracy", "AUC", "sensitivity", "specificity")
    return Table(title, header, tuple(rows), notes)


def _per_fold(scores: HeldOutScores) -> Table:
    """Exact match of each experiment, and accuracy of the boosting, in each fold."""
    columns = {e.name: e.scores.exact_match for e in scores.table1.experiments}
    columns["boosting"] = scores.verdicts.methods[0].accuracy
    rows = [
        (str(fold), *(_number(score.per_fold[fold]) for score in columns.values()))
        for fold in range(len(columns["boosting"].per_fold))
    ]
    title = "Exact match, and accuracy of the gradient boosting, in each fold"
    return Table(title, ("fold", *columns), tuple(rows))


def _coverage(scores: HeldOutScores) -> Table:
    coverage = scores.table1.coverage
    total = [f"{c.num_regions:,} / {c.num_groups} / {c.num_folds}" for c in coverage.values()]
    rows = [("regions", *total)]
    for name in coverage[table1.ALL].types:
        of_type = [c.types[name] for c in coverage.values()]
        cells = [f"{c.num_positive:,} / {c.num_groups} / {c.num_folds}" for c in of_type]
        rows.append((name, *cells))
    header = ("", *(_TESTED_ON[subset] for subset in coverage))
    notes = (
        "Regions that have the type / groups they lie in / folds with regions that have it and "
        f"regions that do not, of {scores.num_folds}. The other folds have no AUC for it. What "
        "fewer than 80 % of the resamples define, as when it lies in one group, has no interval.",
    )
    return Table("What the folds hold", header, tuple(rows), notes)


def _paper_table() -> Table:
    rows = tuple(
        (f"paper {r.name}", *map(_number, r.auc.values()), _number(r.exact_match))
        for r in paper.TABLE_1
    )
    header = ("", *paper.TABLE_1[0].auc, _EXACT)
    return Table("The paper's Table 1", header, rows, (_OTHER_DATA_NOTE,))


def _macro_notes(scores: HeldOutScores) -> list[str]:
    """Over which types macro AUC goes, where it is not over all."""
    names = set(scores.table1.coverage[table1.ALL].types)
    lacking = {}
    for e in scores.table1.experiments:
        missing = [n for n in e.scores.auc if n in names - set(e.scores.macro_types)]
        lacking.setdefault(tuple(missing), []).append(e.name)
    notes = [
        f"Macro AUC of {', '.join(experiments)} is without {', '.join(missing)}."
        for missing, experiments in lacking.items()
        if missing
    ]
    return [*notes, "The deviation of macro AUC is over the folds that have all its types."]


def _like_the_papers(scores: HeldOutScores) -> bool:
    return set(scores.table1.coverage[table1.ALL].types) <= set(paper.TABLE_1[0].auc)


def _number(value: float | None, sign: str = "") -> str:
    if value is None:
        return _NOTHING
    rounded = round(value, 3) or 0.0  # no -0.000
    return f"{rounded:{sign}.3f}"


def _mean(score: Score) -> str:
    lacking = score.mean is not None and score.num_folds < len(score.per_fold)
    return _number(score.mean) + (_LACKING if lacking else "")


def _pooled_value(score: Score) -> str:
    return _number(score.pooled)


def _spread(score: Score) -> str:
    if score.std is None:
        return _number(score.mean)
    return f"{_number(score.mean)} ± {score.std:.3f}"


def _pooled(score: Score) -> str:
    return _number(score.pooled) + _interval(score.pooled_interval)


def _pooled_difference(score: Score) -> str:
    return _number(score.pooled, "+") + _interval(score.pooled_interval, "+")


def _mean_difference(score: Score) -> str:
    return _number(score.mean, "+") + _interval(score.mean_interval, "+")


def _interval(interval: tuple[float, float] | None, sign: str = "") -> str:
    if interval is None:
        return ""
    low, high = (_number(end, sign) for end in interval)
    return f" [{low}, {high}]"
