"""Figure 1: single cells of each type, all at one scale."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core import boxes
from rbc_tf.core.cell_types import CellType
from rbc_tf.core.types import Region
from rbc_tf.figures import choice
from rbc_tf.figures.drawing import style
from rbc_tf.figures.drawing.captions import Caption, Source
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, cut, square_around

PER_TYPE = 9

_LABEL_WIDTH = 38.0
_CELL = (style.WIDTH - _LABEL_WIDTH) / PER_TYPE
_GAP = 0.7
_BOTTOM = 7.0
_BARS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # pixels

_RULE = (
    "drawn at random among the single-cell regions that are completely labelled with this type "
    "and not cut by the edge of the image"
)


@dataclasses.dataclass(frozen=True, eq=False)
class TypeSamples:
    """Patches of one type: uint8 [S, S, 3] each, and how many regions they were drawn from."""

    cell_type: CellType
    patches: tuple[np.ndarray, ...]
    num_regions: int


def make(sources: FigureSources) -> Drawn:
    by_type = {name: [] for name in sources.names}
    for sample, region in sources.whole_regions():
        if region.num_cells == 1:
            by_type[region.types[0]].append((sample, region))
    every = [region for pairs in by_type.values() for _, region in pairs]
    if not every:
        raise CannotMake("no single-cell region of these images is completely labelled")
    side = _common_side(every)
    rows = []
    for place, cell_type in enumerate(sources.dataset.cell_types):
        pairs = by_type[cell_type.name]
        # Each type draws from its own seed, so that none depends on how many another has.
        seed = [sources.settings.seed, place]
        chosen = [pairs[i] for i in choice.by_tier(np.zeros(len(pairs), int), PER_TYPE, seed)]
        patches = [cut(sources.image(s), square_around(r.box, side)) for s, r in chosen]
        rows.append(TypeSamples(cell_type, tuple(patches), len(pairs)))
    return draw(rows, side), caption(rows, sources.source, side)


def _common_side(found: Sequence[Region]) -> int:
    """Side in pixels of a square that holds nearly all single cells with some room, even."""
    box = boxes.as_boxes([region.box for region in found])
    longer = (box[:, 2:] - box[:, :2]).max(axis=1)
    return 2 * round(1.2 * float(np.quantile(longer, 0.98)) / 2)


@style.applied()
def draw(rows: Sequence[TypeSamples], side: int) -> Figure:
    """One row per type; `side` is that of a patch in source pixels, for the scale bar."""
    page = style.Page(len(rows) * _CELL + _BOTTOM)
    for row, samples in enumerate(rows):
        _draw_label(page, row * _CELL, samples)
        for column, patch in enumerate(samples.patches):
            left = _LABEL_WIDTH + column * _CELL
            axes = page.picture(patch, left, row * _CELL, _CELL - _GAP, _CELL - _GAP)
            axes.spines[:].set_visible(False)
        if not samples.patches:
            text = "no such region in these images"
            settings = {"color": style.GREY, "style": "italic"}
            page.text_at(_LABEL_WIDTH, (row + 0.5) * _CELL, text, **settings)
    _draw_scale(page, len(rows) * _CELL, side)
    return page.figure


def _draw_label(page: style.Page, top: float, samples: TypeSamples) -> None:
    kind, step = samples.cell_type, style.line_height()
    lines = style.wrap(kind.display_name, _LABEL_WIDTH - 3, bold=True)
    start = top + (_CELL - _GAP - (len(lines) + 1) * step) / 2
    page.lines(0, start, lines, fontweight="bold")
    below = f"{'abnormal' if kind.abnormal else 'normal'}, n = {samples.num_regions:,}"
    page.text(0, start + len(lines) * step, below)


def _draw_scale(page: style.Page, top: float, side: int) -> None:
    """A bar as long as a round number of source pixels, nearly half a patch."""
    pixels = max(n for n in _BARS if n <= max(1, side / 2))
    length = pixels / side * (_CELL - _GAP)
    page.bare_axes(_LABEL_WIDTH, top + 1.6, length, 0.8).set_facecolor(style.BLACK)
    page.text_at(_LABEL_WIDTH + length + 1.5, top + 2.0, f"{pixels} pixels")


def caption(rows: Sequence[TypeSamples], source: Source, side: int) -> Caption:
    """Says how patches were chosen, and how many regions of each type there were."""
    text = (
        f"Single-cell regions from {source}, up to {PER_TYPE} per type, {_RULE} (seed "
        f"{source.seed}); n, how many such regions there are. Every patch shows {side} x {side} "
        "pixels of its image, so that sizes can be compared; white lies outside of the image."
    )
    facts = source.facts(
        rule=_RULE,
        regions_by_type={samples.cell_type.name: samples.num_regions for samples in rows},
        shown_by_type={samples.cell_type.name: len(samples.patches) for samples in rows},
        side_pixels=side,
    )
    return Caption(1, "Sample patches of each cell type", text, facts)
