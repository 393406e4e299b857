"""What packing costs: a bundle and its packed form, scored on the same images."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from rbc_tf.core import score_files, score_tables
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table
from rbc_tf.data.dataset import Dataset
from rbc_tf.evaluation.bundle import run
from rbc_tf.graphs import frozen
from rbc_tf.inference import pretrained
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.view_config import ViewConfig

BEFORE, AFTER, DIFFERENCE = "as trained", "packed", "difference"

# What a user reads of a bundle; those of single types move by chance alone.
_SHOWN = (
    *("ap50", "ap75", "ap50_95", "recall", "precision", "exact_match", "best_type"),
    *("macro_auc", "macro_ece", "accuracy", "auc"),
)
_DIGITS = 4


def compare(
    bundle: Bundle, packed: str | pathlib.Path, dataset: Dataset, split: str
) -> list[Score]:
    """Scores both in float32, images as they are.

    Each score has `weights`, BEFORE, AFTER or DIFFERENCE.

    Args:
        bundle: as it was trained.
        packed: the file that was made of it.
        dataset, split: the images; whether a part has seen them matters little here, as both have.

    Raises:
        ValueError: the bundle knows other types than the dataset.
    """
    samples = dataset.in_split(split)
    scores = []
    for name, each in ((BEFORE, bundle), (AFTER, pretrained.find(str(packed)))):
        chain = Chain(each, precision=frozen.FLOAT32, view_config=ViewConfig.as_it_is())
        found = run.evaluate(chain, samples, dataset.cell_types)
        scores.append([score.at(weights=name) for score in found])
    before, after = ({_key(score): score for score in part} for part in scores)
    moved = [
        dataclasses.replace(
            score.at(weights=DIFFERENCE), value=after[key].value - score.value, interval=None
        )
        for key, score in before.items()
        if isinstance(score.value, float) and isinstance(after[key].value, float)
    ]
    return [*scores[0], *scores[1], *moved]


def table(scores: Sequence[Score]) -> Table:
    """A row for each score that a user reads, a column for each form."""
    columns = [
        {_key(score): score for score in scores if score.of["weights"] == name}
        for name in (BEFORE, AFTER, DIFFERENCE)
    ]
    rows = [
        (
            score_tables.describe(score.without("weights")),
            *(f"{column[key].value:.{_DIGITS}f}" for column in columns[:2]),
            f"{columns[2][key].value:+.{_DIGITS}f}",
        )
        for key, score in columns[0].items()
        if key in columns[2] and score.name in _SHOWN and "type" not in score.of
    ]
    return Table("What packing costs", ("score", BEFORE, AFTER, DIFFERENCE), tuple(rows))


def write(output_file: str | pathlib.Path, scores: Sequence[Score], about: Mapping) -> None:
    """Writes JSON, and beside it CSV and Markdown of the same name."""
    score_files.write_all(output_file, scores, about, [table(scores)])


def _key(score: Score) -> tuple:
    return score.name, *sorted((k, v) for k, v in score.of.items() if k != "weights")
