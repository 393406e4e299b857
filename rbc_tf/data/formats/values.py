"""Values out of files that others wrote: read strictly, refused in plain words."""

import math
import pathlib
from typing import Any

from rbc_tf.core import structured
from rbc_tf.core.types import MOST_CELLS

# Annotations of a large set of images with outlines, and room.
_MOST_BYTES = 2**30


def load_json(path: str | pathlib.Path) -> Any:
    """Reads a JSON file (UTF-8, a byte order mark is forgiven); ValueError names the file."""
    try:
        return structured.load_json(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as UTF-8 JSON ({error})") from error


def number(value: Any, what: str) -> float:
    """A finite number, or ValueError; text and truth values are none."""
    if not structured.is_number(value):
        raise ValueError(f"{what} must be a number. Received: {short(value)}")
    return value


def text(value: Any, what: str) -> str:
    """Text with something in it, or ValueError."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} must be text. Received: {value!r}")
    return value


def mapping(value: Any, what: str) -> dict:
    """A JSON object, or ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object {{...}}. Received: {short(value)}")
    return value


def sequence(value: Any, what: str) -> list:
    """A JSON array, or ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{what} must be an array [...]. Received: {short(value)}")
    return value


def box(ymin: float, xmin: float, ymax: float, xmax: float) -> tuple[float, float, float, float]:
    """(ymin, xmin, ymax, xmax), or ValueError where it holds nothing."""
    if not (0 < ymax - ymin < math.inf and 0 < xmax - xmin < math.inf):
        raise ValueError(
            f"a box must have a height and a width. Received: x {xmin:g} to {xmax:g}, "
            f"y {ymin:g} to {ymax:g}"
        )
    return ymin, xmin, ymax, xmax


def rotated_box(
    box: tuple[float, float, float, float], degrees: float
) -> tuple[float, float, float, float]:
    """The box around a rectangle that is turned about its middle, either way, as CVAT turns it."""
    ymin, xmin, ymax, xmax = box
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    height, width = ymax - ymin, xmax - xmin
    half_height = (height * cosine + width * sine) / 2
    half_width = (width * cosine + height * sine) / 2
    y, x = (ymin + ymax) / 2, (xmin + xmax) / 2
    return y - half_height, x - half_width, y + half_height, x + half_width


def whole(value: Any, what: str) -> int:
    """A whole number, also where it is written as 640.0; or ValueError."""
    if number(value, what) != math.floor(value):
        raise ValueError(f"{what} must be a whole number. Received: {short(value)}")
    return int(value)


def num_cells(value: Any) -> int | None:
    """A number of cells from 1, given as a number or text; None stays None."""
    if value is None:
        return None
    try:
        cells = structured.real(value) if isinstance(value, str) else number(value, "num_cells")
    except ValueError:
        cells = math.nan
    if not (1 <= cells <= MOST_CELLS and cells == math.floor(cells)):
        raise ValueError(
            f"num_cells must be a whole number from 1 to {MOST_CELLS:,}. Received: {short(value)}"
        )
    return int(cells)


def complete(value: Any) -> bool | None:
    """True or false, as such, as 1 or 0, or as text; None stays None."""
    if value is None:
        return None
    found = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(
        str(value).strip().lower()
    )
    if found is None:
        raise ValueError(f"complete must be true or false. Received: {value!r}")
    return found


def short(value: Any) -> str:
    """A value for an error message: its beginning."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
