"""What was measured, on which data, and the thresholds that turn probabilities into answers."""

from collections.abc import Mapping

from rbc_tf.core.score import one, select
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import AbnormalityRecord, HeldOutScores, Metrics, TypeCalibration
from rbc_tf.model_card.words import NOT_RECORDED, count, decimals, section

_OBJECTIVES = {
    "exact_match": "chosen on validation regions for the most exact matches (all types right)",
    "f1": "chosen on validation regions for the highest F1 of each type",
    "plain": "0.5 for every type, as in the paper",
}


def metrics(manifest: Manifest) -> str:
    """Validation figures by part, then those on held-out images."""
    found = manifest.metrics
    parts = [
        _detector(found.detector_validation),
        _heads(found),
        _abnormality(found.abnormality_validation),
        *map(_held_out, found.held_out),
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
        f"{_OBJECTIVES[manifest.threshold_objective]}.\n\n"
        + section("Thresholds of types", ("type", "threshold", "temperature"), rows)
    )


def _detector(scores: Mapping) -> str:
    named = {"AP50": "AP50", "AP75": "AP75", "AP": "AP50:95"}
    # Negative is how COCO's software says 'not defined'.
    known = {text: scores[key] for key, text in named.items() if scores.get(key, -1) >= 0}
    if not known:
        return f"Detector, on its validation images: {NOT_RECORDED}."
    figures = ", ".join(f"{text} {decimals(value)}" for text, value in known.items())
    return f"Detector, on its validation images: {figures} (Model Garden's metric)."


def _heads(found: Metrics) -> str:
    heads = found.heads_validation
    if not heads:
        return f"Types, on validation regions: {NOT_RECORDED}."
    calibrated = {own.name: own for own in found.calibration_validation.types}
    rows = []
    for head in heads:
        own = calibrated.get(head.name, TypeCalibration(head.name))
        values = (head.validation_auc, own.ece_before, own.ece_after)
        rows.append((head.name, f"{head.validation_counts[0]:,}", *map(decimals, values)))
    return section(
        "Types, on validation regions",
        ("type", "have it", "AUC", "ECE raw", "ECE calibrated"),
        rows,
        "AUC: area under the ROC curve. ECE: expected calibration error, before and after "
        "temperature scaling.",
    )


def _abnormality(record: AbnormalityRecord | None) -> str:
    if record is None:
        return f"Abnormal or not, on validation regions: {NOT_RECORDED}."
    counts = record.validation_counts
    return (
        f"Abnormal or not, on {count(counts['abnormal'], 'abnormal validation region')} and "
        f"{counts['normal']:,} normal: AUC {decimals(record.validation_auc)}."
    )


def _held_out(entry: HeldOutScores) -> str:
    detector, classifier = ({"stage": stage} for stage in ("detector", "classifier"))
    of_detector = select(entry.scores, "precision", **detector)
    at = of_detector[0].of  # with the score threshold
    abnormal = {"abnormality": "boosting", **classifier}
    lines = [
        ("detection: AP50 (the paper's AP)", "ap50", detector),
        ("detection: AP75", "ap75", detector),
        ("detection: AP50:95", "ap50_95", detector),
        (f"detection: recall at score {at['score_threshold']}", "recall", at),
        ("detection: recall, single-cell regions", "recall", {"subset": "single_cell", **at}),
        ("detection: recall, multi-cell regions", "recall", {"subset": "multi_cell", **at}),
        ("detection: precision", "precision", at),
        ("types, on true boxes: exact match", "exact_match", classifier),
        ("types, on true boxes: exact match at 0.5", "exact_match_plain", classifier),
        ("abnormal or not: accuracy", "accuracy", abnormal),
        ("abnormal or not: sensitivity", "sensitivity", abnormal),
        ("abnormal or not: specificity", "specificity", abnormal),
        ("abnormal or not: AUC", "auc", abnormal),
        ("whole chain: found, with exactly its types", "found_and_right", {"stage": "chain"}),
    ]

    def value(name: str, of: Mapping[str, str]):
        return one(entry.scores, name, **of).value

    where = f"held-out images, `{entry.dataset}` ('{entry.split}')"
    columns = ("auc", "threshold", "recall", "precision", "ece")
    positive = select(entry.scores, "n_positive", **classifier)
    types = [
        (own.of["type"], f"{own.value:,}", *(decimals(value(name, own.of)) for name in columns))
        for own in positive
    ]
    chain = section(
        f"Whole chain, on {where}",
        ("", "value"),
        [(text, decimals(value(name, of))) for text, name, of in lines],
        f"{count(value('num_images', detector), 'image')}, "
        f"{count(value('num_regions', detector), 'region')}; types and abnormality on "
        f"{count(value('regions', classifier), 'completely labelled one')}, "
        f"{value('n_abnormal', abnormal):,} of them abnormal.",
    )
    by_type = section(
        f"Types, on {where}",
        ("type", "have it", "AUC", "threshold", "recall", "precision", "ECE calibrated"),
        types,
    )
    return f"{chain}\n\n{by_type}"
