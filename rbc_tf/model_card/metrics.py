"""What was measured, on which data, and the thresholds that turn probabilities into answers."""

from collections.abc import Mapping

from rbc_tf.model_card.words import NOT_RECORDED, count, decimals, section

_OBJECTIVES = {
    "exact_match": "chosen on validation regions for the most exact matches (all types right)",
    "f1": "chosen on validation regions for the highest F1 of each type",
    "plain": "0.5 for every type, as in the paper",
}


def metrics(manifest: Mapping) -> str:
    """Validation figures by part, then those on held-out images."""
    found = manifest.get("metrics", {})
    parts = [
        _detector(found.get("detector_validation", {})),
        _heads(found),
        _verdict(found.get("abnormality_validation", {})),
        *map(_held_out, found.get("held_out", [])),
    ]
    return "\n\n".join(parts)


def thresholds(manifest: Mapping) -> str:
    """Every threshold of the bundle, and how it came about."""
    calibration = manifest["calibration"]
    objective = calibration["threshold_objective"]
    rows = [
        (name, decimals(threshold), decimals(calibration["temperatures"][name]))
        for name, threshold in calibration["thresholds"].items()
    ]
    return (
        f"A detection counts from a score of {manifest['score_threshold']:g}, a region as "
        f"abnormal above a probability of {manifest['abnormal_threshold']:g}. A type is named "
        "above its threshold on the calibrated probability; thresholds are "
        f"{_OBJECTIVES[objective]}.\n\n"
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


def _heads(found: Mapping) -> str:
    heads = found.get("heads_validation", [])
    if not heads:
        return f"Types, on validation regions: {NOT_RECORDED}."
    reports = found.get("calibration_validation", {}).get("types", [])
    errors = {report["name"]: report for report in reports}
    rows = []
    for head in heads:
        own = errors.get(head["name"], {})
        present = head["validation_counts"][0]
        values = (head["validation_auc"], own.get("ece_before"), own.get("ece_after"))
        rows.append((head["name"], f"{present:,}", *map(decimals, values)))
    return section(
        "Types, on validation regions",
        ("type", "have it", "AUC", "ECE raw", "ECE calibrated"),
        rows,
        "AUC: area under the ROC curve. ECE: expected calibration error, before and after "
        "temperature scaling.",
    )


def _verdict(report: Mapping) -> str:
    if not report:
        return f"Abnormal or not, on validation regions: {NOT_RECORDED}."
    counts = report["validation_counts"]
    return (
        f"Abnormal or not, on {count(counts['abnormal'], 'abnormal validation region')} and "
        f"{counts['normal']:,} normal: AUC {decimals(report['validation_auc'])}."
    )


def _held_out(entry: Mapping) -> str:
    found, verdict = entry["detection"], entry["abnormality"]
    lines = [
        ("detection: AP50 (the paper's AP)", found["ap50"]),
        ("detection: AP75", found["ap75"]),
        ("detection: AP50:95", found["ap"]),
        (f"detection: recall at score {found['score_threshold']:g}", found["recall"]),
        ("detection: recall, single-cell regions", found["recall_single_cell"]),
        ("detection: recall, multi-cell regions", found["recall_multi_cell"]),
        ("detection: precision", found["precision"]),
        ("types, on true boxes: exact match", entry["exact_match"]),
        ("types, on true boxes: exact match at 0.5", entry["exact_match_plain"]),
        ("abnormal or not: accuracy", verdict["accuracy"]),
        ("abnormal or not: sensitivity", verdict["sensitivity"]),
        ("abnormal or not: specificity", verdict["specificity"]),
        ("abnormal or not: AUC", verdict["auc"]),
        ("whole chain: found, with exactly its types", entry["found_and_right"]),
    ]
    where = f"held-out images, `{entry['dataset']}` ('{entry['split']}')"
    columns = ("auc", "threshold", "recall", "precision", "ece")
    types = [
        (own["name"], f"{own['present']:,}", *(decimals(own[column]) for column in columns))
        for own in entry["types"]
    ]
    chain = section(
        f"Whole chain, on {where}",
        ("", "value"),
        [(text, decimals(value)) for text, value in lines],
        f"{count(found['num_images'], 'image')}, {count(found['num_true'], 'region')}; types and "
        f"verdict on {count(entry['regions'], 'completely labelled one')}, "
        f"{verdict['num_abnormal']:,} of them abnormal.",
    )
    by_type = section(
        f"Types, on {where}",
        ("type", "have it", "AUC", "threshold", "recall", "precision", "ECE calibrated"),
        types,
    )
    return f"{chain}\n\n{by_type}"
