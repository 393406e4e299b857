"""Scores of a classifier as tables."""

from collections.abc import Mapping, Sequence

from rbc_tf.core import score as score_lib
from rbc_tf.core import score_tables, text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table


def tables(scores: Sequence[Score], split: str) -> tuple[Table, ...]:
    """Subsets, types and abnormality, of the split that was scored."""
    groups = score_lib.one(scores, "num_groups").value
    intervals = f"95 % intervals by resampling the {groups} groups."
    regions = [score for score in scores if score.name != "num_groups"]
    return score_tables.tables(
        regions, f"Completely labelled regions of the split '{split}'", (intervals,)
    )


def validation_table(
    heads: Sequence[Mapping],
    calibration: Sequence[Mapping],
    temperatures: Sequence[float],
    thresholds: Sequence[float],
) -> Table:
    """How each head was trained and calibrated, with its scores on validation.

    Args:
        heads, calibration: T reports each, as in the record of a classifier.
        temperatures, thresholds: T each.
    """
    rows = tuple(
        (
            *(head["name"], head["status"], str(head["epoch"])),
            *map(
                text_table.decimals,
                (
                    head["validation_auc"],
                    temperature,
                    threshold,
                    report["ece_before"],
                    report["ece_after"],
                ),
            ),
        )
        for head, report, temperature, threshold in zip(
            heads, calibration, temperatures, thresholds, strict=True
        )
    )
    header = ("type", "status", "epoch kept", "AUC", "temperature", "threshold", "ECE raw", "ECE")
    return Table("Types, on validation", header, rows, (score_tables.ON_ECE,))
