"""Frames around regions, words in them, and legends that explain both."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rbc_tf.figures.drawing import style

_ROW = 4.2  # millimetres
_SAMPLE = 6.0  # width of a frame in the legend
_SPACE = 6.0  # between entries
_PAD = 0.6  # between a frame and a word in it
_TALLEST = 215.0  # a picture over the width of a page, with room for legend and caption
_STRIPES_ACROSS = 160  # stripes of the red mask over the width of an image


@dataclasses.dataclass(frozen=True)
class Frame:
    """Colour, width in points, and line style of a frame."""

    colour: str
    width: float
    line: object = "-"

    def draw(self, axes: Axes, box) -> None:
        """Frames (ymin, xmin, ymax, xmax) in pixels of the picture."""
        style.add_box(axes, box, self.colour, self.width, self.line)


class Mark(NamedTuple):
    """A frame around `box`, (ymin, xmin, ymax, xmax) in pixels, with a word in it, '' for none."""

    frame: Frame
    word: str
    box: np.ndarray


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a legend: a frame, a word in it ('' for none), text; `mask` fills it."""

    frame: Frame
    word: str
    text: str
    mask: bool = False


@style.applied()
def framed_image(
    image: np.ndarray,
    marks: Sequence[Mark],
    entries: Sequence[Entry],
    red: np.ndarray | None = None,
) -> Figure:
    """An image over the width of the page with marks, and a legend below.

    Args:
        image: uint8 [H, W, 3].
        marks: as for `draw_marks`.
        entries: of the legend.
        red: bool [H, W], the pixels below the red mask.
    """
    height, width = image.shape[:2]
    picture_height = min(style.WIDTH * height / width, _TALLEST)
    page = style.Page(picture_height + legend_height(entries))
    axes = page.picture(image, 0, 0, style.WIDTH, picture_height)
    if red is not None:
        period = max(4, 2 * round(width / _STRIPES_ACROSS / 2))
        axes.imshow(stripes(red, period), extent=(0, width, height, 0))
    scale = style.millimetres_per_pixel(image.shape, style.WIDTH, picture_height)
    draw_marks(axes, marks, scale)
    draw(page, picture_height, entries)
    return page.figure


def draw_marks(axes: Axes, marks: Sequence[Mark], scale: float) -> None:
    """Draws marks on a picture.

    Args:
        axes: those of `Page.picture`.
        marks: the first lies on top, and its word takes the first free corner.
        scale: millimetres per pixel, of `style.millimetres_per_pixel`.
    """
    for mark in reversed(marks):
        mark.frame.draw(axes, mark.box)
    marks = [mark for mark in marks if mark.word]
    height = style.letter_height()
    sizes = [
        (height + 2 * _PAD, style.text_width(mark.word, bold=True) + 2 * _PAD) for mark in marks
    ]
    sizes = np.array(sizes).reshape(-1, 2) / scale
    right, bottom = axes.get_xlim()[1], axes.get_ylim()[0]
    boxes = np.array([mark.box for mark in marks]).reshape(-1, 4)
    for mark, (y, x) in zip(marks, corner_places(boxes, sizes, (bottom, right)), strict=True):
        axes.text(
            x + _PAD / scale,
            y + (_PAD + height) / scale,
            mark.word,
            color=mark.frame.colour,
            fontweight="bold",
            path_effects=style.rim(1.8),
        )


def corner_places(boxes: np.ndarray, sizes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Where to write a word into each box: in a corner that no earlier word covers.

    Args:
        boxes: float [N, 4], (ymin, xmin, ymax, xmax) in pixels.
        sizes: float [N, 2], height and width of each word in pixels.
        shape: (height, width) of the picture, which no word leaves where it is larger.

    Returns:
        float [N, 2], (y, x) of the upper left corner of each word. Corners are tried in the order
        upper left, upper right, lower left, lower right; where all are covered it is the first.
    """
    places = np.zeros((len(boxes), 2))
    for row, ((ymin, xmin, ymax, xmax), size) in enumerate(zip(boxes, sizes, strict=True)):
        low, high = ymax - size[0], xmax - size[1]
        corners = np.array([(ymin, xmin), (ymin, high), (low, xmin), (low, high)])
        corners = np.clip(corners, 0, np.maximum(np.array(shape[:2]) - size, 0))
        earlier = places[:row]
        apart = (corners[:, None] >= earlier + sizes[:row]) | (corners[:, None] + size <= earlier)
        places[row] = corners[np.argmax(apart.any(axis=2).all(axis=1))]
    return places


def stripes(mask: np.ndarray, period: int) -> np.ndarray:
    """The red mask: float32 [H, W, 4] RGBA, striped so that it is more than a colour.

    Args:
        mask: bool [H, W], where it lies.
        period: of the stripes, in pixels.
    """
    rows, columns = np.indices(mask.shape)
    dark = (rows + columns) % period < max(1, period // 2)
    picture = np.zeros((*mask.shape, 4), np.float32)
    picture[..., 0] = 0.85
    picture[..., 3] = np.where(mask, np.where(dark, 0.6, 0.15), 0)
    return picture


def arrange(entries: Sequence[Entry]) -> list[list[tuple[float, Entry]]]:
    """Places entries in rows of the page's width: per row, (left in millimetres, entry)."""
    rows, left = [[]], 0.0
    for entry in entries:
        width = _SAMPLE + 1.5 + style.text_width(entry.text)
        if rows[-1] and left + width > style.WIDTH:
            rows.append([])
            left = 0.0
        rows[-1].append((left, entry))
        left += width + _SPACE
    return rows


def legend_height(entries: Sequence[Entry]) -> float:
    """Millimetres that a legend takes."""
    return len(arrange(entries)) * _ROW + 1.5


def draw(page: style.Page, top: float, entries: Sequence[Entry]) -> None:
    """Draws the legend below `top`, over the width of the page."""
    for number, row in enumerate(arrange(entries)):
        for left, entry in row:
            _draw_entry(page, left, top + 1.2 + number * _ROW, entry)


def _draw_entry(page: style.Page, left: float, top: float, entry: Entry) -> None:
    sample = page.axes(left, top, _SAMPLE, _ROW - 0.8)
    sample.set_xlim(0, _SAMPLE)
    sample.set_ylim(_ROW - 0.8, 0)
    sample.axis("off")
    box = (0.4, 0.4, _ROW - 1.2, _SAMPLE - 0.4)
    if entry.mask:
        extent = (box[1], box[3], box[2], box[0])
        sample.imshow(stripes(np.ones((24, 48), bool), 8), extent=extent, aspect="auto")
    entry.frame.draw(sample, box)
    middle = top + (_ROW - 0.8) / 2
    settings = {"ha": "center", "color": entry.frame.colour, "fontweight": "bold"}
    page.text_at(left + _SAMPLE / 2, middle, entry.word, **settings)
    page.text_at(left + _SAMPLE + 1.5, middle, entry.text)
