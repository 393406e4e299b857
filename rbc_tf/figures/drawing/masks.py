"""Figure 3: an image, its label mask, and the regions found in the mask."""

import dataclasses

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rbc_tf.figures.drawing import captions, legend, style

_GAP = 3.0
_PANEL = (style.WIDTH - _GAP) / 2
_TOP = 5.0

_SINGLE = legend.Frame(style.BLUE, 0.9, "-")
_MULTI = legend.Frame(style.VERMILION, 1.2, (0, (3.5, 1.2)))


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedImage:
    """An image with its mask.

    Attributes:
        name: of the image.
        image: uint8 [H, W, 3].
        mask: bool [H, W], True on cells.
        boxes: float32 [N, 4] of its regions.
        num_cells: int [N], cells told from each region's shape, or labelled.
        connectivity: of the search, 8 or 4.
        min_area: smaller regions were dropped, in pixels.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    boxes: np.ndarray
    num_cells: np.ndarray
    connectivity: int
    min_area: int


@style.styled
def draw(shown: MaskedImage) -> Figure:
    """Image (a) and mask (b) side by side, both with the regions' boxes."""
    height, width = shown.mask.shape
    panel = min(_PANEL * height / width, 200.0)
    rows = _legend_rows(shown)
    page = style.Page(_TOP + panel + legend.height(rows))
    scale = style.millimetres_per_pixel(shown.mask.shape, _PANEL, panel)
    mask = np.where(shown.mask, 255, 0).astype(np.uint8)
    for letter, left, picture in (("a", 0.0, shown.image), ("b", _PANEL + _GAP, mask)):
        page.title(left, 0.8, letter)
        axes = page.picture(picture, left, _TOP, _PANEL, panel)
        _draw_boxes(axes, shown, scale)
    legend.draw(page, _TOP + panel, rows)
    return page.figure


def _draw_boxes(axes: Axes, shown: MaskedImage, scale: float) -> None:
    frames = [_SINGLE if cells == 1 else _MULTI for cells in shown.num_cells]
    words = ["" if cells == 1 else str(cells) for cells in shown.num_cells]
    for frame, box in zip(frames, shown.boxes, strict=True):
        frame.draw(axes, box)
    legend.write_words(axes, shown.boxes, words, [frame.colour for frame in frames], scale)


def _legend_rows(shown: MaskedImage) -> list[legend.Entry]:
    single = int((np.asarray(shown.num_cells) == 1).sum())
    several = len(shown.num_cells) - single
    return [
        legend.Entry(_SINGLE, "", f"region of one cell: {single}"),
        legend.Entry(_MULTI, "2", f"of several cells, with their number: {several}"),
    ]


def caption(shown: MaskedImage, source: captions.Source, rule: str) -> captions.Caption:
    """Counts, and how the image was chosen."""
    several = int((np.asarray(shown.num_cells) > 1).sum())
    regions = captions.count(len(shown.num_cells), "connected region")
    text = (
        f"(a) Image {shown.name}, one of {source} ({rule}). (b) Its label mask, white on cells. "
        f"Breadth-first search ({shown.connectivity}-connected, regions of fewer than "
        f"{shown.min_area} pixels dropped) finds {regions}; their bounding boxes, drawn in both, "
        f"are the targets of the detector. Solid blue, {len(shown.num_cells) - several} of one "
        f"cell; dashed orange-red with their number of cells, {several} of several, as labelled "
        "or as told from area and outline."
    )
    facts = dataclasses.asdict(source) | {
        "image": shown.name,
        "rule": rule,
        "regions": len(shown.num_cells),
        "multi_cell_regions": several,
        "connectivity": shown.connectivity,
        "min_area": shown.min_area,
    }
    return captions.Caption(3, "An image, its label mask and the regions in it", text, facts)
