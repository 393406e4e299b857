"""The look of the figures: a page measured in millimetres, letters, and colours.

The colours are Okabe and Ito's, which colour-blind people can tell apart; in every figure a line
style, a letter or a mark says the same as the colour.
"""

import contextlib
import functools
import logging
import pathlib
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib import font_manager, patheffects, textpath
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from rbc_tf.core import files

_MARGIN = 1.5
WIDTH = 180.0 - 2 * _MARGIN  # millimetres within the margins; both columns of a journal
_MM_PER_INCH = 25.4
_MM_PER_POINT = _MM_PER_INCH / 72

# Height of DejaVu's capitals as a share of the size of its letters.
_CAPITAL = 0.73

# Points. Nothing is smaller than SMALL.
SMALL, TITLE = 7.0, 8.5

BLUE, GREEN, VERMILION, ORANGE = "#0072B2", "#009E73", "#D55E00", "#E69F00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"
GREY, LIGHT = "#5F5F5F", "#D9D9D9"

RIGHT, WRONG = "\u2713", "\u2717"  # tick and cross: right and wrong without colour
PRESENT_DOT = "\u25cf"

_FORMATS = {"pdf": 300, "svg": 300, "png": 200}  # dots per inch of photographs, of all for PNG
# Without dates the same values make the same files.
_METADATA = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": SMALL,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "text.color": BLACK,
    "axes.linewidth": 0.5,
    "axes.labelsize": SMALL,
    "axes.titlesize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "image.interpolation": "hanning",  # smooth whether a photograph is enlarged or reduced
    "hatch.linewidth": 0.5,
    "path.simplify": False,
    "pdf.fonttype": 42,  # letters stay letters, which editors can change
    "svg.fonttype": "path",  # browsers have other fonts
    "svg.hashsalt": "rbc_tf",
}


# Logs every table of a font that it embeds.
logging.getLogger("fontTools").setLevel(logging.WARNING)


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """The settings of the figures, whatever the user's own are; also a decorator."""
    with matplotlib.rc_context(_SETTINGS):
        yield


class Page:
    """A figure of the full width, laid out in millimetres from its top left corner."""

    def __init__(self, height: float):
        self.height = height
        self._size = WIDTH + 2 * _MARGIN, height + 2 * _MARGIN
        self.figure = Figure(figsize=[side / _MM_PER_INCH for side in self._size])
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        corner = self._place(left, top + height)
        return self.figure.add_axes((*corner, width / self._size[0], height / self._size[1]))

    def bare_axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without numbers and ticks."""
        axes = self.axes(left, top, width, height)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def picture(
        self, image: np.ndarray, left: float, top: float, width: float, height: float
    ) -> Axes:
        """Shows an image as large as fits, its proportions kept, in the middle of the place.

        Returns axes whose coordinates are the image's pixels, y downwards, (0, 0) the corner.
        """
        axes = self.bare_axes(left, top, width, height)
        extent = (0, image.shape[1], image.shape[0], 0)
        axes.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=255)
        return axes

    def share_axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes for bars from 0 to 1, with a scale below."""
        axes = self.bare_axes(left, top, width, height)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(pad=1.5)
        return axes

    def text(self, left: float, top: float, text: str, fontsize: float = SMALL, **settings) -> None:
        """Writes a line, the top of its capitals at `top`; `ha` says what `left` is."""
        self._write(left, top + letter_height(fontsize), text, fontsize, settings)

    def text_at(
        self, left: float, middle: float, text: str, fontsize: float = SMALL, **settings
    ) -> None:
        """Writes a line, the middle of its capitals at `middle`."""
        self._write(left, middle + letter_height(fontsize) / 2, text, fontsize, settings)

    def lines(self, left: float, top: float, lines: Sequence[str], **settings) -> None:
        """Writes lines one below the other."""
        for number, line in enumerate(lines):
            self.text(left, top + number * line_height(), line, **settings)

    def _write(self, left, baseline, text, fontsize, settings) -> None:
        settings = {"va": "baseline", "ha": "left", "fontsize": fontsize} | settings
        self.figure.text(*self._place(left, baseline), text, **settings)

    def arrow(self, places: Sequence[tuple[float, float]], colour: str = BLACK) -> None:
        """An arrow along places, (left, top) each, its head at the last."""
        path = Path([self._place(*place) for place in places])
        self.figure.add_artist(
            FancyArrowPatch(
                path=path,
                transform=self.figure.transFigure,
                arrowstyle="-|>",
                mutation_scale=9,
                linewidth=1.2,
                color=colour,
                path_effects=rim(2.4),
            )
        )

    def millimetres(self, axes: Axes, x: float, y: float) -> tuple[float, float]:
        """Where a point of a picture's pixels lies on the page, (left, top)."""
        axes.apply_aspect()  # as it will be drawn, the picture's proportions kept
        shares = self.figure.transFigure.inverted().transform(axes.transData.transform((x, y)))
        left, top = shares[0] * self._size[0], (1 - shares[1]) * self._size[1]
        return left - _MARGIN, top - _MARGIN

    def _place(self, left: float, top: float) -> tuple[float, float]:
        """Millimetres within the margins as shares of the figure, upwards."""
        return (left + _MARGIN) / self._size[0], 1 - (top + _MARGIN) / self._size[1]

    def title(self, left: float, top: float, text: str, **settings) -> None:
        """Writes the title of a panel, or its letter."""
        self.text(left, top, text, fontsize=TITLE, fontweight="bold", **settings)


