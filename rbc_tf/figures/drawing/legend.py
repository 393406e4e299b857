"""Frames around regions, words in them, and legends that explain both."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from rbc_tf.figures.drawing import style

_ROW = 4.2  # millimetres
_SAMPLE = 6.0  # width of a frame in the legend
_SPACE = 6.0  # between entries
_PAD = 0.6  # between a frame and a word in it


@dataclasses.dataclass(frozen=True)
class Frame:
    """Colour, width in points, and line style of a frame."""

    colour: str
    width: float
    line: object = "-"

    def draw(self, axes: Axes, box) -> None:
        """Frames (ymin, xmin, ymax, xmax) in pixels of the picture."""
        style.add_box(axes, box, self.colour, self.width, self.line)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a legend: a frame, a word in it ('' for none), text; `mask` fills it."""

    frame: Frame
    word: str
    text: str
    mask: bool = False


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


def write_words(
    axes: Axes, boxes: np.ndarray, words: Sequence[str], colours: Sequence[str], scale: float
) -> None:
    """Writes a word into each box of a picture, '' for none.

    Args:
        axes: those of `Page.picture`.
        boxes: float [N, 4], in pixels; the first are placed first.
        words: one per box.
        colours: one per box.
        scale: millimetres per pixel, of `style.millimetres_per_pixel`.
    """
    height = style.letter_height()
    sizes = [(height + 2 * _PAD, style.text_width(word, bold=True) + 2 * _PAD) for word in words]
    sizes = np.array(sizes).reshape(-1, 2) / scale
    right, bottom = axes.get_xlim()[1], axes.get_ylim()[0]
    written = np.flatnonzero([bool(word) for word in words])
    places = corner_places(np.asarray(boxes)[written], sizes[written], (bottom, right))
    for row, (y, x) in zip(written, places, strict=True):
        axes.text(
            x + _PAD / scale,
            y + (_PAD + height) / scale,
            words[row],
            color=colours[row],
            fontweight="bold",
            path_effects=style.rim(1.8),
        )


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


def height(entries: Sequence[Entry]) -> float:
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
        whole = np.ones((24, 48), bool)
        extent = (box[1], box[3], box[2], box[0])
        sample.imshow(stripes(whole, 8), extent=extent, aspect="auto")
    entry.frame.draw(sample, box)
    middle = top + (_ROW - 0.8) / 2
    page.text_at(
        left + _SAMPLE / 2,
        middle,
        entry.word,
        ha="center",
        color=entry.frame.colour,
        fontweight="bold",
    )
    page.text_at(left + _SAMPLE + 1.5, middle, entry.text)
