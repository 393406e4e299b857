"""Figure 8: watershed and U-Net on regions of touching and overlapping cells."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tqdm
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rbc_tf.core.types import Region, Sample
from rbc_tf.evaluation.baselines import watershed
from rbc_tf.figures import choice
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.captions import Caption, Source, count, listing
from rbc_tf.figures.drawing.predicted_patches import LETTERS
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, cut, square_around
from rbc_tf.metrics.separation import assign_segments

MOST = 7

_RIM = 3  # pixels seen around a region
_LABEL = 20.0
_GAP = 1.2
_TOP = 4.5
_STEP = (style.WIDTH - _LABEL) / MOST
_SIDE = _STEP - _GAP
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

_RULE = (
    "drawn at random among the completely labelled regions of several touching or overlapping "
    f"cells that the edge of the image does not cut, {MOST // 2} of them with three cells or more"
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
        segments: by method int32 [S, S], 1.. on each cell found, 0 elsewhere.
    """

    image: str
    patch: np.ndarray
    mask: np.ndarray
    others: np.ndarray
    num_cells: int
    segments: dict[str, np.ndarray]

    def is_right(self, method: str) -> bool:
        return count_found(self.segments[method]) == self.num_cells


def make(sources: FigureSources) -> Drawn:
    pairs = [
        (sample, region)
        for sample, region in sources.whole_regions()
        if region.num_cells > 1 and sample.mask_path is not None
    ]
    if not pairs:
        raise CannotMake("no region of several cells is completely labelled and has a mask")
    progress = tqdm.tqdm(pairs, desc="separate", unit="region")
    candidates = [_separate(sources, *pair) for pair in progress]
    num_cells = np.array([region.num_cells for region in candidates], int)
    more, two = (np.where(kind, 0, -1) for kind in (num_cells > 2, num_cells == 2))
    chosen = choice.halves(more, two, MOST, MOST // 2, sources.settings.seed)
    shown = [candidates[i] for i in chosen]
    return draw(shown), caption(shown, candidates, sources.source)


def _separate(sources: FigureSources, sample: Sample, region: Region) -> Separated:
    labels = sources.region_pixels(sample)
    row = sources.regions_of(sample).index(region)
    ymin, xmin, ymax, xmax = region.box
    seen = square_around(region.box, round(max(ymax - ymin, xmax - xmin)) + 2 * _RIM)
    seen_labels = cut(labels, seen, fill=0)
    own = seen_labels == row + 1
    segments = {"watershed": watershed.separate(own)}
    if sources.unet is not None:
        found = sources.unet_segments(sample)
        # A segment is the region's where most of its pixels are, as the baselines are scored.
        theirs = np.flatnonzero(assign_segments(found, labels) == row) + 1
        segments["U-Net"] = cut(np.where(np.isin(found, theirs), found, 0), seen, fill=0)
    patch, others = cut(sources.image(sample), seen), (seen_labels > 0) & ~own
    return Separated(sample.name, patch, own, others, region.num_cells, segments)


def count_found(segments: np.ndarray) -> int:
    """How many cells a method found: different values above 0."""
    return len(_values(segments))


def _values(segments: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.unique(segments), [0])


@style.applied()
def draw(regions: Sequence[Separated]) -> Figure:
    """One column per region, at most `MOST`, and one row per method below image and mask."""
    regions = regions[:MOST]
    methods = list(regions[0].segments)
    heights = [_STEP, _STEP] + [_STEP + _BELOW] * len(methods)
    tops = np.cumsum([_TOP, *heights])
    page = style.Page(tops[-1])
    for name, top in zip(("image", "mask", *methods), tops[:-1], strict=True):
        page.text_at(0, top + _SIDE / 2, name, fontweight="bold")
    for column, region in enumerate(regions):
        left = _LABEL + column * _STEP
        page.title(left, 0.5, LETTERS[column])
        page.text(left + 4.0, 0.8, count(region.num_cells, "cell"))
        _draw_region(page, left, tops, region)
    return page.figure


def _draw_region(page: style.Page, left: float, tops: np.ndarray, region: Separated) -> None:
    mask = np.where(region.mask, 255, np.where(region.others, _OTHERS, 0)).astype(np.uint8)
    for picture, top in zip((region.patch, mask), tops[:2], strict=True):
        page.picture(picture, left, top, _SIDE, _SIDE)
    for (method, segments), top in zip(region.segments.items(), tops[2:-1], strict=True):
        _draw_segments(page.picture(region.patch, left, top, _SIDE, _SIDE), segments)
        mark = style.RIGHT if region.is_right(method) else style.WRONG
        text = f"{mark} found {count_found(segments)}"
        page.text(left + _SIDE / 2, top + _SIDE + 1.0, text, ha="center")


def _draw_segments(axes: Axes, segments: np.ndarray) -> None:
    """Each segment in a colour, with a dark outline and its number."""
    height, width = segments.shape
    y, x = np.arange(-1, height + 1) + 0.5, np.arange(-1, width + 1) + 0.5
    for number, value in enumerate(_values(segments)):
        inside = segments == value
        picture = np.zeros((height, width, 4), np.float32)
        picture[..., :3] = colors.to_rgb(_COLOURS[number % len(_COLOURS)])
        picture[..., 3] = 0.45 * inside
        axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
        axes.contour(x, y, np.pad(inside, 1) * 1.0, [0.5], colors=style.BLACK, linewidths=0.8)
        settings = {"ha": "center", "va": "center", "fontweight": "bold"}
        settings["path_effects"] = style.rim(1.8)
        axes.text(*_centre(inside), str(number + 1), **settings)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _centre(inside: np.ndarray) -> tuple[float, float]:
    """(x, y) of the pixel of a segment that is nearest to its mean, so that it lies inside."""
    places = np.argwhere(inside)
    nearest = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    return float(nearest[1]) + 0.5, float(nearest[0]) + 0.5


def caption(
    regions: Sequence[Separated], candidates: Sequence[Separated], source: Source
) -> Caption:
    """True and found numbers, the rule of choice, and that U-Net is missing where it is.

    Args:
        regions: those drawn.
        candidates: all that they were drawn from.
        source: of the images.
    """
    regions = regions[:MOST]
    methods = list(candidates[0].segments)
    right = {name: sum(region.is_right(name) for region in candidates) for name in methods}
    has_unet = "U-Net" in methods
    unet = "; the connected regions of U-Net's mask" if has_unet else ""
    left_out = "" if has_unet else "no trained U-Net was given (--unet)"
    text = (
        f"{count(len(regions), 'region')} from {source}, {_RULE} (seed {source.seed}). From above: "
        "image, with the true number of cells, all of them labelled; label mask, neighbours grey; "
        f"watershed on the distance transform of that mask{unet}. Each cell found has a colour, an "
        f"outline and a number. Over all {count(len(candidates), 'such region')} the true number "
        "is found by "
        f"{listing([f'{name} in {number:,}' for name, number in right.items()])}. "
        "Regions count as completely labelled where their labels account for the number of cells "
        "that their outline suggests: those whose outline hides a cell are seldom among them."
        f"{'' if has_unet else f' U-Net is left out: {left_out}.'}"
    )
    found = {name: [count_found(region.segments[name]) for region in regions] for name in methods}
    facts = source.facts(
        rule=_RULE,
        candidates=len(candidates),
        right_over_candidates=right,
        images=[region.image for region in regions],
        true_cells=[region.num_cells for region in regions],
        watershed_found=found["watershed"],
        unet_found=found.get("U-Net", left_out),
    )
    return Caption(8, "Watershed and U-Net on touching and overlapping cells", text, facts)
