"""How an image looks, beside those that a bundle learnt from.

A network answers whatever it is given. Where light, stain, focus, the size of cells, their crowd or
the compression are others than it has seen, its answers mean less, and a user should know.
"""

import collections
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from rbc_tf.core import boxes as box_lib
from rbc_tf.core import jpeg_blocks
from rbc_tf.core.names import listed, number

# Fewer regions say nothing of how cells look.
_FEWEST_REGIONS = 5
_MOST_REGIONS = 60  # that are looked at closely
_PIXELS = 200_000  # that are looked at in the whole image
_BACKGROUND = 95  # percentile of grey in the image: what lets most light pass
_CELLS = 25  # percentile of grey in a region, of which its cells take most
_STEEPEST = 99  # percentile of the slopes in a region: its edges

# Of images that taught: what lies in this part of them is what was seen, and a little beyond.
_SEEN_PERCENTILES = (2, 98)
_BEYOND_RANGE, _BEYOND_VALUE = 0.25, 0.05
_LEAST_OF_LOWEST = 0.5

_MOST_LISTED = 3


@dataclasses.dataclass(frozen=True)
class _Aspect:
    """What is measured; `low` and `high` say what an image is that lies beyond what was seen.

    Up to `tolerated` a value does little harm, whatever was seen.
    """

    title: str
    low: str
    high: str
    tolerated: float = -math.inf


# Chosen on validation images of Chula (docs/RESULTS.md, Other microscopes): JPEG of quality 50 lies
# above in all of them, and costs 0.14 of exact match where no compressed patch was learnt from; of
# quality 75 in half, and costs 0.04.
_COMPRESSION_TOLERATED = 1.45

ASPECTS = {
    "cell_size": _Aspect("size of cells in pixels", "smaller cells", "larger cells"),
    "crowding": _Aspect("share covered by regions", "emptier", "more crowded"),
    "brightness": _Aspect("background in grey values", "darker", "brighter"),
    "contrast": _Aspect("contrast of cells and background", "less contrast", "more contrast"),
    "colour": _Aspect("saturation of cells", "paler or grey", "more coloured"),
    "edge_width": _Aspect("width of edges in pixels", "sharper", "out of focus"),
    "compression": _Aspect(
        "steps between JPEG's blocks",
        "less compressed",
        "more compressed",
        tolerated=_COMPRESSION_TOLERATED,
    ),
}

Range = tuple[float, float]


def measure(
    pixels: np.ndarray, boxes: np.ndarray, source: np.ndarray | None = None
) -> dict[str, float]:
    """What `ASPECTS` names, of one image.

    Args:
        pixels: uint8 [H, W, 3] RGB, scaled and lit as it is looked at.
        boxes: float [N, 4] (ymin, xmin, ymax, xmax), its regions, in these pixels.
        source: uint8 [H', W', 3] RGB, the image as it came: scaling hides how it was compressed,
            more light how dark it was. None where it is looked at as it came.

    Returns:
        {aspect: value}; without regions enough, brightness and compression alone, and of too few
        that are whole no size of cells.
    """
    background = brightness(pixels)
    source = pixels if source is None else source
    found = {"brightness": background if source is pixels else brightness(source)}
    blocks = jpeg_blocks.steps(source)
    if blocks is not None:
        found["compression"] = blocks
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if len(boxes) < _FEWEST_REGIONS:
        return found
    height, width = pixels.shape[:2]
    size = cell_size(boxes, height, width)
    if size is not None:
        found["cell_size"] = size
    found["crowding"] = float(box_lib.area(boxes).sum() / (height * width))
    chosen = boxes[:: -(-len(boxes) // _MOST_REGIONS)]
    return found | _of_regions(pixels, chosen, background)


def brightness(pixels: np.ndarray) -> float:
    """Grey value of the background of an image uint8 [H, W, 3], or of one colour [H, W, 1]."""
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / _PIXELS) ** 0.5))
    return float(np.percentile(pixels[::step, ::step].mean(axis=2), _BACKGROUND))


