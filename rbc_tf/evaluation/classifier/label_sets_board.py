"""Which sets of types are taken for which: a heat map, and its rows as a table."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from rbc_tf.core import text_table
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.predicted_patches import type_list
from rbc_tf.metrics.label_sets import LabelSetConfusion

# Millimetres.
_NAMES = 52.0  # of true sets, left of the map
_COUNTS = 12.0  # of their regions, right of it
_ROW = 6.0
_WIDEST_CELL = 12.0
_HEADING = 9.0
_LONGEST_COLUMN_NAME = 34.0

_DARK = 0.55  # share of a row from which numbers are white


def write_label_sets(confusion: LabelSetConfusion, names: Sequence[str], part: str) -> None:
    """Writes the map under IMAGES and the table under TEXT with the default writer.

    Args:
        confusion: of completely labelled regions.
        names: of the T types.
        part: what the regions are called, 'validation'.
    """
    picture = style.pixels(draw(confusion, names, part))
    tf.summary.image("label_sets", picture[None], step=0, description=_heading(confusion, part))
    tf.summary.text("label_sets", text_table.markdown(table(confusion, names, part)), step=0)


@style.applied()
def draw(confusion: LabelSetConfusion, names: Sequence[str], part: str) -> Figure:
    """Rows are true sets, columns predicted sets; colour is the share of a row, numbers regions."""
    labels = set_names(confusion.sets, names)
    size = len(labels)
    cell = min(_WIDEST_CELL, (style.WIDTH - _NAMES - _COUNTS) / size)
    columns = [style.shorten(label, _LONGEST_COLUMN_NAME) for label in labels]
    above = max(map(style.text_width, columns)) + 2
    top = _HEADING + above
    page = style.Page(top + size * _ROW + 10)
    page.text(0, 0, _heading(confusion, part), fontweight="bold")
    page.text(_NAMES - 1.5, top - 3.5, "true set, predicted set:", ha="right")
    page.text(_NAMES + size * cell + 1.5, top - 3.5, "regions")
    axes = page.axes(_NAMES, top, size * cell, size * _ROW)
    _draw_cells(axes, confusion.counts)
    for place, (label, column) in enumerate(zip(labels, columns, strict=True)):
        middle = top + (place + 0.5) * _ROW
        page.text_at(_NAMES - 1.5, middle, style.shorten(label, _NAMES - 2), ha="right")
        left = _NAMES + (place + 0.5) * cell + style.letter_height() / 2
        page.text(left, top - 1.2 - style.letter_height(), column, rotation=90, ha="right")
        total = int(confusion.counts[place].sum())
        page.text_at(_NAMES + size * cell + 1.5, middle, f"{total:,}")
    page.text(
        0,
        page.height - 7,
        "Columns: the predicted set. Colour: share of the row. Outlined: exactly right; other sets "
        "stand together, right or wrong.",
    )
    return page.figure


def _draw_cells(axes, counts: np.ndarray) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    size = len(counts)
    colours = matplotlib.colormaps["Blues"]
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > _DARK else style.BLACK
        text = f"{counts[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center_baseline", color=colour)
    axes.set_xticks(np.arange(size + 1) - 0.5, [])
    axes.set_yticks(np.arange(size + 1) - 0.5, [])
    axes.grid(color=style.LIGHT, linewidth=0.4)
    axes.tick_params(length=0)
    for place in range(size - 1):
        corner = (place - 0.5, place - 0.5)
        axes.add_patch(
            matplotlib.patches.Rectangle(
                corner, 1, 1, fill=False, edgecolor=style.VERMILION, linewidth=1, zorder=3
            )
        )


def table(confusion: LabelSetConfusion, names: Sequence[str], part: str) -> text_table.Table:
    """Per true set: its regions, how many are exactly right, and what else is predicted most."""
    labels = set_names(confusion.sets, names)
    rows = []
    for place, label in enumerate(labels[:-1]):
        counts = confusion.counts[place]
        total, right = int(counts.sum()), int(counts[place])
        if total:
            wrong = np.where(np.arange(len(counts)) == place, 0, counts)
            worst = np.argsort(-wrong, kind="stable")[:3]
            others = ", ".join(f"{labels[i]} ({wrong[i]:,})" for i in worst if wrong[i])
            rows.append((label, f"{total:,}", f"{right / total:.3f}", others or "-"))
    return text_table.Table(
        _heading(confusion, part),
        ("true set", "regions", "exactly right", "predicted instead, most frequent first"),
        tuple(rows),
    )


def set_names(sets: np.ndarray, names: Sequence[str]) -> list[str]:
    """Names of the sets bool [K, T], and 'other sets' as the last."""
    return [*(type_list(row, names) for row in sets), "other sets"]


def _heading(confusion: LabelSetConfusion, part: str) -> str:
    total = confusion.num_regions
    share = f"{confusion.num_right / total:.3f}" if total else "-"
    return (
        f"Sets of types, {total:,} completely labelled {part} regions, "
        f"{share} of them exactly right"
    )
