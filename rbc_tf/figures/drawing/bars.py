"""Probabilities of the types of one region as bars, with thresholds, truth and errors marked."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core.types import PRESENT, UNKNOWN
from rbc_tf.figures.drawing import style

_ROW = 3.15  # millimetres per type
_SCALE = 4.0  # numbers below the bars
_NUMBER = 7.6  # a probability, right of the bars
_ERROR = 2.6  # the mark of an error, right of the number
_LONGEST_NAME = 30.0
_DOT = 3.8  # the mark of a true type, between its name and its bar
_BETWEEN = 4.0  # two columns
_COLOURS = (style.BLUE, style.ORANGE)  # of the bars of predicted types, by column; others are light

LEGEND = (
    f"{style.PRESENT_DOT} true type; dark bar and bold number: above its threshold (black line), "
    f"so predicted; {style.WRONG} predicted wrongly, or not predicted"
)


def height(num_types: int) -> float:
    """Millimetres that the bars of so many types take, with the scale below."""
    return num_types * _ROW + _SCALE


def _names_width(names: Sequence[str]) -> float:
    """Millimetres that the names of the types take, with the mark of the true ones."""
    widths = [style.text_width(name, bold=True) for name in names]
    return min(max(widths), _LONGEST_NAME) + _DOT


def _draw_names(page: style.Page, left: float, top: float, names, truth: np.ndarray) -> None:
    """One name per row; true types are bold and have a dot, unknown ones a '?'."""
    right = left + _names_width(names)
    for row, (name, value) in enumerate(zip(names, truth, strict=True)):
        middle = top + (row + 0.5) * _ROW
        weight = "bold" if value == PRESENT else "normal"
        name = style.shorten(name, _LONGEST_NAME, bold=True)
        page.text_at(right - _DOT, middle, name, ha="right", fontweight=weight)
        mark = {PRESENT: style.PRESENT_DOT, UNKNOWN: "?"}.get(int(value), "")
        page.text_at(right - 1.8, middle, mark, ha="center")


def draw(
    page: style.Page,
    left: float,
    top: float,
    width: float,
    names: Sequence[str],
    truth: np.ndarray,
    thresholds: np.ndarray,
    *probabilities: np.ndarray,
) -> list[tuple[float, float]]:
    """Draws the names of the types, and one column of bars for each of some predictions.

    Args:
        page: to draw on.
        left, top, width: place in millimetres; the height is that of `height`.
        names: of the T types.
        truth: int8 [T], 1 present, 0 absent, -1 unknown.
        thresholds: float [T], above which a type is predicted.
        probabilities: float [T] each.

    Returns:
        (left, width) of each column.
    """
    _draw_names(page, left, top, names, truth)
    left, width = left + _names_width(names), width - _names_width(names)
    step = (width + _BETWEEN) / len(probabilities)
    columns = [(left + place * step, step - _BETWEEN) for place in range(len(probabilities))]
    for place, values, colour in zip(columns, probabilities, _COLOURS, strict=False):
        _draw_column(page, *place, top, values, thresholds, truth, colour)
    return columns


def _draw_column(page, left, width, top, probabilities, thresholds, truth, colour) -> None:
    bars_width = width - _NUMBER - _ERROR
    axes = page.share_axes(left, top, bars_width, len(probabilities) * _ROW)
    axes.set_ylim(len(probabilities) - 0.5, -0.5)
    predicted = np.asarray(probabilities) > np.asarray(thresholds)
    colours = [colour if value else style.LIGHT for value in predicted]
    rows = np.arange(len(probabilities))
    axes.barh(rows, probabilities, 0.72, color=colours, edgecolor=style.GREY, linewidth=0.4)
    axes.vlines(thresholds, rows - 0.46, rows + 0.46, color=style.BLACK, linewidth=1.1, zorder=3)
    axes.spines[["top", "right"]].set_visible(False)
    number_end = left + bars_width + _NUMBER
    for row, value in enumerate(probabilities):
        weight = "bold" if predicted[row] else "normal"
        middle = top + (row + 0.5) * _ROW
        page.text_at(number_end, middle, written(value), ha="right", fontweight=weight)
        if truth[row] != UNKNOWN and predicted[row] != (truth[row] == PRESENT):
            page.text_at(number_end + 0.6, middle, style.WRONG)


def written(probability: float) -> str:
    """Two digits; never 0.00 or 1.00 for what is neither."""
    if 0 < probability < 0.005:
        return "<.01"
    if 0.995 <= probability < 1:
        return ">.99"
    return f"{probability:.2f}"
