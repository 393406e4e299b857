"""Lists of scores as JSON, CSV and Markdown, and for TensorBoard."""

import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import files, text_table
from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table

_NUMBERS = ("value", "low_95", "high_95", "support")


def write_json(path: str | pathlib.Path, scores: Sequence[Score], about: Mapping) -> None:
    """{**about, 'scores': [...], 'versions': {...}}; plain JSON, without nan."""
    values = {**about, "scores": score_lib.to_json(scores), "versions": files.versions()}
    files.write_json(path, values)


def write_all(
    output_file: str | pathlib.Path,
    scores: Sequence[Score],
    about: Mapping,
    tables: Sequence[Table],
) -> None:
    """Writes JSON, and beside it CSV and the tables as Markdown of the same name.

    Args:
        output_file: the JSON file.
        scores: all of them.
        about: what was scored: plain values.
        tables: of the scores.
    """
    path = pathlib.Path(output_file)
    write_json(path, scores, about)
    write_csv(path.with_suffix(".csv"), scores)
    write_markdown(path.with_suffix(".md"), tables)


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


def write_markdown(path: str | pathlib.Path, tables: Sequence[Table], heading: str = "") -> None:
    """Tables one below the other, under a text where there is one."""
    parts = [f"{heading.rstrip()}\n"] if heading else []
    text = "\n".join([*parts, *map(text_table.markdown, tables)])
    with files.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_scalars(scores: Sequence[Score], step: int = 0) -> None:
    """Writes a scalar 'name/of' for each defined score with TensorBoard's default writer."""
    import tensorflow as tf  # costs seconds, and tables do without

    for score in scores:
        if score.value is not None:
            tf.summary.scalar("/".join([score.name, *score.of.values()]), score.value, step=step)


def _ends(score: Score) -> tuple[float | None, float | None]:
    return score.interval or (None, None)


def _keys(scores: Sequence[Score]) -> list[str]:
    """Everything that scores are of, in order of appearance."""
    return list(dict.fromkeys(key for score in scores for key in score.of))
