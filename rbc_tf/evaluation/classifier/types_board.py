"""How well each type is told: precision-recall curves, and a table."""

from collections.abc import Sequence

import tensorflow as tf

from rbc_tf.classification import curves
from rbc_tf.core import text_table
from rbc_tf.evaluation.classifier.scores import ClassifiedRegions
from rbc_tf.metrics.type_scores import TypeScores, score_type

_HEADER = (
    *("type", "have it", "do not", "AUC", "average precision"),
    *("threshold", "precision", "recall"),
)


def write_types(
    regions: ClassifiedRegions, names: Sequence[str], thresholds: Sequence[float], part: str
) -> None:
    """Writes PR CURVES and a table under TEXT with the default writer.

    Args:
        regions: of any completeness; unknown labels are left out.
        names: of the T types.
        thresholds: T, on the calibrated probabilities.
        part: what the regions are called, 'validation'.
    """
    rows = []
    for t, (name, threshold) in enumerate(zip(names, thresholds, strict=True)):
        labels, probabilities = regions.labels[:, t], regions.probabilities[:, t]
        scores = score_type(labels, probabilities, threshold)
        rows.append(_row(name, scores, threshold))
        description = _description(scores, threshold, part)
        curves.write_pr_curve(f"types/{name}", labels, probabilities, 0, description)
    table = text_table.Table(
        f"Types, {part} patches",
        _HEADER,
        tuple(rows),
        ("Probabilities are calibrated; precision and recall are those at the threshold.",),
    )
    tf.summary.text("types", text_table.markdown(table), step=0)


def _row(name: str, scores: TypeScores, threshold: float) -> tuple[str, ...]:
    values = (scores.auc, scores.average_precision, threshold, scores.precision, scores.recall)
    return (name, f"{scores.present:,}", f"{scores.absent:,}", *map(_number, values))


def _description(scores: TypeScores, threshold: float, part: str) -> str:
    known = scores.present + scores.absent
    return (
        f"{scores.present:,} of {known:,} {part} patches have it: guessing has precision "
        f"{_number(scores.present / known if known else None)}. Average precision "
        f"**{_number(scores.average_precision)}**, ROC-AUC **{_number(scores.auc)}**. At its "
        f"threshold, {threshold:.3f}, precision is {_number(scores.precision)} and recall "
        f"{_number(scores.recall)}. Probabilities are calibrated."
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
