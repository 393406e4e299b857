"""Lists of scores as tables of text, as CSV and JSON, and for TensorBoard."""

import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import files, text_table
from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table

_NUMBERS = ("value", "low_95", "high_95", "support")


def listing(scores: Sequence[Score], title: str, notes: Sequence[str] = ()) -> Table:
    """One row a score: what it is of, its name, value, interval and support."""
    keys = _keys(scores)
    rows = tuple(
        (
            " ".join([score.title, *(score.of.get(key, "") for key in keys)]).strip(),
            text_table.decimals(score.value),
            text_table.interval(score.interval),
            "" if score.support is None else f"{score.support:,}",
        )
        for score in scores
    )
    return Table(title, ("score", "value", "95 % interval", "of"), rows, tuple(notes))


def pivot(
    scores: Sequence[Score],
    title: str,
    rows: str,
    names: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """A row for each value of `of[rows]`, a column for each statistic, both in their order.

    Args:
        scores: those without `rows` in their `of` are left out.
        title: of the table.
        rows: a key of `of`.
        names: what its values are called, themselves where not given.
        notes: of the table.
    """
    chosen = [score for score in scores if rows in score.of]
    titles = list(dict.fromkeys(score.title for score in chosen))
    by_row: dict[str, dict[str, Score]] = {}
    for score in chosen:
        by_row.setdefault(score.of[rows], {})[score.title] = score
    table_rows = tuple(
        ((names or {}).get(row, row), *(_cell(found.get(title)) for title in titles))
        for row, found in by_row.items()
    )
    return Table(title, (rows.replace("_", " "), *titles), table_rows, tuple(notes))


def write_json(path: str | pathlib.Path, scores: Sequence[Score], about: Mapping) -> None:
    """{**about, 'scores': [...], 'versions': {...}}; plain JSON, without nan."""
    values = {**about, "scores": score_lib.to_json(scores), "versions": files.versions()}
    files.write_json(path, values)


def write_csv(path: str | pathlib.Path, scores: Sequence[Score]) -> None:
    """One row a score, not rounded, empty where not defined; a column for each key of `of`."""
    keys = _keys(scores)
    rows = [
        (
            score.name,
            *(score.of.get(key, "") for key in keys),
            *("" if cell is None else cell for cell in (score.value, *_ends(score), score.support)),
        )
        for score in scores
    ]
    files.write_csv(path, ("score", *keys, *_NUMBERS), rows)


def write_scalars(scores: Sequence[Score], step: int = 0) -> None:
    """Writes a scalar 'name/of' for each defined score with TensorBoard's default writer."""
    import tensorflow as tf  # costs seconds, and tables do without

    for score in scores:
        if score.value is not None:
            tf.summary.scalar("/".join([score.name, *score.of.values()]), score.value, step=step)


def _cell(score: Score | None) -> str:
    return "" if score is None else text_table.with_interval(score.value, score.interval)


def _ends(score: Score) -> tuple[float | None, float | None]:
    return score.interval or (None, None)


def _keys(scores: Sequence[Score]) -> list[str]:
    """Everything that scores are of, in order of appearance."""
    return list(dict.fromkeys(key for score in scores for key in score.of))
