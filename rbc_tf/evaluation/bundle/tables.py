"""Scores of a bundle as tables and files."""

import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import score_files
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table
from rbc_tf.model_card import held_out


def tables(scores: Sequence[Score]) -> tuple[Table, ...]:
    """The scores of a bundle stage by stage, as the model card shows them."""
    return held_out.tables(scores)


def write(output_file: str | pathlib.Path, scores: Sequence[Score], about: Mapping) -> None:
    """Writes JSON, and beside it CSV and Markdown of the same name.

    Args:
        output_file: the JSON file.
        scores: of the bundle.
        about: what was scored: plain values.
    """
    score_files.write_all(output_file, scores, about, tables(scores))
