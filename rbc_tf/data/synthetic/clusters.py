"""Clusters: cells that touch or overlap, connected for certain, each still to be recognised."""

import dataclasses

import numpy as np

from rbc_tf.data.synthetic.cells import DrawnCell
from rbc_tf.data.synthetic.placement import PlacedCell, shared_windows

# The part of a cell that no other cell may cover, so that a person can still recognise its type.
MIN_OWN_SHARE = 0.5
_ATTEMPTS = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Cluster:
    """One or several connected cells.

    Attributes:
        cells: placed relative to the top left pixel of `coverage`.
        coverage: uint8 [h, w], how many cells cover each pixel.
    """

    cells: tuple[PlacedCell, ...]
    coverage: np.ndarray

    @classmethod
    def of(cls, cells: list[PlacedCell]) -> "Cluster":
        top = min(placed.top for placed in cells)
        left = min(placed.left for placed in cells)
        bottom = max(placed.top + placed.cell.mask.shape[0] for placed in cells)
        right = max(placed.left + placed.cell.mask.shape[1] for placed in cells)
        coverage = np.zeros((bottom - top, right - left), dtype=np.uint8)
        moved = tuple(placed.moved(-top, -left) for placed in cells)
        for placed in moved:
            in_frame, _ = placed.windows(coverage.shape)
            coverage[in_frame] += placed.cell.mask
        return cls(moved, coverage)

    def own_share(self, placed: PlacedCell) -> float:
        """The part of a cell's pixels that no other cell covers."""
        in_frame, _ = placed.windows(self.coverage.shape)
        own = placed.cell.mask & (self.coverage[in_frame] == 1)
        return np.count_nonzero(own) / np.count_nonzero(placed.cell.mask)


def join(cells: list[DrawnCell], overlap_share: float, rng: np.random.Generator) -> Cluster:
    """Joins cells one after another; each touches, or with `overlap_share` overlaps, the others.

    A cell for which no place is found (rare) is left out.
    """
    cluster = Cluster.of([PlacedCell(cells[0], 0, 0)])
    for cell in cells[1:]:
        for _ in range(_ATTEMPTS):
            joined = _joined(cluster, cell, rng.random() < overlap_share, rng)
            if joined is not None:
                cluster = joined
                break
    return cluster


def _joined(cluster, cell, overlapping, rng) -> Cluster | None:
    """The cluster with `cell` pushed against it from a random side, None where it fails."""
    anchor = cluster.cells[rng.integers(len(cluster.cells))]
    anchor_height, anchor_width = anchor.cell.mask.shape
    height, width = cell.mask.shape
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)])
    start = np.array(
        [anchor.top + (anchor_height - height) / 2, anchor.left + (anchor_width - width) / 2]
    )
    far = 0.5 * (np.hypot(anchor_height, anchor_width) + np.hypot(height, width))
    reach = _contact(cluster, cell, start, direction, far)
    if reach is None:
        return None
    size = np.sqrt(np.count_nonzero(cell.mask))
    deeper = size * rng.uniform(0.10, 0.42) if overlapping else rng.uniform(0, 2)
    top, left = _place(start, direction, max(reach - deeper, 0.0))
    # Pushed deeper, a cell may have passed through a thin one and lie free on its other side.
    if not _common_pixels(cluster.coverage, cell.mask, top, left):
        return None
    joined = Cluster.of([*cluster.cells, PlacedCell(cell, top, left)])
    distinct = all(joined.own_share(placed) >= MIN_OWN_SHARE for placed in joined.cells)
    return joined if distinct else None


def _place(start, direction, reach) -> tuple[int, int]:
    top, left = np.rint(start + reach * direction)
    return int(top), int(left)


def _contact(cluster, cell, start, direction, far) -> float | None:
    """How far from `start` along `direction` the cell first meets the cluster, coming from afar."""
    for reach in np.arange(far, 0.0, -1.0):
        if _common_pixels(cluster.coverage, cell.mask, *_place(start, direction, reach)):
            return float(reach)
    return None


def _common_pixels(coverage, mask, top, left) -> bool:
    in_frame, in_canvas = shared_windows(top, left, mask.shape, coverage.shape)
    return bool(np.any(mask[in_canvas] & (coverage[in_frame] > 0)))
