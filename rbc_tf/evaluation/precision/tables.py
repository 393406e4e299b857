"""The comparison of precisions as a table and as files."""

import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import score_files, score_tables
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table

_DIGITS = 4
_COUNTS = ("num_images", "num_patches")


def table(scores: Sequence[Score]) -> Table:
    """One column for each precision, with what was scored in the title."""
    images, patches = (next(s.value for s in scores if s.name == name) for name in _COUNTS)
    shown = [score for score in scores if score.name not in _COUNTS]
    return score_tables.pivot(
        shown,
        f"{images} images, {patches} regions, beside float32",
        "precision",
        notes=(
            "Feature difference: |f - f32| / |f32|, mean. Changed: share that is predicted "
            "otherwise. All but AP on the true regions.",
        ),
        digits=_DIGITS,
    ).turned()


def write(output_file: str | pathlib.Path, scores: Sequence[Score], about: Mapping) -> None:
    """Writes JSON, and beside it CSV and Markdown of the same name."""
    score_files.write_all(output_file, scores, about, [table(scores)])
