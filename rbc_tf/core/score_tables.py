"""Lists of scores as tables of text: the same for console, Markdown and the model card.

Whatever scores there are stand in these tables, whatever their names.
"""

from collections.abc import Mapping, Sequence

from rbc_tf.core import text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import WIDTH, Table

# What values of `of` are called where they, spelt out, will not do.
_NAMES = {
    "boosting": "gradient boosting",
    "multi_cell": "multi-cell",
    "single_cell": "single-cell",
}
_PHRASES = {"score_threshold": "at score {}", "at_recall": "at recall {}"}

_MEAN = "mean"
ON_RAW = (
    "Exact match at 0.5, and with at least one type, are of the probabilities before temperature "
    "scaling."
)
_RAW = ("exact_match_plain", "exact_match_at_least_one")
ON_ECE = "ECE: expected calibration error in ten bins, before (raw) and after temperature scaling."


def tables(scores: Sequence[Score], title: str, notes: Sequence[str] = ()) -> tuple[Table, ...]:
    """Every score of one thing in the tables where it belongs, those that have none left out.

    Scores of whole regions by subset, those of types by type, those of abnormality by method, and
    all others in a list. Types and abnormality are shown on all regions alone.
    """
    others = [s for s in scores if not {"type", "abnormality"} & set(s.of) and not _of_regions(s)]
    found = (
        listing(others, title, notes),
        by_subset(scores, title, notes),
        by_type(scores, f"{title}, by type"),
        by_method(scores, f"{title}: abnormal or not"),
    )
    return tuple(table for table in found if table.rows and len(table.header) > 1)


def listing(scores: Sequence[Score], title: str, notes: Sequence[str] = ()) -> Table:
    """One row a score: its name and what it is of, its value, interval and support."""
    rows = tuple(
        (
            describe(score),
            text_table.decimals(score.value),
            text_table.interval(score.interval),
            "" if score.support is None else f"{score.support:,}",
        )
        for score in scores
    )
    return Table(title, ("score", "value", "95 % interval", "of"), rows, tuple(notes))


def describe(score: Score) -> str:
    """'recall, single-cell, at score 0.5': the name of a score, and what it is of."""
    parts = [
        _PHRASES.get(key, "{}").format(name_of(value))
        for key, value in sorted(score.of.items(), key=lambda item: item[0] in _PHRASES)
    ]
    return ", ".join([score.title, *parts])


def name_of(value: str) -> str:
    """What a value of `of` is called: 'single-cell' for 'single_cell'."""
    return _NAMES.get(value, value.replace("_", " "))


def pivot(
    scores: Sequence[Score],
    title: str,
    rows: str,
    names: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    intervals: bool = True,
    digits: int = 3,
) -> Table:
    """A row for each value of `of[rows]`, a column for each statistic, both in their order.

    Args:
        scores: those without `rows` in their `of` are left out.
        title: of the table.
        rows: a key of `of`.
        names: what its values are called, as `name_of` has it where not given.
        notes: of the table.
        intervals: show them, where there are any.
        digits: after the point.
    """
    chosen = [score for score in scores if rows in score.of]
    titles = list(dict.fromkeys(score.title for score in chosen))
    by_row: dict[str, dict[str, Score]] = {}
    for score in chosen:
        by_row.setdefault(score.of[rows], {})[score.title] = score
    table_rows = tuple(
        (
            (names or {}).get(row, name_of(row)),
            *(_cell(found.get(title), intervals, digits) for title in titles),
        )
        for row, found in by_row.items()
    )
    return Table(title, (rows.replace("_", " "), *titles), table_rows, tuple(notes))


def by_subset(scores: Sequence[Score], title: str, notes: Sequence[str] = ()) -> Table:
    """Scores of whole regions: a row for each statistic, a column for each subset.

    Those of types and of abnormality are left out, and so are means over the types.
    """
    chosen = [s for s in scores if _of_regions(s) and s.mean_of is None]
    raw = (ON_RAW,) if any(s.name in _RAW for s in chosen) else ()
    return pivot(chosen, title, "subset", notes=(*notes, *raw)).turned()


def by_type(
    scores: Sequence[Score],
    title: str,
    subset: str = "all",
    names: Mapping[str, str] | None = None,
    intervals: bool = False,
) -> Table:
    """Scores of one subset: a row for each type, and their mean; a column for each statistic.

    Turned where it would be too wide for a terminal.
    """
    chosen = [s for s in scores if s.of.get("subset") == subset]
    means = [
        Score(s.mean_of, s.value, s.interval, {"type": _MEAN}, s.support)
        for s in chosen
        if s.mean_of is not None
    ]
    notes = (ON_ECE,) if any(s.name.startswith("ece") for s in chosen) else ()
    typed = [s for s in chosen if "type" in s.of]
    return narrow(pivot([*typed, *means], title, "type", names, notes, intervals))


def by_method(scores: Sequence[Score], title: str, subset: str = "all") -> Table:
    """Abnormal or not, on one subset: a row for each method, a column for each statistic."""
    chosen = [s for s in scores if s.of.get("subset") == subset]
    return narrow(pivot(chosen, title, "abnormality"))


def narrow(table: Table) -> Table:
    """The table, its rows as columns where it is too wide and that is narrower."""
    turned = table.turned()
    return turned if table.width > WIDTH and turned.width < table.width else table


def _of_regions(score: Score) -> bool:
    return set(score.of) == {"subset"}


def _cell(score: Score | None, intervals: bool, digits: int) -> str:
    if score is None:
        return ""
    ends = score.interval if intervals else None
    return text_table.with_interval(score.value, ends, digits=digits)
