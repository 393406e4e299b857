"""Scores as short tables for the console."""

from rbc_tf.cell_types import CellTypes
from rbc_tf.evaluation.chain import ChainScores


def chain_scores_table(scores: ChainScores, cell_types: CellTypes) -> str:
    """The scores of a bundle, stage by stage."""
    found, types, verdict = scores.detection, scores.types, scores.abnormality
    at = f"at score {found.score_threshold:g}"
    rows = [
        ("Detection", f"{found.num_true} regions in {found.num_images} images"),
        ("  AP50 (paper's AP)", _number(found.ap50)),
        ("  AP75", _number(found.ap75)),
        ("  AP50:95", _number(found.ap)),
        (f"  precision, recall {at}", f"{_number(found.precision)}, {_number(found.recall)}"),
        (
            "  recall on single-cell, multi-cell regions",
            f"{_number(scores.recall_single_cell)}, {_number(scores.recall_multi_cell)}",
        ),
        ("  labelled cells inside a detection", _number(scores.points_inside)),
        ("Types, on true boxes", f"{types.num_regions} completely labelled regions"),
        ("  exact match", _number(types.exact_match)),
    ]
    for cell_type, auc, positive in zip(cell_types, types.auc, types.num_positive, strict=True):
        rows.append((f"  AUC {cell_type.name}", f"{_number(auc)}   ({positive} regions have it)"))
    rows += [
        ("Abnormality", f"{verdict.num_abnormal} of {verdict.num_regions} regions abnormal"),
        ("  accuracy, AUC", f"{_number(verdict.accuracy)}, {_number(verdict.auc)}"),
        ("Whole chain", ""),
        ("  regions found, with exactly their types", _number(scores.found_and_right)),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{value}".rstrip() for name, value in rows)


def _number(value: float | None) -> str:
    """Three digits; a dash where there is nothing to score."""
    return "-" if value is None or value != value else f"{value:.3f}"
