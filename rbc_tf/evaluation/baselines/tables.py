"""The comparison with baselines as tables, for the console and as Markdown."""

import dataclasses
from collections.abc import Sequence

from rbc_tf.core import score as score_lib
from rbc_tf.core import score_tables, text_table
from rbc_tf.core.score import Score
from rbc_tf.core.text_table import Table, decimals, with_interval
from rbc_tf.metrics.classified import ALL, MULTI_CELL, SEVERAL_TYPES, SINGLE_CELL

_METHODS = {
    "none": "none: each region one cell",
    "watershed_true": "watershed, true mask",
    "watershed_unet": "watershed, U-Net's mask",
    "unet": "U-Net, connected regions",
}
_CLASSIFIERS = {
    "model_a": "Model A, whole region (the chain)",
    "model_a_best": "Model A, best type alone",
    "model_b": "Model B, whole region",
    "model_b_best": "Model B, best type alone",
    "single_label_cnn": "single-label CNN, whole region",
    **{
        f"{method}_{rule}": f"{text}; {labelled_by}"
        for method, text in list(_METHODS.items())[1:]
        for rule, labelled_by in (("above", "B per segment"), ("best", "B's best per segment"))
    },
}
_CHAIN = "model_a"
_SUBSETS = {
    SINGLE_CELL: "single-cell",
    MULTI_CELL: "multi-cell",
    SEVERAL_TYPES: "several types",
}
_COUNTS = {
    "exact": "right",
    "one_more": "one more",
    "one_fewer": "one fewer",
    "other": "other",
    "cells_apart": "cells apart",
}
# Of these the table has room for intervals.
_WITH_INTERVAL = ("exact", "cells_apart")

_NOTES = (
    "Only regions whose cells are all labelled are scored; the right number of cells is that of "
    "the labelled ones. Cells apart: labelled cells that have a segment of their own. Per segment: "
    "the types that Model B predicts for any segment of the region, all above 0.5 or the best; a "
    "segment without any above 0.5 has its best.",
)


def tables(scores: Sequence[Score]) -> tuple[Table, ...]:
    """Numbers of cells by subset, exact match, its difference from the chain's, and the rest."""
    num_groups = score_lib.one(scores, "num_groups", subset=ALL).value
    interval = f"In brackets: 95 % intervals by bootstrap over {num_groups} groups of images."
    return (
        *(_count_table(scores, subset) for subset in (SINGLE_CELL, MULTI_CELL)),
        _exact_table(scores),
        dataclasses.replace(_difference_table(scores), notes=(*_NOTES, interval)),
        _further_table(scores),
    )


def console(scores: Sequence[Score]) -> str:
    """All tables with a blank line between them."""
    return "\n".join(map(text_table.console, tables(scores)))


def markdown(scores: Sequence[Score]) -> str:
    """All tables with a blank line between them."""
    return "\n".join(map(text_table.markdown, tables(scores)))


def _count_table(scores: Sequence[Score], subset: str) -> Table:
    rows = []
    for method, text in _METHODS.items():
        cells = []
        for name in _COUNTS:
            score = score_lib.one(scores, name, method=method, subset=subset)
            cells.append(_text(score) if name in _WITH_INTERVAL else decimals(score.value))
        rows.append((text, *cells))
    title = f"Number of cells found in {_SUBSETS[subset]} regions ({_regions(scores, subset)})"
    return Table(title, ("method", *_COUNTS.values()), tuple(rows))


def _exact_table(scores: Sequence[Score]) -> Table:
    rows = (
        (text, *(_text(_exact_match(scores, name, subset)) for subset in _SUBSETS))
        for name, text in _CLASSIFIERS.items()
    )
    title = "Regions for which exactly the true types are predicted"
    return Table(title, _header(scores), tuple(rows))


def _difference_table(scores: Sequence[Score]) -> Table:
    rows = []
    for name, text in list(_CLASSIFIERS.items())[1:]:
        found = [_exact_match(scores, f"{_CHAIN} - {name}", subset) for subset in _SUBSETS]
        rows.append((text, *(with_interval(s.value, s.interval, sign=True) for s in found)))
    return Table("Share of the chain less that of the others", _header(scores), tuple(rows))


def _further_table(scores: Sequence[Score]) -> Table:
    """All other scores of whole regions, and means over types."""
    chosen = [
        score
        for name in _CLASSIFIERS
        for score in score_lib.select(scores, subset=ALL, classifier=name)
        if "type" not in score.of and score.name != "exact_match"
    ]
    title = f"Further scores of all regions ({_regions(scores, ALL)})"
    return score_tables.pivot(chosen, title, "classifier", _CLASSIFIERS)


def _header(scores: Sequence[Score]) -> tuple[str, ...]:
    return "classifier", *(f"{text} ({_regions(scores, s)})" for s, text in _SUBSETS.items())


def _regions(scores: Sequence[Score], subset: str) -> int:
    return score_lib.one(scores, "num_regions", subset=subset).value


def _exact_match(scores: Sequence[Score], classifier: str, subset: str) -> Score:
    return score_lib.one(scores, "exact_match", classifier=classifier, subset=subset)


def _text(score: Score) -> str:
    return with_interval(score.value, score.interval)
