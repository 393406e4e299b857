"""The scores of a detector as rows, for tables of text and for CSV."""

import dataclasses

from rbc_tf.core.text_table import Table
from rbc_tf.evaluation.detector.scores import DetectorScores, RecallAt, Share
from rbc_tf.metrics.detection_intervals import Interval

CSV_HEADER = ("score", "value", "low_95", "high_95", "of")
_HEADER = ("score", "value", "95 % interval", "of")
_NOTHING = "-"


@dataclasses.dataclass(frozen=True)
class Row:
    """One score; `value` is None where there is nothing to score.

    Attributes:
        name: of the score.
        value: a share between 0 and 1, a rate, or a count where it is an int.
        interval: 95 %, None where not told.
        of: of how many, and of what.
    """

    name: str
    value: float | int | None
    interval: Interval | None = None
    of: str = ""


def rows(scores: DetectorScores) -> list[Row]:
    """All scores of a detector, in the order of the tables."""
    summary = scores.summary
    at = f"at score {summary.score_threshold:g}"
    return [
        Row(
            "AP50 (the paper's AP)", _known(summary.ap50),
            scores.ap50_interval, f"{summary.num_true:,} regions in {summary.num_images:,} images",
        ),
        Row("AP50, curve as measured", _known(scores.ap50_measured)),
        Row("AP50 (COCO)", _known(scores.ap50_101)),
        Row("AP75 (COCO)", _known(summary.ap75)),
        Row("AP50:95 (COCO)", _known(summary.ap)),
        _share(f"precision {at}", scores.precision, "detections"),
        _share(f"recall {at}", scores.recall, "regions"),
        *(_share(f"recall, {k}", v, "regions") for k, v in scores.recall_by_kind.items()),
        _share("labelled cells inside a detection", scores.points_inside, "labelled cells"),
        Row(f"false positives per image {at}", scores.threshold.false_positives_per_image),
        *(_at_recall(entry) for entry in scores.at_recalls),
        Row("recall of all detections", _known(scores.highest_recall), of=_extent(scores)),
        *_merges(scores),
    ]  # fmt: skip


def table(scores: DetectorScores, title: str) -> Table:
    """The rows as text, with what a reader must know to read them."""
    return Table(title, _HEADER, tuple(_cells(row) for row in rows(scores)), _notes(scores))


def csv_rows(scores: DetectorScores) -> list[tuple]:
    """One tuple per row in the order of CSV_HEADER, not rounded; empty where not known."""
    return [
        (
            row.name,
            "" if row.value is None else row.value,
            *(row.interval or ("", "")),
            row.of,
        )
        for row in rows(scores)
    ]


def _share(name: str, share: Share, counted: str) -> Row:
    of = f"{share.count:,} of {share.total:,} {counted}"
    return Row(name, _known(share.value), share.interval, of)


def _at_recall(entry: RecallAt) -> Row:
    name = f"false positives per image at recall {entry.recall:g}"
    if entry.point is None:
        return Row(name, None, of="recall not reached")
    return Row(
        name, entry.point.false_positives_per_image, of=f"score {entry.point.score_threshold:.3f}"
    )


def _extent(scores: DetectorScores) -> str:
    if not scores.most_detections:
        return "nothing detected"
    return f"scores from {scores.lowest_score:.3f}, at most {scores.most_detections} in an image"


def _merges(scores: DetectorScores) -> list[Row]:
    counts = scores.merges
    missed = f"{scores.recall.total - scores.recall.count} missed"
    wrong = f"{scores.precision.total - scores.precision.count} false positives"
    return [
        Row("detections that merge regions", counts.merging_detections),
        Row("regions missed in a merge", counts.merged_regions, of=missed),
        Row("regions that are split", counts.split_regions),
        Row("false positives in a split region", counts.splitting_detections, of=wrong),
    ]


def _notes(scores: DetectorScores) -> tuple[str, ...]:
    return (
        "A region is found where a detection has IoU 0.5 with it, but for AP75 and AP50:95.",
        "AP50 takes as precision at a recall the best at that recall or above; 'as measured' does "
        "not, so that wrong detections of high score lower it.",
        "A detection merges that covers half of two regions or more and under which one is missed. "
        "A region is split in which two detections or more lie by half, one of them wrong.",
        f"Intervals are bootstrap intervals over the groups of images, {scores.num_groups} here; "
        "of few groups they are rough.",
    )


def _cells(row: Row) -> tuple[str, str, str, str]:
    interval = f"{row.interval[0]:.3f} to {row.interval[1]:.3f}" if row.interval else ""
    return row.name, _text(row.value), interval, row.of


def _text(value: float | int | None) -> str:
    if value is None:
        return _NOTHING
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _known(value: float) -> float | None:
    return None if value != value else value
