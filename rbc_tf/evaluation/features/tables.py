"""The comparison of features as a table."""

from collections.abc import Sequence

from rbc_tf.core.text_table import Table
from rbc_tf.evaluation.features.scores import FeatureScores
from rbc_tf.metrics.multilabel import MultilabelScores

CSV_HEADER = (
    "features", "weights", "crop_mode", "patch_size", "heads", "epochs", "seconds", "part",
    "regions", "exact_match", "mean_auc", "types_with_auc", "chosen",
)  # fmt: skip

PARTS = ("validation", "test", "single_cell", "multi_cell")


def feature_table(scores: Sequence[FeatureScores], best: FeatureScores) -> Table:
    """One row per features and heads; the best is marked by an arrow."""
    first = scores[0]
    rows = [
        (
            f"{'> ' if score is best else '  '}{score.features}, {score.heads}",
            _crop(score.crop),
            str(score.epochs),
            *(_number(getattr(score, part).exact_match) for part in PARTS),
            _number(score.validation.mean_auc),
            _number(score.test.mean_auc),
        )
        for score in scores
    ]
    counts = ", ".join(
        f"{getattr(first, part).num_regions} {text}"
        for part, text in zip(
            PARTS, ("validation", "test", "single-cell test", "multi-cell test"), strict=True
        )
    )
    return Table(
        title="Features and heads compared: exact match, and mean AUC over types",
        header=(
            "features, heads",
            "patches",
            "epoch",
            "validation",
            "test",
            "single",
            "multi",
            "AUC val.",
            "AUC test",
        ),
        rows=tuple(rows),
        notes=(
            f"Complete regions: {counts}. Thresholds are 0.5.",
            "> marks the choice: the highest exact match on validation. The test took no part.",
            f"Mean AUC over the types that have one: {_told(first.validation)} on validation, "
            f"{_told(first.test)} on the test.",
        ),
    )


def csv_rows(scores: Sequence[FeatureScores], best: FeatureScores) -> list[tuple]:
    """One row per features, heads and part."""
    return [
        (
            score.features,
            score.weights,
            score.crop["mode"],
            score.crop["size"],
            score.heads,
            score.epochs,
            round(score.seconds, 1),
            part,
            found.num_regions,
            found.exact_match,
            found.mean_auc,
            _told(found),
            score is best,
        )
        for score in scores
        for part in PARTS
        for found in [getattr(score, part)]
    ]


def _crop(crop: dict) -> str:
    window = f" {crop['window']:g}" if crop["window"] else ""
    return f"{crop['mode']}{window}, {crop['size']}"


def _told(scores: MultilabelScores) -> int:
    return sum(value is not None for value in scores.auc)


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
