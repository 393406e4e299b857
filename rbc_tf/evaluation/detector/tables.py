"""The scores of a detector as a table."""

from collections.abc import Sequence

from rbc_tf.core import score as score_lib
from rbc_tf.core import text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table

_HEADER = ("score", "value", "95 % interval", "of")

_SUBSETS = {
    "single_cell": "single-cell",
    "multi_cell": "multi-cell",
    "at_border": "at the image border",
    "not_at_border": "not at the border",
}
# What the support of a score counts; of the shares among them, the count is shown as well.
_SHARES = {"precision": "detections", "recall": "regions", "points_inside": "labelled cells"}
_COUNTED = {
    **_SHARES,
    "ap50": "regions",
    "merged_regions": "missed",
    "splitting_detections": "false positives",
}


def table(scores: Sequence[Score], title: str) -> Table:
    """All scores, with what a reader must know to read them."""
    rows = tuple(
        (
            _title(score),
            text_table.decimals(score.value),
            text_table.interval(score.interval),
            _support(score),
        )
        for score in scores
    )
    return Table(title, _HEADER, rows, _notes(scores))


def subset_title(score: Score) -> str:
    """What the regions are called that a score is of."""
    subset = score.of.get("subset", "all")
    return _SUBSETS.get(subset, subset.replace("_", " "))


def _title(score: Score) -> str:
    if "subset" in score.of:
        return f"{score.title}, {subset_title(score)}"
    if "at_recall" in score.of:
        return f"{score.title} at recall {score.of['at_recall']}"
    if score.name in ("precision", "recall", "false_positives_per_image"):
        return f"{score.title} at score {score.of['score_threshold']}"
    return score.title


def _support(score: Score) -> str:
    if score.support is None:
        return ""
    of = f"{score.support:,} {_COUNTED.get(score.name, '')}".rstrip()
    if score.name not in _SHARES:
        return of
    return f"{round((score.value or 0) * score.support):,} of {of}"


def _notes(scores: Sequence[Score]) -> tuple[str, ...]:
    num_groups = score_lib.one(scores, "num_groups").value
    return (
        "A region is found where a detection has IoU 0.5 with it, but for AP75 and AP50:95.",
        "AP50 takes as precision at a recall the best at that recall or above; 'as measured' does "
        "not, so that wrong detections of high score lower it.",
        "At a recall: at the highest score threshold that reaches it; dashes where none does.",
        "A detection merges that covers half of two regions or more and under which one is missed. "
        "A region is split in which two detections or more lie by half, one of them wrong.",
        f"Intervals are bootstrap intervals over the groups of images, {num_groups} here; "
        "of few groups they are rough.",
    )
