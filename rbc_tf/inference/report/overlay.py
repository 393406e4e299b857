"""The overlay: an image with its regions, their types, and which are abnormal, at a glance.

An abnormal region has a thick vermilion frame, a normal one a thin blue one, and each bears its
types by name: colour never stands alone. The colours are Okabe and Ito's, which colour-blind
people can distinguish.
"""

import pathlib
from functools import cache

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rbc_tf.core.cell_types import CellTypes

ABNORMAL_COLOUR = (213, 94, 0)  # vermilion
NORMAL_COLOUR = (0, 114, 178)  # blue

# Smaller images are drawn enlarged, or the text would cover the cells.
_SMALLEST_WIDTH = 1280
_LARGEST_ENLARGEMENT = 3
_MOST_ENLARGED = 25_000_000  # pixels

_SMALLEST_TEXT, _WIDEST = 11, 4
_NO_TYPE = "?"


def draw(image: np.ndarray, result: dict, cell_types: CellTypes) -> np.ndarray:
    """Draws the regions of an analysed image.

    Args:
        image: uint8 [H, W, 3] RGB.
        result: its JSON (see `Analysis.to_json`).
        cell_types: the list of types.

    Returns:
        uint8 [H', W', 3] RGB, enlarged where the image is small, with a legend below.
    """
    scale = _enlargement(*image.shape[:2])
    height, width = (side * scale for side in image.shape[:2])
    # A strip is as wide as many smears, and its legend must not become as high.
    text_size = max(_SMALLEST_TEXT, round(min(width, _WIDEST * height) / 110))
    lines = _legend_lines(result, cell_types, width, _font(text_size))
    page = Image.new("RGB", (width, height + _legend_height(lines, text_size)), "white")
    page.paste(_enlarged(image, scale), (0, 0))
    pen = ImageDraw.Draw(page)
    # Abnormal regions are drawn last: where frames cross, theirs is on top.
    for region in sorted(result["regions"], key=lambda region: region["abnormal"]):
        _draw_region(pen, region, scale, text_size)
    _draw_legend(pen, lines, height, text_size)
    return np.asarray(page)


def _enlargement(height: int, width: int) -> int:
    wanted = min(_LARGEST_ENLARGEMENT, max(1, -(-_SMALLEST_WIDTH // max(width, 1))))
    fits = (scale for scale in range(wanted, 1, -1) if height * width * scale**2 <= _MOST_ENLARGED)
    return next(fits, 1)


def _enlarged(image: np.ndarray, scale: int) -> Image.Image:
    picture = Image.fromarray(image)
    if scale == 1:
        return picture
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.BICUBIC)


def _draw_region(pen: ImageDraw.ImageDraw, region: dict, scale: int, text_size: int) -> None:
    box = region["box"]
    left, top = box["xmin"] * scale, box["ymin"] * scale
    right, bottom = box["xmax"] * scale - 1, box["ymax"] * scale - 1
    colour = ABNORMAL_COLOUR if region["abnormal"] else NORMAL_COLOUR
    width = max(1, text_size // 5) if region["abnormal"] else max(1, text_size // 10)
    pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=width)
    text = "+".join(region["labels"]) or _NO_TYPE
    font = _font(text_size)
    text_width = pen.textlength(text, font)
    # Above the frame, or inside it where the image ends; never past the right edge.
    x = max(0, min(left, pen.im.size[0] - text_width - 2))
    y = top - text_size - 2 if top >= text_size + 2 else top + width
    pen.rectangle((x, y, x + text_width + 2, y + text_size + 1), fill=colour)
    pen.text((x + 1, y + text_size / 2), text, fill="white", font=font, anchor="lm")


def _legend_height(lines: list[str], text_size: int) -> int:
    return round(text_size * 1.5) * (len(lines) + 1) + text_size


def _draw_legend(pen: ImageDraw.ImageDraw, lines: list[str], top: int, text_size: int) -> None:
    step = round(text_size * 1.5)
    y = top + text_size
    x = text_size
    for colour, text in (
        (ABNORMAL_COLOUR, "abnormal region (thick frame)"),
        (NORMAL_COLOUR, "normal region (thin frame)"),
    ):
        thick = max(1, text_size // (5 if colour == ABNORMAL_COLOUR else 10))
        pen.rectangle((x, y, x + text_size, y + text_size), outline=colour, width=thick)
        pen.text((x + 1.5 * text_size, y + text_size / 2), text, "black", _font(text_size), "lm")
        x += round(2.5 * text_size + pen.textlength(text, _font(text_size)))
    for line in lines:
        y += step
        pen.text((text_size, y + text_size / 2), line, "black", _font(text_size), "lm")


def _legend_lines(
    result: dict, cell_types: CellTypes, width: int, font: ImageFont.FreeTypeFont
) -> list[str]:
    """The counts, wrapped to the width of the picture."""
    total, share = result["num_regions"], result["abnormal_region_share"]
    words = [f"{total} region{'' if total == 1 else 's'}"]
    if share is not None:
        low, high = result["abnormal_region_share_95"]
        words.append(
            f"{result['num_abnormal_regions']} abnormal ({100 * share:.0f} %, "
            f"95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
        )
    for cell_type in cell_types:
        count = result["num_regions_by_type"][cell_type.name]
        words.append(f"{cell_type.name} ({cell_type.display_name}): {count}")
    without = sum(1 for region in result["regions"] if not region["labels"])
    if without:  # by the paper's rule alone
        words.append(f"{_NO_TYPE} (no type found): {without}")
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]}    {word}"
        if font.getlength(longer) < width - 3 * font.size:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # DejaVu comes with matplotlib: the same letters everywhere, beyond ASCII too.
    path = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)
