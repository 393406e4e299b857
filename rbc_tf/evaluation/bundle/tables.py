"""Scores as short tables for the console."""

from collections.abc import Sequence

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.text_table import Table, console
from rbc_tf.evaluation.bundle.scores import ChainScores

_CALIBRATION_ERRORS = ("ECE raw", "calibrated")
_NOTE_ON_ECE = "ECE: expected calibration error, before and after temperature scaling."


def chain_scores_table(scores: ChainScores, cell_types: CellTypes) -> str:
    """The scores of a bundle, stage by stage, then type by type."""
    found, types, verdict = scores.detection, scores.types, scores.abnormality
    at = f"at score {found.score_threshold:g}"
    rows = [
        ("Detection", f"{found.num_true} regions in {found.num_images} images"),
        ("  AP50 (paper's AP)", _number(found.ap50)),
        ("  AP75", _number(found.ap75)),
        ("  AP50:95", _number(found.ap)),
        (f"  precision, recall {at}", _numbers(found.precision, found.recall)),
        (
            "  recall on single-cell, multi-cell regions",
            _numbers(scores.recall_single_cell, scores.recall_multi_cell),
        ),
        ("  labelled cells inside a detection", _number(scores.points_inside)),
        ("Types, on true boxes", f"{types.num_regions} completely labelled regions"),
        ("  exact match at the thresholds below", _number(types.exact_match)),
        ("  exact match at 0.5 (the paper's)", _number(scores.exact_match_plain)),
        ("Abnormality", f"{verdict.num_abnormal} of {verdict.num_regions} regions abnormal"),
        ("  accuracy, AUC", _numbers(verdict.accuracy, verdict.auc)),
        ("  sensitivity, specificity", _numbers(verdict.sensitivity, verdict.specificity)),
        ("Whole chain: regions found, with exactly their types", ""),
        ("  at the thresholds below", _number(scores.found_and_right)),
        ("  at 0.5", _number(scores.found_and_right_plain)),
    ]
    width = max(len(name) for name, value in rows if value) + 2
    stages = [f"{name:<{width}}{value}".rstrip() for name, value in rows]
    return "\n".join([*stages, "", console(_types_table(scores, cell_types)).rstrip()])


def classifier_table(
    heads: Sequence[dict],
    calibration: Sequence[dict],
    temperatures: Sequence[float],
    thresholds: Sequence[float],
) -> str:
    """How each network was trained and calibrated, with its figures on validation.

    Args:
        heads, calibration: T reports each, as in the record of a classifier.
        temperatures, thresholds: T each.
    """
    rows = tuple(
        (
            *(head["name"], head["status"], str(head["epoch"]), _number(head["validation_auc"])),
            *map(_number, (temperature, threshold, report["ece_before"], report["ece_after"])),
        )
        for head, report, temperature, threshold in zip(
            heads, calibration, temperatures, thresholds, strict=True
        )
    )
    header = ("type", "status", "epoch kept", "AUC", "temperature", "threshold")
    columns = (*header, *_CALIBRATION_ERRORS)
    return console(Table("Types, on validation", columns, rows, (_NOTE_ON_ECE,))).rstrip()


def _types_table(scores: ChainScores, cell_types: CellTypes) -> Table:
    header = ("type", "regions", "AUC", "threshold", "recall", "precision", "F1")
    columns = (
        scores.types.auc,
        scores.thresholds,
        scores.labels.recall,
        scores.labels.precision,
        scores.labels.f1,
        scores.ece_before,
        scores.ece_after,
    )
    rows = tuple(
        (name, str(positive), *map(_number, values))
        for name, positive, *values in zip(
            cell_types.names, scores.types.num_positive, *columns, strict=True
        )
    )
    return Table("Types, on true boxes", (*header, *_CALIBRATION_ERRORS), rows, (_NOTE_ON_ECE,))


def _numbers(*values: float | None) -> str:
    return ", ".join(map(_number, values))


def _number(value: float | None) -> str:
    """Three digits; a dash where there is nothing to score."""
    return "-" if value is None or value != value else f"{value:.3f}"
