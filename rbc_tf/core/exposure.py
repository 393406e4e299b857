"""Whether anything can be seen in an image at all."""

from collections.abc import Mapping

import numpy as np

NEARLY_BLACK, NEARLY_WHITE = "nearly black", "nearly white"

# Cells and background of a smear are between these; what lies beyond them alone shows nothing.
_DARK, _BRIGHT = 32, 223
_MOST_BEYOND = 0.01

_MOST_LISTED = 5
_PIXELS = 40_000  # that are looked at


def of(pixels: np.ndarray) -> str | None:
    """NEARLY_BLACK, NEARLY_WHITE or None, of uint8 [H, W, 3].

    An image is nearly black where hardly a hundredth of its pixels is brighter than 32 in any
    colour, and nearly white where hardly one is darker than 223 in any.
    """
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / _PIXELS) ** 0.5))
    seen = pixels[::step, ::step]
    if np.mean(seen.max(axis=2) > _DARK) < _MOST_BEYOND:
        return NEARLY_BLACK
    if np.mean(seen.min(axis=2) < _BRIGHT) < _MOST_BEYOND:
        return NEARLY_WHITE
    return None


def warning(found: Mapping[str, str | None], total: int) -> str | None:
    """One line of the images that are nearly black or white; None where there are none.

    Args:
        found: of images by name; those of images that are neither may be left out.
        total: number of images.
    """
    parts = []
    for kind in (NEARLY_BLACK, NEARLY_WHITE):
        names = sorted(name for name, exposure in found.items() if exposure == kind)
        if names:
            more = ", ..." if len(names) > _MOST_LISTED else ""
            listed = ", ".join(names[:_MOST_LISTED])
            parts.append(f"{len(names)} of {total} images come out {kind} ({listed}{more})")
    if not parts:
        return None
    return "; ".join(parts) + ": check their bit depth (--bit_depth, --intensity_range)"
