"""Probabilities of the types of one region as bars, with thresholds, truth and errors marked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.figures.drawing import style

ROW_HEIGHT = 3.15  # millimetres per type
_SCALE_HEIGHT = 4.0  # numbers below the bars
_NUMBER = 7.6  # a probability, right of the bars
_ERROR = 2.6  # the mark of an error, right of the number
_LONGEST_NAME = 30.0
_DOT = 3.8  # the mark of a true type, between its name and its bar

LEGEND = (
    f"{style.PRESENT_DOT} true type; dark bar and bold number: above its threshold (black line), "
    f"so named; {style.WRONG} named wrongly, or not named"
)


def height(num_types: int) -> float:
    """Millimetres that the bars of so many types take, with the scale below."""
    return num_types * ROW_HEIGHT + _SCALE_HEIGHT


def names_width(names: Sequence[str]) -> float:
    """Millimetres that the names of the types take, with the mark of the true ones."""
    widths = [style.text_width(name, bold=True) for name in names]
    return min(max(widths), _LONGEST_NAME) + _DOT


def draw_names(page: style.Page, left: float, top: float, names, truth: np.ndarray) -> None:
    """Writes one name per row; true types are bold and have a dot, unknown ones a '?'.

    Args:
        page: to write on.
        left, top: corner in millimetres.
        names: of the T types.
        truth: int8 [T], 1 present, 0 absent, -1 unknown.
    """
    right = left + names_width(names)
    for row, (name, value) in enumerate(zip(names, truth, strict=True)):
        middle = top + (row + 0.5) * ROW_HEIGHT
        weight = "bold" if value == PRESENT else "normal"
        name = style.shorten(name, _LONGEST_NAME, bold=True)
        page.text_at(right - _DOT, middle, name, ha="right", fontweight=weight)
        mark = {PRESENT: style.PRESENT_DOT, UNKNOWN: "?"}.get(int(value), "")
        page.text_at(right - 1.8, middle, mark, ha="center")


def draw_bars(
    page: style.Page,
    left: float,
    top: float,
    width: float,
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    truth: np.ndarray,
    colour: str = style.BLUE,
) -> Axes:
    """Draws one bar per type beside the names that `draw_names` wrote.

    Args:
        page: to draw on.
        left, top, width: place in millimetres; the height is that of `height`.
        probabilities: float [T].
        thresholds: float [T], above which a type is named.
        truth: int8 [T], 1 present, 0 absent, -1 unknown.
        colour: of the bars of named types; the others are light.
    """
    bars_width = width - _NUMBER - _ERROR
    axes = page.axes(left, top, bars_width, len(probabilities) * ROW_HEIGHT)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(probabilities) - 0.5, -0.5)
    named = np.asarray(probabilities) > np.asarray(thresholds)
    colours = [colour if value else style.LIGHT for value in named]
    rows = np.arange(len(probabilities))
    axes.barh(rows, probabilities, 0.72, color=colours, edgecolor=style.GREY, linewidth=0.4)
    axes.vlines(thresholds, rows - 0.46, rows + 0.46, color=style.BLACK, linewidth=1.1, zorder=3)
    for row, value in enumerate(probabilities):
        weight = "bold" if named[row] else "normal"
        middle = top + (row + 0.5) * ROW_HEIGHT
        number_end = left + bars_width + _NUMBER
        page.text_at(number_end, middle, written(value), ha="right", fontweight=weight)
        if truth[row] != UNKNOWN and named[row] != (truth[row] == PRESENT):
            page.text_at(number_end + 0.6, middle, style.WRONG)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(pad=1.5)
    axes.set_yticks([])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def written(probability: float) -> str:
    """Two digits; never 0.00 or 1.00 for what is neither."""
    if 0 < probability < 0.005:
        return "<.01"
    if 0.995 <= probability < 1:
        return ">.99"
    return f"{probability:.2f}"
