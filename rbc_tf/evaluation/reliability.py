"""The reliability picture: do the probabilities of each type mean what they say?

One panel per type: the share of regions that have it against the mean probability they were given,
bin by bin, before temperature scaling (open squares, dashed) and after (dots, solid). Where
probabilities mean what they say, points lie on the diagonal. Bars beneath count the regions in
each bin, on a logarithmic scale: where there are few, the point above says little, as does its 95 %
interval (Wilson).
"""

import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from rbc_tf.core import files
from rbc_tf.metrics import intervals
from rbc_tf.metrics.calibration import ReliabilityCurve, curve_error, curves_by_type
from rbc_tf.metrics.classified import ClassifiedRegions

# Okabe and Ito's, which colour-blind people can tell apart; marks and lines differ as well.
_BEFORE, _AFTER = "#D55E00", "#0072B2"
_BEFORE_LINE = {"color": _BEFORE, "ls": "--", "lw": 1, "marker": "s", "ms": 4.5, "mfc": "white"}
_AFTER_LINE = {"color": _AFTER, "ls": "-", "lw": 1.2, "marker": "o", "ms": 3.5}

_MOST_COLUMNS = 4
# Inches: a panel with its gaps; left, right, top and bottom of the page; a line of the legend.
_PANEL = (1.7, 2.2)
_MARGINS = (0.55, 0.15, 0.3, 0.4)
_LEGEND_LINE = 0.15
_LONGEST_NAME = 28  # letters that fit over a panel
_DOTS_PER_INCH = 200
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "svg.hashsalt": "rbc_tf",  # the same picture gives the same file
}


Curves = tuple[ReliabilityCurve, ...]


def curves(regions: ClassifiedRegions) -> tuple[Curves, Curves]:
    """Per type the curve before temperature scaling, and that after; every label known."""
    return tuple(
        curves_by_type(values, regions.labels)
        for values in (regions.outputs, regions.probabilities)
    )


def write_figure(
    folder: str | pathlib.Path,
    names: Sequence[str],
    before: Sequence[ReliabilityCurve],
    after: Sequence[ReliabilityCurve],
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes reliability.svg and reliability.png into a folder and returns their paths.

    Args:
        folder: made where it is not there.
        names: T names for people, one panel each.
        before, after: T curves each, before and after temperature scaling, of the same regions.
    """
    paths = tuple(pathlib.Path(folder) / f"reliability.{kind}" for kind in ("svg", "png"))
    with matplotlib.rc_context(_SETTINGS):
        figure = draw(names, before, after)
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            with files.atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=_DOTS_PER_INCH, metadata=metadata)
    return paths


def draw(
    names: Sequence[str], before: Sequence[ReliabilityCurve], after: Sequence[ReliabilityCurve]
) -> Figure:
    """The picture; arguments as those of `write_figure`."""
    rows = -(-len(names) // _MOST_COLUMNS)
    columns = -(-len(names) // rows)
    figure, grid = _page(rows, columns)
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        inner = grid[row, column].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.12)
        upper = figure.add_subplot(inner[0])
        lower = figure.add_subplot(inner[1], sharex=upper)
        error_before, error_after = curve_error(before[place]), curve_error(after[place])
        upper.set_title(
            f"{_short(name)}\nECE {_number(error_before)} → {_number(error_after)}", pad=6
        )
        _draw_curves(upper, before[place], after[place])
        _draw_counts(lower, before[place], after[place])
        if column == 0:
            upper.set_ylabel("share with the type")
            lower.set_ylabel("regions")
        if place + columns >= len(names):
            lower.set_xlabel("probability")
    figure.align_ylabels()
    return figure


def _page(rows: int, columns: int) -> tuple[Figure, GridSpec]:
    """An empty page with the legend on top, and places for the panels below it."""
    legend_columns = 3 if columns > 2 else 1
    legend = _LEGEND_LINE * (1 + 3 / legend_columns)
    left, right, top, bottom = _MARGINS
    # Never narrower than two panels, which the legend and a long name need.
    width = left + right + max(columns, 2) * _PANEL[0]
    height = legend + top + bottom + rows * _PANEL[1]
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        rows,
        columns,
        left=left / width,
        right=1 - right / width,
        top=1 - (legend + top) / height,
        bottom=bottom / height,
        wspace=0.32,
        hspace=0.32,
    )
    handles = [
        Line2D([], [], label="before temperature scaling", **_BEFORE_LINE),
        Line2D([], [], label="after, with 95 % interval", **_AFTER_LINE),
        Line2D([], [], label="as they should be", color="#808080", lw=0.7, ls=":"),
    ]
    figure.legend(handles=handles, loc="upper center", ncols=legend_columns, frameon=False)
    return figure, grid


def _draw_curves(axes: Axes, before: ReliabilityCurve, after: ReliabilityCurve) -> None:
    axes.plot((0, 1), (0, 1), color="#808080", lw=0.7, ls=":")
    for curve, line in ((before, _BEFORE_LINE), (after, _AFTER_LINE)):
        there = curve.counts > 0
        x, y = curve.mean_predicted[there], curve.share_present[there]
        axes.plot(x, y, clip_on=False, **line)
    there = np.flatnonzero(after.counts)
    present = np.rint(after.share_present[there] * after.counts[there]).astype(int)
    for place, number in zip(there, present, strict=True):
        low, high = intervals.wilson(int(number), int(after.counts[place]))
        axes.vlines(after.mean_predicted[place], low, high, color=_AFTER, lw=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.tick_params(labelbottom=False, length=2)


def _draw_counts(axes: Axes, before: ReliabilityCurve, after: ReliabilityCurve) -> None:
    edges = np.linspace(0, 1, len(before.counts) + 1)
    axes.stairs(after.counts, edges, fill=True, color=_AFTER, alpha=0.45)
    axes.stairs(before.counts, edges, color=_BEFORE, ls="--", lw=0.8, baseline=None)
    # Most regions lack a rare type: on a linear scale only the first bin would be seen.
    axes.set_yscale("symlog", linthresh=1)
    most = max(int(before.counts.max(initial=1)), int(after.counts.max(initial=1)))
    powers = 10 ** np.arange(int(np.log10(most)) + 1)
    labels = ["1", *[""] * (len(powers) - 2), f"{powers[-1]:,}"][: len(powers)]
    axes.set_ylim(0, 2 * most)
    axes.set_yticks(powers, labels)
    axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
    axes.tick_params(length=2)
    axes.minorticks_off()


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
