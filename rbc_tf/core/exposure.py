"""Whether anything can be seen in an image at all, and whether it has colours."""

from collections.abc import Mapping

import numpy as np

from rbc_tf.core.names import listed

NEARLY_BLACK, NEARLY_WHITE = "nearly black", "nearly white"

# Cells and background of a smear are between these; what lies beyond them alone shows nothing.
_DARK, _BRIGHT = 32, 223
_MOST_BEYOND = 0.01

# JPEG colours grey pixels by so much.
_MOST_GREY_SPREAD = 6

_PIXELS = 40_000  # that are looked at


def of(pixels: np.ndarray) -> str | None:
    """NEARLY_BLACK, NEARLY_WHITE or None, of uint8 [H, W, 3].

    An image is nearly black where hardly a hundredth of its pixels is brighter than 32 in any
    colour, and nearly white where hardly one is darker than 223 in any.
    """
    seen = _thinned(pixels)
    if np.mean(seen.max(axis=2) > _DARK) < _MOST_BEYOND:
        return NEARLY_BLACK
    if np.mean(seen.min(axis=2) < _BRIGHT) < _MOST_BEYOND:
        return NEARLY_WHITE
    return None


def is_grey(pixels: np.ndarray) -> bool:
    """Whether hardly a hundredth of the pixels of uint8 [H, W, 3] has a colour."""
    seen = _thinned(pixels).astype(np.int16)
    spread = seen.max(axis=2) - seen.min(axis=2)
    return bool(np.mean(spread > _MOST_GREY_SPREAD) < _MOST_BEYOND)


def _thinned(pixels: np.ndarray) -> np.ndarray:
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / _PIXELS) ** 0.5))
    return pixels[::step, ::step]


def warning(found: Mapping[str, str | None], total: int, has_range: bool) -> str | None:
    """One line of the images that are nearly black or white; None where there are none.

    Args:
        found: of images by name; those of images that are neither may be left out.
        total: number of images.
        has_range: what is black and white in them was given or estimated: some have more than 8
            bits.
    """
    parts = []
    for kind in (NEARLY_BLACK, NEARLY_WHITE):
        names = sorted(name for name, exposure in found.items() if exposure == kind)
        if names:
            parts.append(f"{len(names)} of {total} images come out {kind} ({listed(names)})")
    if not parts:
        return None
    advice = (
        "check their bit depth (--bit_depth, --intensity_range)"
        if has_range
        else "they are empty, or over- or underexposed"
    )
    return f"{'; '.join(parts)}: {advice}"
