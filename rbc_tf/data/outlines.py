"""The connected components of a mask by their outlines: no map of labels is made.

A region has some hundred pixels on its border and thousands inside; all that is asked of it follows
from the former.
"""

import dataclasses

import cv2
import numpy as np

from rbc_tf.data.loops import Loops


@dataclasses.dataclass(frozen=True, eq=False)
class Outlines:
    """Components in the order in which a scan row by row first meets them.

    Attributes:
        mask: bool [H, W], what they are the components of.
        borders: the loop around each.
        boxes: int64 [N, 4], (ymin, xmin, ymax, xmax), max exclusive.
        areas: int64 [N], numbers of pixels.
        first_pixels: int64 [N, 2], the (y, x) that the scan meets first.
    """

    mask: np.ndarray
    borders: Loops
    boxes: np.ndarray
    areas: np.ndarray
    first_pixels: np.ndarray

    def rows_at(self, points: np.ndarray) -> np.ndarray:
        """The component at each of some pixels.

        Args:
            points: int [P, 2], (y, x) inside the mask.

        Returns:
            int64 [P], its row, -1 off the components.
        """
        rows = np.full(len(points), -1, dtype=np.int64)
        on_mask = np.flatnonzero(self.mask[points[:, 0], points[:, 1]])
        if not len(on_mask):
            return rows
        y, x = points[on_mask].astype(np.int32).T[..., None]
        ymin, xmin, ymax, xmax = self.boxes.astype(np.int32).T
        near = (ymin <= y) & (y < ymax) & (xmin <= x) & (x < xmax)
        # A pixel of the mask that lies in one box alone is that component's.
        rows[on_mask] = near.argmax(axis=1)
        several = near.sum(axis=1) > 1
        if not several.any():
            return rows
        polygons = self.borders.polygons()
        places, candidates = np.nonzero(near[several])
        # Where one component lies in a hole of another, both surround the pixel: the inner one,
        # which has it, is met later by the scan and stays.
        for point, row in zip(on_mask[several][places].tolist(), candidates.tolist(), strict=True):
            y, x = points[point].tolist()
            if cv2.pointPolygonTest(polygons[row], (x, y), False) >= 0:
                rows[point] = row
        return rows


def trace(mask: np.ndarray, connectivity: int) -> Outlines:
    """Finds the components of a mask; the same as a breadth-first search finds.

    Args:
        mask: bool [H, W].
        connectivity: 8 (pixels touching at a corner belong together) or 4.
    """
    pixels = np.ascontiguousarray(mask, dtype=bool).view(np.uint8)
    loops = _link_runs(pixels) if connectivity == 8 else _link_runs_4(pixels)
    width = mask.shape[1]
    first = loops.reduce(np.minimum, loops.y * np.int64(width) + loops.x)
    enclosed = loops.enclosed_pixels()
    outer, holes = np.flatnonzero(enclosed > 0), np.flatnonzero(enclosed < 0)
    areas = enclosed.copy()
    np.add.at(areas, _owners_of_holes(loops, holes, mask.shape), enclosed[holes])
    rows = outer[np.argsort(first[outer])]
    ymin, first_x = np.divmod(first[rows], width)
    ymax = loops.reduce(np.maximum, loops.y)[rows] + 1
    xmin = loops.reduce(np.minimum, loops.x)[rows]
    xmax = loops.reduce(np.maximum, loops.x)[rows] + 1
    return Outlines(
        mask=mask,
        borders=loops.only(rows),
        boxes=np.stack([ymin, xmin, ymax, xmax], axis=1),
        areas=areas[rows],
        first_pixels=np.stack([ymin, first_x], axis=1),
    )


def _link_runs(pixels: np.ndarray) -> Loops:
    """Loops around components and holes; OpenCV links over corners, which is connectivity 8."""
    return Loops.join(cv2.findContoursLinkRuns(pixels)[0])


def _link_runs_4(pixels: np.ndarray) -> Loops:
    """As `_link_runs`: each component for itself, as if no other met it at a corner."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=4)
    polygons = []
    for label, (left, top, width, height, _) in enumerate(stats[1:count].tolist(), start=1):
        alone = (labels[top : top + height, left : left + width] == label).view(np.uint8)
        polygons += [
            border + np.array([left, top], np.int32)
            for border in cv2.findContoursLinkRuns(alone)[0]
        ]
    return Loops.join(polygons)


def _owners_of_holes(loops: Loops, holes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """For the loop around each hole, that around the component which the hole is in, int64."""
    owners = np.arange(len(loops))
    if not len(holes):
        return owners[holes]
    height, width = shape
    x, y = np.divmod(loops.reduce(np.minimum, loops.x * np.int64(height) + loops.y)[holes], height)
    # Both ends of all runs in rows where a hole is leftmost, the two of a run one after the other.
    in_rows = np.zeros(height, bool)
    in_rows[y] = True
    ends = np.flatnonzero(in_rows[loops.y])
    scanned = loops.y[ends] * np.int64(width) + loops.x[ends]
    order = np.argsort(scanned)
    runs = np.searchsorted(loops.ends, ends[order], side="right").reshape(-1, 2)
    # The run on the left of the hole there begins on another loop: that around the component, or
    # that of a hole further left.
    run = np.searchsorted(scanned, y * width + x, sorter=order) // 2
    owners[holes] = np.where(runs[run, 0] == holes, runs[run, 1], runs[run, 0])
    while not np.array_equal(further := owners[owners], owners):
        owners = further
    return owners[holes]
