"""Figure 8: watershed and U-Net on regions of touching and overlapping cells."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rbc_tf.figures.drawing import captions, style

MOST = 7

_LABEL = 20.0
_GAP = 1.2
_TOP = 4.5
_STEP = (style.WIDTH - _LABEL) / MOST
_BELOW = 5.0  # the count below a result
_OTHERS = 90  # grey of neighbouring regions in the mask
_COLOURS = (
    style.ORANGE,
    style.SKY,
    style.GREEN,
    style.YELLOW,
    style.PURPLE,
    style.BLUE,
    style.VERMILION,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Separated:
    """One region and what each method makes of it; arrays cover a square around it.

    Attributes:
        image: name of its image.
        patch: uint8 [S, S, 3].
        mask: bool [S, S], its own pixels.
        others: bool [S, S], those of its neighbours.
        num_cells: the true number of cells.
        watershed: int32 [S, S], 1.. on each cell found, 0 elsewhere.
        unet: the same for the connected regions of U-Net's mask, None where there is no U-Net.
    """

    image: str
    patch: np.ndarray
    mask: np.ndarray
    others: np.ndarray
    num_cells: int
    watershed: np.ndarray
    unet: np.ndarray | None = None


def count_found(segments: np.ndarray) -> int:
    """How many cells a method found: different values above 0."""
    return len(np.setdiff1d(np.unique(segments), [0]))


@style.styled
def draw(regions: Sequence[Separated]) -> Figure:
    """One column per region, at most `MOST`; the last row, U-Net, where there is one."""
    regions = list(regions)[:MOST]
    rows = ["image", "mask", "watershed"] + ["U-Net"] * any(r.unet is not None for r in regions)
    heights = [_STEP + (_BELOW if row in ("watershed", "U-Net") else 0) for row in rows]
    tops = np.cumsum([_TOP, *heights[:-1]])
    page = style.Page(_TOP + sum(heights))
    if not regions:
        page.text(0, 1, "no completely labelled region of several cells", style="italic")
    for name, top in zip(rows, tops, strict=True):
        page.text_at(0, top + (_STEP - _GAP) / 2, name, fontweight="bold")
    for column, region in enumerate(regions):
        left = _LABEL + column * _STEP
        page.title(left, 0.5, "abcdefghij"[column])
        page.text(left + 4.0, 0.8, captions.count(region.num_cells, "cell"))
        _draw_region(page, left, dict(zip(rows, tops, strict=True)), region)
    return page.figure


def _draw_region(page: style.Page, left: float, tops: dict, region: Separated) -> None:
    side = _STEP - _GAP
    page.picture(region.patch, left, tops["image"], side, side)
    mask = np.where(region.mask, 255, np.where(region.others, _OTHERS, 0)).astype(np.uint8)
    page.picture(mask, left, tops["mask"], side, side)
    for name, segments in (("watershed", region.watershed), ("U-Net", region.unet)):
        if segments is None:
            continue
        axes = page.picture(region.patch, left, tops[name], side, side)
        _draw_segments(axes, segments)
        found = count_found(segments)
        mark = style.RIGHT if found == region.num_cells else style.WRONG
        text = f"{mark} found {found}"
        page.text(left + side / 2, tops[name] + side + 1.0, text, ha="center")


def _draw_segments(axes: Axes, segments: np.ndarray) -> None:
    """Each segment in a colour, with a dark outline and its number."""
    height, width = segments.shape
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    for number, value in enumerate(np.setdiff1d(np.unique(segments), [0])):
        inside = segments == value
        picture = np.zeros((height, width, 4), np.float32)
        colour = _COLOURS[number % len(_COLOURS)]
        picture[..., :3] = colors.to_rgb(colour)
        picture[..., 3] = 0.45 * inside
        axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
        framed = np.pad(inside, 1).astype(float)
        y = np.concatenate([[rows[0] - 1], rows, [rows[-1] + 1]])
        x = np.concatenate([[columns[0] - 1], columns, [columns[-1] + 1]])
        axes.contour(x, y, framed, [0.5], colors=style.BLACK, linewidths=0.8)
        place = _centre(inside)
        settings = {"ha": "center", "va": "center", "fontweight": "bold"}
        axes.text(*place, str(number + 1), path_effects=style.rim(1.8), **settings)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _centre(inside: np.ndarray) -> tuple[float, float]:
    """(x, y) of the pixel of a segment that is nearest to its mean, so that it lies inside."""
    places = np.argwhere(inside)
    nearest = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    return float(nearest[1]) + 0.5, float(nearest[0]) + 0.5


RULE = (
    "drawn at random among the completely labelled regions of several touching or overlapping "
    f"cells that the edge of the image does not cut, {MOST // 2} of them with three cells or more"
)


def caption(
    regions: Sequence[Separated],
    candidates: Sequence[Separated],
    source: captions.Source,
    without_unet: str,
) -> captions.Caption:
    """True and found numbers, the rule of choice, and why U-Net is missing where it is.

    Args:
        regions: those drawn.
        candidates: all that they were drawn from.
        source: of the images.
        without_unet: why there is no U-Net row, '' where there is one.
    """
    regions = list(regions)[:MOST]
    counts = {"watershed": [_is_right(c.num_cells, c.watershed) for c in candidates]}
    if not without_unet:
        counts["U-Net"] = [_is_right(c.num_cells, c.unet) for c in candidates]
    right = captions.listing([f"{name} in {sum(found)}" for name, found in counts.items()])
    unet = "" if without_unet else "; the connected regions of U-Net's mask"
    text = (
        f"{captions.count(len(regions), 'region')} from {source}, {RULE} (seed {source.seed}). "
        "From above: image, with the true number of cells, all of them labelled; label mask, "
        f"neighbours grey; watershed on the distance transform of that mask{unet}. Each cell found "
        "has a colour, an outline and a number. Over all "
        f"{captions.count(len(candidates), 'such region')} the true number is found by {right}. "
        "Regions count as completely labelled where their labels account for the number of cells "
        "that their outline tells of: those whose outline hides a cell are seldom among them."
        f"{' U-Net is left out: ' + without_unet + '.' if without_unet else ''}"
    )
    facts = dataclasses.asdict(source) | {
        "rule": RULE,
        "candidates": len(candidates),
        "right_over_candidates": {name: sum(found) for name, found in counts.items()},
        "images": [region.image for region in regions],
        "true_cells": [region.num_cells for region in regions],
        "watershed_found": [count_found(region.watershed) for region in regions],
        "unet_found": without_unet or [count_found(region.unet) for region in regions],
    }
    return captions.Caption(8, "Watershed and U-Net on touching and overlapping cells", text, facts)


def _is_right(num_cells: int, segments: np.ndarray) -> bool:
    return count_found(segments) == num_cells
