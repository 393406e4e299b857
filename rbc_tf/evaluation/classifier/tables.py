"""Scores of a classifier as tables."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core.text_table import Table
from rbc_tf.evaluation.classifier import scores as classification
from rbc_tf.evaluation.classifier.scores import ClassificationScores, Share

_SUBSETS = {
    classification.ALL: "all",
    classification.SINGLE: "single-cell",
    classification.MULTI: "multi-cell",
    classification.SEVERAL: "several types",
}


def tables(
    scores: ClassificationScores, names: Sequence[str], thresholds: np.ndarray, split: str
) -> tuple[Table, ...]:
    """Subsets, types and the verdict, of the split that was scored."""
    return _subsets(scores, split), _types(scores, names, thresholds), _verdict(scores)


def _subsets(scores: ClassificationScores, split: str) -> Table:
    rows = tuple(
        (
            text,
            f"{scores.subsets[name].num_regions:,}",
            *map(
                _share,
                (
                    scores.subsets[name].exact_match,
                    scores.subsets[name].exact_match_plain,
                    scores.subsets[name].best_type,
                ),
            ),
        )
        for name, text in _SUBSETS.items()
    )
    return Table(
        f"Completely labelled regions of the split '{split}'",
        ("regions", "number", "exact match", "exact match at 0.5", "best type is true"),
        rows,
        (f"95 % intervals by resampling the {scores.num_groups} groups.",),
    )


def _types(scores: ClassificationScores, names: Sequence[str], thresholds: np.ndarray) -> Table:
    columns = (
        scores.types.auc,
        thresholds.tolist(),
        scores.labels.recall,
        scores.labels.precision,
        scores.labels.f1,
        scores.ece_before,
        scores.ece_after,
    )
    rows = [
        (name, f"{positive:,}", *map(_number, values))
        for name, positive, *values in zip(names, scores.types.num_positive, *columns, strict=True)
    ]
    means = (scores.types.mean_auc, None, None, None, None)
    errors = (scores.mean_ece_before, scores.mean_ece_after)
    rows.append(("mean", "", *map(_number, (*means, *errors))))
    return Table(
        "Types",
        ("type", "have it", "AUC", "threshold", "recall", "precision", "F1", "ECE", "ECE scaled"),
        tuple(rows),
        (
            "ECE: expected calibration error in ten bins, of the heads' outputs and after "
            "temperature scaling.",
        ),
    )


def _verdict(scores: ClassificationScores) -> Table:
    verdict = scores.abnormality
    values = (verdict.accuracy, verdict.auc, verdict.sensitivity, verdict.specificity)
    return Table(
        f"Abnormal: {verdict.num_abnormal:,} of {verdict.num_regions:,} regions",
        ("", "accuracy", "AUC", "sensitivity", "specificity"),
        (("gradient boosting", *map(_number, values)),),
    )


def _share(share: Share) -> str:
    if share.interval is None:
        return _number(share.value)
    low, high = share.interval
    return f"{_number(share.value)} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
