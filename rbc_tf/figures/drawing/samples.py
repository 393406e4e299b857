"""Figure 1: sample patches of each cell type, all at one scale."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.cell_types import CellType
from rbc_tf.figures.drawing import captions, style

PER_TYPE = 9

_LABEL_WIDTH = 38.0
_CELL = (style.WIDTH - _LABEL_WIDTH) / PER_TYPE
_GAP = 0.7
_BOTTOM = 7.0


@dataclasses.dataclass(frozen=True, eq=False)
class TypeSamples:
    """Patches of one type: uint8 [S, S, 3] each, and how many regions they were drawn from."""

    cell_type: CellType
    patches: tuple[np.ndarray, ...]
    num_regions: int


@style.styled
def draw(samples: Sequence[TypeSamples], side: int) -> Figure:
    """One row per type; `side` is that of a patch in source pixels, for the scale bar."""
    page = style.Page(len(samples) * _CELL + _BOTTOM)
    for row, sample in enumerate(samples):
        _draw_label(page, row * _CELL, sample)
        for column, patch in enumerate(sample.patches[:PER_TYPE]):
            left = _LABEL_WIDTH + column * _CELL
            axes = page.picture(patch, left, row * _CELL, _CELL - _GAP, _CELL - _GAP)
            axes.spines[:].set_visible(False)
        if not sample.patches:
            middle = (row + 0.5) * _CELL
            text = "no such region in these images"
            page.text_at(_LABEL_WIDTH, middle, text, color=style.GREY, style="italic")
    _draw_scale(page, len(samples) * _CELL, side)
    return page.figure


def _draw_label(page: style.Page, top: float, sample: TypeSamples) -> None:
    kind = sample.cell_type
    lines = style.wrap(kind.display_name, _LABEL_WIDTH - 3, bold=True)
    below = f"{'abnormal' if kind.abnormal else 'normal'}, n = {sample.num_regions:,}"
    step = style.line_height()
    start = top + (_CELL - _GAP - (len(lines) + 1) * step) / 2
    page.lines(0, start, lines, fontweight="bold")
    page.text(0, start + len(lines) * step, below)


def _draw_scale(page: style.Page, top: float, side: int) -> None:
    """A bar as long as a round number of source pixels, nearly half a patch."""
    pixels = max(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n <= max(1, side / 2))
    length = pixels / side * (_CELL - _GAP)
    axes = page.axes(_LABEL_WIDTH, top + 1.6, length, 0.8)
    axes.set_facecolor(style.BLACK)
    axes.set_xticks([])
    axes.set_yticks([])
    page.text_at(_LABEL_WIDTH + length + 1.5, top + 2.0, f"{pixels} pixels")


def caption(samples: Sequence[TypeSamples], source: captions.Source, side: int) -> captions.Caption:
    """Says how patches were chosen, and how many regions of each type there were."""
    counts = {sample.cell_type.name: sample.num_regions for sample in samples}
    shown = {sample.cell_type.name: len(sample.patches) for sample in samples}
    rule = (
        "drawn at random among the single-cell regions that are completely labelled with this "
        "type and not cut by the edge of the image"
    )
    text = (
        f"Single-cell regions from {source}, up to {PER_TYPE} per type, {rule} (seed "
        f"{source.seed}); n, how many such regions there are. Every patch shows {side} x {side} "
        "pixels of its image, so that sizes can be compared; white lies outside of the image."
    )
    facts = dataclasses.asdict(source) | {
        "rule": rule,
        "regions_by_type": counts,
        "shown_by_type": shown,
        "side_pixels": side,
    }
    return captions.Caption(1, "Sample patches of each cell type", text, facts)