def add_box(axes: Axes, box, colour: str, width: float = 1.0, line="-") -> None:
    """Frames (ymin, xmin, ymax, xmax) of the picture's pixels; a white rim parts it from cells."""
    ymin, xmin, ymax, xmax = (float(edge) for edge in box)
    axes.add_patch(
        Rectangle(
            (xmin, ymin),
            xmax - xmin,
            ymax - ymin,
            fill=False,
            edgecolor=colour,
            linewidth=width,
            linestyle=line,
            joinstyle="miter",
            path_effects=rim(width + 0.8),
        )
    )


def rim(width: float) -> list:
    """A white line of that width below another, or below letters."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: float = SMALL, bold: bool = False) -> float:
    """Millimetres that a line of text takes."""
    font = font_manager.FontProperties(
        family="DejaVu Sans", weight="bold" if bold else "normal", size=size
    )
    points, _, _ = textpath.text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return points * _MM_PER_POINT


def wrap(text: str, width: float, size: float = SMALL, bold: bool = False) -> list[str]:
    """Breaks text into lines of at most that many millimetres; a longer word is cut in pieces."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, bold) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        while text_width(word, size, bold) > width and len(word) > 1:
            cuts = range(len(word) - 1, 0, -1)
            fits = next((n for n in cuts if text_width(word[:n], size, bold) <= width), 1)
            lines[-1:] = [word[:fits], ""]
            word = word[fits:]
        lines[-1] = word
    return lines


def shorten(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """The text, or as much of it as fits into that many millimetres with an ellipsis."""
    if text_width(text, size, bold) <= width:
        return text
    fits = (text[:n].rstrip() + "\u2026" for n in range(len(text) - 1, 0, -1))
    return next((cut for cut in fits if text_width(cut, size, bold) <= width), "\u2026")


def millimetres_per_pixel(shape: Sequence[int], width: float, height: float) -> float:
    """Scale of an image of shape [H, W, ...] that `Page.picture` fits into a place."""
    return min(width / shape[1], height / shape[0])


def letter_height(size: float = SMALL) -> float:
    """Millimetres of a capital."""
    return _CAPITAL * size * _MM_PER_POINT


def line_height(size: float = SMALL) -> float:
    """Millimetres from one line of text to the next."""
    return size * 1.45 * _MM_PER_POINT


def save(figure: Figure, folder: str | pathlib.Path, name: str) -> tuple[pathlib.Path, ...]:
    """Writes NAME.pdf, NAME.svg and NAME.png, each whole or not at all."""
    paths = []
    for extension, dpi in _FORMATS.items():
        path = pathlib.Path(folder) / f"{name}.{extension}"
        with applied(), files.atomic_path(path) as temporary:
            figure.savefig(temporary, format=extension, dpi=dpi, metadata=_METADATA[extension])
        paths.append(path)
    return tuple(paths)


def pixels(figure: Figure) -> np.ndarray:
    """uint8 [H, W, 3], the figure as its PNG file would show it."""
    with applied():
        figure.set_dpi(_FORMATS["png"])
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
