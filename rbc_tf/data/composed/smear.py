"""One composed field: which cells it holds, where each lies, and how it looks.

Cells hold light back one after the other, so where two overlap the shares that pass multiply. For
stained cells in transmitted light this is what happens (Beer-Lambert), as long as both are in
focus. In unstained bright field it is an approximation: rings and rims come from refraction, and
light that one cell has bent meets the next at another place; what is seen of two real overlapping
cells, both outlines going on through one another, is kept. Grain is the source's within a cell and
drawn anew, of the same correlations, between cells; where two cells overlap both grains add up.
"""

import dataclasses
import itertools
import typing

import numpy as np

from rbc_tf.core.types import Cell
from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.data.composed.library import Backdrop, Library
from rbc_tf.data.composed.source import SourceCell
from rbc_tf.data.synthetic import clusters, scene
from rbc_tf.data.synthetic.placement import PlacedCell, shared_windows

_CLUSTER_SIZES = (2, 3, 4)
_PAIRS_A_FIELD = 5  # so many pairs later than the last field begins the next one
_JOINS = 10  # attempts to join the cells of a cluster


@dataclasses.dataclass(frozen=True, eq=False)
class ComposedSmear:
    """A composed field.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        mask: bool [H, W], True on cells.
        cells: labelled points, well inside what is each cell's alone.
        sources: the source cell of each, in the same order.
    """

    image: np.ndarray
    mask: np.ndarray
    cells: tuple[Cell, ...]
    sources: tuple[SourceCell, ...]


def compose(
    library: Library, config: ComposeConfig, number: int, rng: np.random.Generator
) -> ComposedSmear:
    """Composes field `number` of those of the library's bucket.

    Over the fields of a bucket the shares of regions are as configured, and within one field as
    near as whole numbers allow. Every pair of types is met in turn that the bucket has on slides
    stained alike.
    """
    shape = (config.height, config.width)
    backdrop = library.draw_backdrop(shape, rng)
    sizes = _region_sizes(library, config, number, rng)
    pairs = _pairs(tuple(library.like(backdrop)), number)
    regions = [_region(library, config, backdrop, size, pairs, rng) for size in sizes]
    diameter = 2 * np.sqrt(library.typical_area / np.pi)
    placed = scene.place_regions(regions, diameter, shape, rng)
    # Placing asks of a cell no more than its mask and type, which source cells have too.
    cells = typing.cast(tuple[SourceCell, ...], tuple(piece.cell for piece in placed.placed))
    pieces = [*placed.placed, *_debris(library, config, placed, backdrop, rng)]
    return ComposedSmear(
        image=render(backdrop, pieces),
        mask=placed.mask,
        cells=placed.cells(),
        sources=cells,
    )


def render(backdrop: Backdrop, placed: list[PlacedCell]) -> np.ndarray:
    """uint8 [H, W, 3], the light that passes all the cells, with grain."""
    shape = backdrop.light.shape[:2]
    passed = np.ones((*shape, 3), np.float32)
    empty = np.ones(shape, np.float32)
    for piece in placed:
        in_frame, in_canvas = piece.windows(shape)
        cell = typing.cast(SourceCell, piece.cell)
        passed[in_frame] *= cell.passed[in_canvas]
        empty[in_frame] *= 1 - cell.opacity[in_canvas]
    # Along a faded edge, part of the source's grain and part of ours: their variances add up.
    share = np.sqrt(np.maximum(1 - (1 - empty) ** 2, 0))[..., None]
    image = backdrop.light * passed * (1 + share * backdrop.grain)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _region_sizes(library, config, number, rng) -> list[int]:
    """Number of cells of each region of a field."""
    sizes = np.array(config.cluster_sizes) / sum(config.cluster_sizes)
    share = config.multi_cell_share
    mean_cells = 1 - share + share * float(np.dot(_CLUSTER_SIZES, sizes))
    area = config.coverage * config.height * config.width
    count = max(1, round(area / (library.typical_area * mean_cells)))
    # Rounded over all fields of the bucket, so that no share is lost field by field.
    multi = round((number + 1) * count * share) - round(number * count * share)
    drawn = rng.choice(_CLUSTER_SIZES, size=multi, p=sizes)
    return [1] * (count - multi) + drawn.tolist()


def _pairs(types, number):
    """Pairs of different types without end; another one is first in each field of a bucket."""
    pairs = list(itertools.combinations(types, 2))
    if not pairs:
        return itertools.repeat(None)
    order = np.random.default_rng(len(pairs)).permutation(len(pairs))
    start = number * _PAIRS_A_FIELD
    return itertools.cycle(pairs[order[(start + k) % len(pairs)]] for k in range(len(pairs)))


def _region(library, config, backdrop, size, pairs, rng) -> clusters.Cluster:
    """A region of `size` joined cells; half of the clusters begin with the next pair of types."""
    for _ in range(_JOINS):
        types = _draw_types(library.like(backdrop), config, size, rng)
        if size > 1 and rng.random() < 0.5:
            pair = next(pairs)
            types[: 2 if pair else 0] = pair or ()
        cells = [library.draw_cell(name, backdrop, rng) for name in types]
        joined = clusters.join(cells, config.overlap_share, rng)
        if len(joined.cells) == size:
            break
    return joined


def _draw_types(cells_of, config, count, rng) -> list[str]:
    numbers = np.array([len(cells) for cells in cells_of.values()], float)
    weights = numbers ** (1 - config.evenness)
    return rng.choice(list(cells_of), size=count, p=weights / weights.sum()).tolist()


def _debris(library, config, placed, backdrop, rng) -> list[PlacedCell]:
    """Debris in the clear parts of the field, as densely as in the source."""
    if not (config.debris and library.debris):
        return []
    shape = placed.clear.shape
    pieces = []
    for _ in range(rng.poisson(library.debris_per_pixel * np.count_nonzero(~placed.mask))):
        piece = library.draw_debris(backdrop, rng)
        top = int(rng.integers(0, max(1, shape[0] - piece.mask.shape[0])))
        left = int(rng.integers(0, max(1, shape[1] - piece.mask.shape[1])))
        in_frame, in_canvas = shared_windows(top, left, piece.mask.shape, shape)
        if placed.clear[in_frame][piece.mask[in_canvas]].all():
            pieces.append(PlacedCell(piece, top, left))
    return pieces
