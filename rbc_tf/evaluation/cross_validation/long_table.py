"""The scores of a cross-validation as one long table of numbers, for other software."""

from collections.abc import Iterator

from rbc_tf.evaluation.cross_validation import paper
from rbc_tf.evaluation.cross_validation.scores import HeldOutScores
from rbc_tf.evaluation.cross_validation.table1 import TypeScores
from rbc_tf.metrics.fold_scores import Score

CSV_HEADER = (
    "kind",  # experiment, difference, answers, abnormality; paper: measured on other data
    "name",
    "model",
    "tested_on",
    "score",
    "type",  # of cell, for AUC
    "mean_over_folds",
    "standard_deviation",
    "num_folds",
    "mean_low_95",
    "mean_high_95",
    "pooled",
    "pooled_low_95",
    "pooled_high_95",
)


def csv_rows(scores: HeldOutScores) -> Iterator[tuple]:
    """One row per score in the order of CSV_HEADER, not rounded; empty where not defined."""
    for e in scores.table1.experiments:
        yield from _type_rows(("experiment", e.name, e.model, e.subset), e.scores)
    for c in scores.table1.comparisons:
        name = f"{c.first} - {c.second}"
        yield from _type_rows(("difference", name, name, c.subset), c.scores)
    for best in scores.best_types:
        first = ("answers", best.model, best.model, "single_cell", "best_type_right", "")
        yield _row(first, best.right)
    for answers in scores.answers:
        for kind, score in _scores_of(answers).items():
            yield _row(("answers", answers.model, answers.model, "several_types", kind, ""), score)
    for method in (*scores.verdicts.methods, scores.verdicts.boosting_gain):
        for kind, score in _scores_of(method).items():
            yield _row(("abnormality", method.method, "A", "all", kind, ""), score)
    for row in paper.TABLE_1:
        first = ("paper", f"paper {row.name}", row.model, row.subset)
        for name, value in row.auc.items():
            yield _paper_row((*first, "auc", name), value)
        yield _paper_row((*first, "exact_match", ""), row.exact_match)
    first = ("paper", "paper boosting", "A", "all", "accuracy", "")
    yield _paper_row(first, paper.BOOSTING_ACCURACY)


def _type_rows(first: tuple[str, ...], scores: TypeScores) -> Iterator[tuple]:
    yield _row((*first, "exact_match", ""), scores.exact_match)
    yield _row((*first, "macro_auc", ""), scores.macro_auc)
    for name, score in scores.auc.items():
        yield _row((*first, "auc", name), score)


def _scores_of(values) -> dict[str, Score]:
    return {name: value for name, value in vars(values).items() if isinstance(value, Score)}


def _row(first: tuple[str, ...], score: Score) -> tuple:
    cells = (
        score.mean,
        score.std,
        score.num_folds,
        *(score.mean_interval or (None, None)),
        score.pooled,
        *(score.pooled_interval or (None, None)),
    )
    return (*first, *("" if cell is None else cell for cell in cells))


def _paper_row(first: tuple[str, ...], value: float) -> tuple:
    return (*first, value, *[""] * (len(CSV_HEADER) - len(first) - 1))
