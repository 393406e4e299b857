"""What was measured, on which data, and the thresholds that turn probabilities into labels."""

import dataclasses
from collections.abc import Iterator, Mapping

from rbc_tf.core import score_tables, text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table, decimals
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import (
    AbnormalityRecord,
    HeadRecord,
    HeldOutScores,
    Metrics,
    TypeCalibration,
)
from rbc_tf.model_card import held_out
from rbc_tf.model_card.words import NOT_RECORDED, count, section

_OBJECTIVES = {
    "exact_match": "chosen on validation regions for the most exact matches (all types right)",
    "f1": "chosen on validation regions for the highest F1 of each type",
    "plain": "0.5 for every type, as in the paper",
}

# What the records of heads begin the names of their scores on validation with.
_VALIDATION = "validation_"


def metrics(manifest: Manifest) -> str:
    """Validation scores by part, then those on held-out images."""
    found = manifest.metrics
    parts = [
        _detector(found.detector_validation),
        _heads(found),
        _abnormality(found.abnormality_validation),
        *(part for entry in found.held_out for part in _held_out(entry)),
    ]
    return "\n\n".join(parts)


def thresholds(manifest: Manifest) -> str:
    """Every threshold of the bundle, and how it came about."""
    calibration = manifest.calibration
    columns = zip(calibration.thresholds, calibration.temperatures, strict=True)
    rows = [
        (name, decimals(threshold), decimals(temperature))
        for name, (threshold, temperature) in zip(manifest.cell_types.names, columns, strict=True)
    ]
    return (
        f"A detection counts from a score of {manifest.score_threshold:g}, a region as "
        f"abnormal above a probability of {manifest.abnormal_threshold:g}. A type is predicted "
        "above its threshold on the calibrated probability; thresholds are "
        f"{_OBJECTIVES[manifest.threshold_objective]}. "
        + (
            "Where none is, that of highest probability is predicted: a region holds a cell.\n\n"
            if calibration.at_least_one
            else "Where none is, no type is predicted, as in the paper.\n\n"
        )
        + section("Thresholds of types", ("type", "threshold", "temperature"), rows)
    )


def _detector(scores: Mapping) -> str:
    titles = {"AP50": "AP50", "AP75": "AP75", "AP": "AP50:95"}
    # Negative is how COCO's software says 'not defined'.
    known = {text: scores[key] for key, text in titles.items() if scores.get(key, -1) >= 0}
    if not known:
        return f"Detector, on its validation images: {NOT_RECORDED}."
    values = ", ".join(f"{text} {decimals(value)}" for text, value in known.items())
    return f"Detector, on its validation images: {values} (Model Garden's metric)."


def _heads(found: Metrics) -> str:
    if not found.heads_validation:
        return f"Types, on validation regions: {NOT_RECORDED}."
    scores = [
        *(score for head in found.heads_validation for score in _of_head(head)),
        *(score for own in found.calibration_validation.types for score in _of_calibration(own)),
    ]
    table = score_tables.pivot(
        scores,
        "Types, on validation regions",
        "type",
        notes=(f"AUC: area under the ROC curve. {score_tables.ON_ECE}",),
    )
    return _markdown(table)


def _of_head(head: HeadRecord) -> Iterator[Score]:
    """Whatever scores on validation its record has."""
    of = {"type": head.name}
    yield Score("n_positive", head.validation_counts[0], of=of)
    for field in dataclasses.fields(head):
        value = getattr(head, field.name)
        if field.name.startswith(_VALIDATION) and (value is None or isinstance(value, float)):
            yield Score(field.name.removeprefix(_VALIDATION), value, of=of)


def _of_calibration(own: TypeCalibration) -> Iterator[Score]:
    of = {"type": own.name}
    yield Score("ece_raw", own.ece_before, of=of)
    yield Score("ece", own.ece_after, of=of)


def _abnormality(record: AbnormalityRecord | None) -> str:
    if record is None:
        return f"Abnormal or not, on validation regions: {NOT_RECORDED}."
    counts = record.validation_counts
    return (
        f"Abnormal or not, on {count(counts['abnormal'], 'abnormal validation region')} and "
        f"{counts['normal']:,} normal: AUC {decimals(record.validation_auc)}."
    )


def _held_out(entry: HeldOutScores) -> Iterator[str]:
    origin = f"{entry.origin} " if entry.origin else ""
    where = f"held-out {origin}images, `{entry.dataset}` ('{entry.split}')"
    yield from map(_markdown, held_out.tables(entry.scores, where))


def _markdown(table: Table) -> str:
    """A table below the headings of the card."""
    return text_table.markdown(table, level=3).rstrip()
