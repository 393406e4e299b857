"""Scores of a whole bundle as tables, stage by stage."""

from collections.abc import Sequence

from rbc_tf.core import score_tables
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table
from rbc_tf.manifest.records import CHAIN, CLASSIFIER, DETECTOR

_TITLES = {
    DETECTOR: "Detection",
    CLASSIFIER: "Types, on true boxes",
    CHAIN: "Whole chain, on detected boxes",
}
_NOTES = {CHAIN: ("A region that is not found is not right.",)}


def tables(scores: Sequence[Score], where: str = "") -> tuple[Table, ...]:
    """Every score, whatever its name.

    Args:
        scores: each of a `stage`.
        where: what is scored, for the titles; nothing where that is clear.
    """
    suffix = f", {where}" if where else ""
    stages = dict.fromkeys(score.of.get("stage", "") for score in scores)
    return tuple(
        table
        for stage in stages
        for table in score_tables.tables(
            [score.without("stage") for score in scores if score.of.get("stage", "") == stage],
            _TITLES.get(stage, stage) + suffix,
            _NOTES.get(stage, ()),
        )
    )
