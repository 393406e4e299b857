"""The cells of an image: which ones there are, and where each lies."""

import dataclasses

import cv2
import numpy as np

from rbc_tf.core import cell_types
from rbc_tf.core.types import Cell
from rbc_tf.data.synthetic import clusters
from rbc_tf.data.synthetic.cells import draw_cell
from rbc_tf.data.synthetic.clusters import Cluster
from rbc_tf.data.synthetic.config import SmearConfig
from rbc_tf.data.synthetic.placement import PlacedCell, shared_windows

# A cell cut by the border shows at least this part of itself, uncovered, or is not placed there.
MIN_VISIBLE_SHARE = 0.35

# How often regions of two, three and four cells occur, relative to one another.
_CLUSTER_SIZES = (2, 3, 4)
_CLUSTER_SIZE_SHARES = (0.68, 0.23, 0.09)

# Clear background between regions, relative to a cell's diameter.
_GAP = 0.07

_ATTEMPTS = 300


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Cells placed in an image.

    Attributes:
        placed: the cells, those of a region after one another.
        coverage: uint8 [H, W], how many cells cover each pixel.
        clear: bool [H, W], True where a thing could lie without coming near a cell.
        num_regions: number of connected regions, each of one or several cells.
    """

    placed: tuple[PlacedCell, ...]
    coverage: np.ndarray
    clear: np.ndarray
    num_regions: int

    @property
    def mask(self) -> np.ndarray:
        """bool [H, W], True on cells."""
        return self.coverage > 0

    def cells(self) -> tuple[Cell, ...]:
        """The cells as an expert would label them: a point well inside what is theirs alone."""
        return tuple(self._labelled(placed) for placed in self.placed)

    def _labelled(self, placed: PlacedCell) -> Cell:
        in_frame, in_canvas = placed.windows(self.coverage.shape)
        own = placed.cell.mask[in_canvas] & (self.coverage[in_frame] == 1)
        # With a frame of zeros the border of the image counts as an edge too.
        framed = np.pad(own.astype(np.uint8), 1)
        depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
        y, x = np.unravel_index(np.argmax(depth), depth.shape)
        return Cell(float(x + in_frame[1].start), float(y + in_frame[0].start), placed.cell.type)


def draw_scene(config: SmearConfig, diameter: float, rng: np.random.Generator) -> Scene:
    """Draws the cells of one image; `diameter` is a typical disc's there, in pixels."""
    regions = [
        clusters.join(cells, config.overlap_share, rng)
        for cells in _cells_by_region(config, diameter, rng)
    ]
    return place_regions(regions, diameter, (config.height, config.width), rng)


def place_regions(
    regions: list[Cluster], diameter: float, frame: tuple[int, int], rng: np.random.Generator
) -> Scene:
    """Places regions clear of one another; one for which no place is found is left out.

    Args:
        regions: of cells not yet placed in the field; they are sorted, large ones first.
        diameter: of a typical cell, in pixels; the gaps between regions go by it.
        frame: (height, width) of the field.
    """
    # Large regions first: they would hardly find a place between the others.
    regions.sort(key=lambda region: region.coverage.size, reverse=True)
    gap = max(3, round(_GAP * diameter))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    coverage = np.zeros(frame, dtype=np.uint8)
    taken = np.zeros(frame, dtype=bool)
    placed: list[PlacedCell] = []
    num_regions = 0
    for region in regions:
        place = _free_place(region, taken, rng)
        if place is None:
            continue
        num_regions += 1
        placed += [cell.moved(*place) for cell in region.cells]
        in_frame, in_canvas = shared_windows(*place, region.coverage.shape, frame)
        coverage[in_frame] += region.coverage[in_canvas]
        _stamp(taken, region, place, gap, kernel)
    return Scene(tuple(placed), coverage, ~taken, num_regions)


def _cells_by_region(config, diameter, rng) -> list[list]:
    """Cells not yet placed, in the groups that will be regions."""
    count = _draw_count(config, diameter, rng)
    shares = np.array(config.type_shares) / sum(config.type_shares)
    names = rng.choice(cell_types.PAPER.names, size=count, p=shares)
    cells = [draw_cell(str(name), diameter, rng) for name in names]
    grouped = []
    while cells:
        size = 1
        if rng.random() < config.cluster_share:
            size = int(rng.choice(_CLUSTER_SIZES, p=_CLUSTER_SIZE_SHARES))
        grouped.append(cells[:size])
        cells = cells[size:]
    return grouped


def _draw_count(config, diameter, rng) -> int:
    if not config.num_cells:
        return 0
    drawn = max(1, round(rng.normal(config.num_cells, 0.12 * config.num_cells)))
    disc_area = np.pi / 4 * diameter**2
    most = int(config.max_coverage * config.height * config.width / disc_area)
    return min(drawn, max(1, most))


def _free_place(region, taken, rng) -> tuple[int, int] | None:
    """(top, left) where the region keeps clear of all others, None where none was found."""
    shape = region.coverage.shape
    for _ in range(_ATTEMPTS):
        # The middle of the region lies anywhere in the image, so that the border cuts some.
        top = int(rng.integers(0, taken.shape[0])) - shape[0] // 2
        left = int(rng.integers(0, taken.shape[1])) - shape[1] // 2
        in_frame, in_canvas = shared_windows(top, left, shape, taken.shape)
        seen = region.coverage[in_canvas]
        if np.any(taken[in_frame] & (seen > 0)):
            continue
        if seen.shape == shape or _well_visible(region, top, left, taken.shape):
            return top, left
    return None


def _well_visible(region: Cluster, top: int, left: int, frame: tuple[int, int]) -> bool:
    """Whether a region cut by the border is one piece and shows enough of each of its cells."""
    _, in_canvas = shared_windows(top, left, region.coverage.shape, frame)
    seen = (region.coverage[in_canvas] > 0).astype(np.uint8)
    num_labels, _ = cv2.connectedComponents(seen, connectivity=8)
    if num_labels != 2:  # the background and one piece
        return False
    inside = np.zeros(region.coverage.shape, dtype=bool)
    inside[in_canvas] = True
    for placed in region.cells:
        own_window, _ = placed.windows(region.coverage.shape)
        own = placed.cell.mask & (region.coverage[own_window] == 1) & inside[own_window]
        if np.count_nonzero(own) < MIN_VISIBLE_SHARE * np.count_nonzero(placed.cell.mask):
            return False
    return True


def _stamp(taken, region, place, gap, kernel):
    """Marks the region and the gap about it as taken."""
    wide = cv2.dilate(np.pad((region.coverage > 0).astype(np.uint8), gap), kernel)
    top, left = place[0] - gap, place[1] - gap
    in_frame, in_canvas = shared_windows(top, left, wide.shape, taken.shape)
    taken[in_frame] |= wide[in_canvas].astype(bool)