def cell_size(boxes: np.ndarray, height: int, width: int) -> float | None:
    """Of the cells in an image, in pixels: the median of the shorter sides of whole regions.

    Two cells that touch are one region, longer than a cell and hardly wider: sides tell the size of
    cells where there are many clusters, areas do not.

    Args:
        boxes: float [N, 4], the regions of the image.
        height, width: of the image; regions at its border may be parts of cells, and do not count.

    Returns:
        None of too few regions.
    """
    whole = boxes[~box_lib.at_border(boxes, height, width)]
    if len(whole) < _FEWEST_REGIONS:
        return None
    sides = whole[:, 2:] - whole[:, :2]
    return float(np.median(np.maximum(sides.min(axis=1), 0)))


def _of_regions(pixels: np.ndarray, boxes: np.ndarray, background: float) -> dict[str, float]:
    contrasts, colours, widths = [], [], []
    for ymin, xmin, ymax, xmax in np.rint(boxes).astype(int).tolist():
        patch = pixels[max(0, ymin) : ymax, max(0, xmin) : xmax].astype(np.float32)
        if min(patch.shape[:2]) < 3:
            continue
        grey = patch.mean(axis=2)
        darker = patch[grey <= np.median(grey)]  # cell, not background
        highest, lowest = darker.max(axis=1), darker.min(axis=1)
        colours.append(np.median((highest - lowest) / np.maximum(highest, 1)))
        contrasts.append(background - np.percentile(grey, _CELLS))
        slopes = np.hypot(*(cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=3) / 8 for dx in (0, 1)))
        widths.append(contrasts[-1] / max(float(np.percentile(slopes, _STEEPEST)), 1e-3))
    if not colours:
        return {}
    contrast = float(np.median(contrasts)) / max(background, 1.0)
    return {
        "contrast": contrast,
        "colour": float(np.median(colours)),
        "edge_width": float(np.median(widths)),
    }


def ranges(measured: Iterable[Mapping[str, float]]) -> dict[str, Range]:
    """{aspect: (low, high)} of most of the images that a bundle learnt from."""
    values = collections.defaultdict(list)
    for of_image in measured:
        for aspect, value in of_image.items():
            values[aspect].append(value)
    return {
        aspect: tuple(float(f"{v:.4g}") for v in np.percentile(values[aspect], _SEEN_PERCENTILES))
        for aspect in ASPECTS
        if values[aspect]
    }


def is_beyond(value: float, seen: Sequence[float]) -> bool:
    """Whether a value lies beyond the range (low, high) of what was seen, and a little around."""
    low, high = seen
    room = _BEYOND_RANGE * (high - low) + _BEYOND_VALUE * abs(high + low) / 2
    # Where images vary much, the room would reach to nothing: to no colour at all, say.
    return not max(low - room, _LEAST_OF_LOWEST * low) <= value <= high + room


def unlike(measured: Mapping[str, float], seen: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """{what the image is: the values}, of aspects that lie beyond what was seen.

    Args:
        measured: of one image.
        seen: `ranges` of those that the bundle learnt from; what is not in it is not compared.
    """
    found = {}
    for aspect, value in measured.items():
        if aspect not in seen or aspect not in ASPECTS:
            continue
        low, high = seen[aspect]
        words = ASPECTS[aspect]
        if value > words.tolerated and is_beyond(value, (low, high)):
            what = words.low if value < low else words.high
            found[what] = f"{words.title} {value:.3g}, learnt from {low:.3g} to {high:.3g}"
    return found


def warning(found: Mapping[str, Iterable[str]], total: int) -> str | None:
    """One line of the images that are unlike those that were learnt from; None without any.

    Args:
        found: what images by name are, as `unlike` names it; others may be left out.
        total: number of images.
    """
    by_kind = collections.defaultdict(list)
    for name in sorted(found):
        for what in found[name]:
            by_kind[what].append(name)
    if not by_kind:
        return None
    parts = [
        f"{what}: {len(names)} ({listed(names, _MOST_LISTED)})"
        for what, names in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    count = sum(1 for kinds in found.values() if kinds)
    images = f"{count} of {number(total, 'image')} {'is' if count == 1 else 'are'}"
    return (
        f"{images} unlike those that the bundle learnt from, and what is found in them is less "
        f"certain: {'; '.join(parts)}"
    )
