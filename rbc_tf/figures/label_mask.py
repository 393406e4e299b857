"""Figure 3: an image, its label mask, and the regions found in the mask."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core import image_io
from rbc_tf.core.types import Region
from rbc_tf.data.regions import RegionConfig
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.captions import Caption, Source, count
from rbc_tf.figures.drawing.legend import Entry, Frame, Mark, draw_marks, legend_height
from rbc_tf.figures.drawing.legend import draw as draw_legend
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources

_GAP = 3.0
_PANEL = (style.WIDTH - _GAP) / 2
_TOP = 5.0
_TALLEST = 200.0

_ONE = Frame(style.BLUE, 0.9, "-")
_SEVERAL = Frame(style.VERMILION, 1.2, (0, (3.5, 1.2)))


def make(sources: FigureSources) -> Drawn:
    sample, rule = sources.chosen
    if sample.mask_path is None:
        raise CannotMake(f"image {sample.name} has no mask; its regions are given (regions.csv)")
    regions = sources.regions_of(sample)
    figure = draw(sources.image(sample), image_io.read_mask(sample.mask_path), regions)
    text = caption(sample.name, regions, sources.region_config, sources.source, rule)
    return figure, text


@style.applied()
def draw(image: np.ndarray, mask: np.ndarray, regions: Sequence[Region]) -> Figure:
    """Image (a) and mask (b) side by side, both with the regions' boxes.

    Args:
        image: uint8 [H, W, 3].
        mask: bool [H, W], True on cells.
        regions: of the mask.
    """
    height, width = mask.shape
    panel = min(_PANEL * height / width, _TALLEST)
    entries = _legend(regions)
    page = style.Page(_TOP + panel + legend_height(entries))
    scale = style.millimetres_per_pixel(mask.shape, _PANEL, panel)
    white = np.where(mask, 255, 0).astype(np.uint8)
    for letter, left, picture in (("a", 0.0, image), ("b", _PANEL + _GAP, white)):
        page.title(left, 0.8, letter)
        axes = page.picture(picture, left, _TOP, _PANEL, panel)
        draw_marks(axes, [_mark(region) for region in regions], scale)
    draw_legend(page, _TOP + panel, entries)
    return page.figure


def _mark(region: Region) -> Mark:
    if region.num_cells == 1:
        return Mark(_ONE, "", region.box)
    return Mark(_SEVERAL, str(region.num_cells), region.box)


def _legend(regions: Sequence[Region]) -> list[Entry]:
    several = _num_several(regions)
    return [
        Entry(_ONE, "", f"region of one cell: {len(regions) - several}"),
        Entry(_SEVERAL, "2", f"of several cells, with their number: {several}"),
    ]


def _num_several(regions: Sequence[Region]) -> int:
    return sum(region.num_cells > 1 for region in regions)


def caption(
    image: str, regions: Sequence[Region], config: RegionConfig, source: Source, rule: str
) -> Caption:
    """Counts, and how the image was chosen."""
    several = _num_several(regions)
    text = (
        f"(a) Image {image}, one of {source} ({rule}). (b) Its label mask, white on cells. "
        f"Breadth-first search ({config.connectivity}-connected, regions of fewer than "
        f"{config.min_area} pixels dropped) finds {count(len(regions), 'connected region')}; their "
        "bounding boxes, drawn in both, are the targets of the detector. Solid blue, "
        f"{len(regions) - several} of one cell; dashed orange-red with their number of cells, "
        f"{several} of several, as labelled or as estimated from area and outline."
    )
    facts = source.facts(
        image=image,
        rule=rule,
        regions=len(regions),
        multi_cell_regions=several,
        connectivity=config.connectivity,
        min_area=config.min_area,
    )
    return Caption(3, "An image, its label mask and the regions in it", text, facts)
