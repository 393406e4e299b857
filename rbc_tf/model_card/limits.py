"""What the manifest gives reason to doubt."""

from collections.abc import Iterator, Sequence

from rbc_tf.core.text_table import decimals
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import AbnormalityRecord, HeadRecord, HeldOutScores
from rbc_tf.model_card.words import count

# Below so many regions with a type, its figures and its threshold rest on chance.
_FEW = 20
# Below so many groups, figures may be those of a slide rather than those of smears.
_FEW_GROUPS = 5
# Below this area under the ROC curve a type is predicted poorly.
_POOR = 0.7


def limits(manifest: Manifest) -> Iterator[str]:
    """One sentence or more for each limit, those that matter most first."""
    found = manifest.metrics
    if manifest.backbone == "random":
        yield (
            "**The network behind the features has random weights.** Whatever types it predicts "
            "are not to be believed."
        )
    yield from _held_out(found.held_out)
    yield from _types(found.heads_validation)
    yield from _calibration(manifest)
    yield from _abnormality(found.abnormality_validation or AbnormalityRecord())
    if manifest.provenance.detector.init_checkpoint == "random weights":
        yield (
            "The detector started from random weights, not from ImageNet's as in the paper, and "
            "knows nothing beyond its training images."
        )
    if manifest.appearance:
        size = manifest.appearance.get("cell_size")
        # Bundles that were made before it was measured do not know it.
        what = ", crowd or compression" if "compression" in manifest.appearance else " or crowd"
        of_size = f"; cells measured {size[0]:.0f} to {size[1]:.0f} pixels" if size else ""
        yield (
            f"Analysis warns of images whose light, stain, focus, size of cells{what} lie beyond "
            f"those of the training images{of_size}. What it does not measure it cannot warn of."
        )
    yield (
        "Probabilities mean what they say on images like the validation images only; where types "
        "are rarer or more frequent than there, they are off."
    )


def _held_out(entries: Sequence[HeldOutScores]) -> Iterator[str]:
    if not entries:
        yield (
            "No scores on held-out images are recorded: all figures above are on images that "
            "chose something."
        )
    for entry in entries:
        if entry.groups < _FEW_GROUPS:
            yield (
                f"The held-out images of `{entry.dataset}` are of "
                f"{count(entry.groups, 'group')} only (slides, patients or blocks): their "
                "figures say little of others."
            )


def _types(heads: Sequence[HeadRecord]) -> Iterator[str]:
    never = [head.name for head in heads if head.status == "never_present"]
    if never:
        yield f"Never found, since no training region has it: {', '.join(never)}."
    untested = [head.name for head in heads if head.status == "not_validated"]
    if untested:
        yield (
            "Not validated, since of no validation region it is known whether it has it: "
            f"{', '.join(untested)}."
        )
    trained = [head for head in heads if head.status == "trained"]
    few = [
        f"{head.name} ({head.validation_counts[0]})"
        for head in trained
        if head.validation_counts[0] < _FEW
    ]
    if few:
        yield (
            f"Fewer than {_FEW} validation regions have these types, so that their figures and "
            f"thresholds say little: {', '.join(few)}."
        )
    poor = [
        f"{head.name} ({decimals(head.validation_auc)})"
        for head in trained
        if head.validation_auc is not None and head.validation_auc < _POOR
    ]
    if poor:
        yield f"Poorly predicted, with a validation AUC below {_POOR}: {', '.join(poor)}."


def _calibration(manifest: Manifest) -> Iterator[str]:
    reports = manifest.metrics.calibration_validation.types
    plain = [report.name for report in reports if not report.temperature_fitted]
    if plain:
        yield (
            "Not calibrated, since validation lacks regions with or without the type: "
            f"{', '.join(plain)}."
        )
    untuned = [
        report.name
        for report in reports
        if report.temperature_fitted and not report.threshold_fitted
    ]
    if untuned and manifest.threshold_objective != "plain":
        yield (
            "Threshold 0.5 for want of completely labelled validation regions to choose one on: "
            f"{', '.join(untuned)}."
        )
    for what, plain_value in (("temperature", "1"), ("threshold", "0.5")):
        dropped = [
            report.name
            for report in reports
            if getattr(report, f"{what}_fitted") and not getattr(report, f"{what}_held")
        ]
        if dropped:
            yield (
                f"The {what} stays {plain_value}, since a tuned one did no better on validation "
                f"groups left out: {', '.join(dropped)}."
            )


def _abnormality(record: AbnormalityRecord) -> Iterator[str]:
    if record.constant:
        yield (
            "Abnormality is predicted the same for every region: training had only abnormal or "
            "only normal ones."
        )
    auc = record.validation_auc
    if auc is not None and auc < _POOR:
        yield f"Abnormal and normal regions are poorly separated: validation AUC {decimals(auc)}."
