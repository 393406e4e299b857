"""The comparison with baselines as tables: for the console, as Markdown and as CSV."""

import dataclasses
from collections.abc import Sequence

from rbc_tf.core import text_table
from rbc_tf.core.text_table import Table
from rbc_tf.evaluation.baselines.scores import SUBSETS, BaselineScores, Difference, Share

CSV_HEADER = (
    "table", "method", "regions", "score", "value", "low_95", "high_95", "count", "total",
)  # fmt: skip

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
        f"{method}_{rule}": f"{text}; {said}"
        for method, text in list(_METHODS.items())[1:]
        for rule, said in (("above", "B per segment"), ("best", "B's best per segment"))
    },
}
_SUBSETS = {
    "single_cell": "single-cell",
    "multi_cell": "multi-cell",
    "several_types": "several types",
}
_COUNTS = {
    "exact": "right",
    "one_more": "one more",
    "one_fewer": "one fewer",
    "other": "other",
    "cells_apart": "cells apart",
}

_NOTES = (
    "Only regions whose cells are all labelled are scored; the right number of cells is that of "
    "the labelled ones. Cells apart: labelled cells that have a segment of their own. Per segment: "
    "the types that Model B names of any segment of the region, all above 0.5 or the best; a "
    "segment without any above 0.5 has its best.",
)


def tables(scores: BaselineScores) -> tuple[Table, ...]:
    """The number of cells by subset, the exact match, and its difference from the chain's."""
    interval = (
        f"In brackets: 95 % intervals by bootstrap over {scores.num_groups} groups of images."
    )
    return (
        *(_count_table(scores, subset) for subset in SUBSETS[:2]),
        _exact_table(scores),
        dataclasses.replace(_difference_table(scores), notes=(*_NOTES, interval)),
    )


def console(scores: BaselineScores) -> str:
    """All tables with a blank line between them."""
    return "\n".join(map(text_table.console, tables(scores)))


def markdown(scores: BaselineScores) -> str:
    """All tables with a blank line between them."""
    return "\n".join(map(text_table.markdown, tables(scores)))


def csv_rows(scores: BaselineScores) -> list[tuple]:
    """One tuple per score in the order of CSV_HEADER, not rounded; empty where not defined."""
    rows = []
    for method, by_subset in scores.counts.items():
        for subset, found in by_subset.items():
            rows += [
                ("number of cells", method, subset, key, *_numbers(getattr(found, key)))
                for key in _COUNTS
            ]
    for name, by_subset in scores.exact_match.items():
        rows += [
            ("types", name, subset, "exact match", *_numbers(share))
            for subset, share in by_subset.items()
        ]
    for subset, differences in scores.differences.items():
        rows += [
            (
                "types",
                f"{d.first} - {d.second}",
                subset,
                "difference of exact match",
                "" if d.value is None else d.value,
                *(d.interval or ("", "")),
                "",
                "",
            )
            for d in differences
        ]
    return rows


def _count_table(scores: BaselineScores, subset: str) -> Table:
    rows = []
    for method, by_subset in scores.counts.items():
        found = by_subset[subset]
        shares = {key: getattr(found, key) for key in _COUNTS}
        plain = {key: _number(share.value) for key, share in shares.items()}
        full = {key: _text(shares[key]) for key in ("exact", "cells_apart")}
        rows.append((_METHODS[method], *{**plain, **full}.values()))
    return Table(
        f"Number of cells found in {_SUBSETS[subset]} regions ({scores.num_regions[subset]})",
        ("method", *_COUNTS.values()),
        tuple(rows),
    )


def _exact_table(scores: BaselineScores) -> Table:
    rows = (
        (text, *(_text(scores.exact_match[name][subset]) for subset in SUBSETS))
        for name, text in _CLASSIFIERS.items()
    )
    return Table("Regions with exactly their types named", _type_header(scores), tuple(rows))


def _difference_table(scores: BaselineScores) -> Table:
    rows = (
        (text, *(_difference(scores.differences[subset], name) for subset in SUBSETS))
        for name, text in list(_CLASSIFIERS.items())[1:]
    )
    return Table("Share of the chain less that of the others", _type_header(scores), tuple(rows))


def _type_header(scores: BaselineScores) -> tuple[str, ...]:
    return "classifier", *(f"{_SUBSETS[s]} ({scores.num_regions[s]})" for s in SUBSETS)


def _text(share: Share) -> str:
    spread = f" ({share.interval[0]:.3f} to {share.interval[1]:.3f})" if share.interval else ""
    return _number(share.value) + spread


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _difference(differences: Sequence[Difference], name: str) -> str:
    found = next(difference for difference in differences if difference.second == name)
    if found.value is None:
        return "-"
    low_high = found.interval
    spread = f" ({low_high[0]:+.3f} to {low_high[1]:+.3f})" if low_high else ""
    return f"{found.value:+.3f}{spread}"


def _numbers(share: Share) -> tuple:
    value = "" if share.value is None else share.value
    return value, *(share.interval or ("", "")), share.count, share.total
