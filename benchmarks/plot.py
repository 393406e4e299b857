"""The plot of cost against size: one panel for each stage that was measured at several sizes."""

import pathlib
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.measurement import Measurement
from benchmarks.tables import plural
from rbc_tf.core import files

_COLUMNS = 2


def write(measured: Sequence[Measurement], path: str | pathlib.Path) -> bool:
    """Writes a PNG; both axes are logarithmic, so that a straight line of slope 1 is linear cost.

    Returns whether there was anything to draw: a stage that was measured at two sizes.
    """
    stages = dict.fromkeys(one.stage for one in measured if one.stage != "machine")
    by_stage = {name: [one for one in measured if one.stage == name] for name in stages}
    shown = {name: rows for name, rows in by_stage.items() if len({r.size for r in rows}) > 1}
    if not shown:
        return False
    rows = -(-len(shown) // _COLUMNS)
    figure = Figure(figsize=(13, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for place, (name, of_stage) in zip(axes, shown.items(), strict=False):
        _panel(place, name, of_stage)
    for place in axes[len(shown) :]:
        place.set_axis_off()
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return True


def _panel(axes, name: str, rows: Sequence[Measurement]) -> None:
    for contender in dict.fromkeys(one.contender for one in rows):
        points = sorted((one.size, one.median) for one in rows if one.contender == contender)
        ours = contender == "rbc_tf"
        axes.plot(
            *zip(*points, strict=True),
            marker="o",
            markersize=4,
            linewidth=2.4 if ours else 1.2,
            color="black" if ours else None,
            label=contender,
            zorder=3 if ours else 2,
        )
    axes.set(xscale="log", yscale="log", title=name.replace("_", " "), ylabel="seconds")
    axes.set_xlabel(plural(rows[0].unit))
    sizes = sorted({one.size for one in rows})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    # Beside the panel: within, it would hide a line.
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
