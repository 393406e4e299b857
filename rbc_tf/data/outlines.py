"""The connected components of a mask by their outlines: no map of labels is made.

A region has some hundred pixels on its border and thousands inside; all that is asked of it follows
from the former.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

# What is asked of OpenCV: outer borders with their holes, by the pixels at which they turn.
BORDERS = (cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)


@dataclasses.dataclass(frozen=True, eq=False)
class Outlines:
    """Components in the order in which a scan row by row first meets them.

    Attributes:
        mask: bool [H, W], what they are the components of.
        polygons: of each its outer border: int32 [K, 1, 2], the (x, y) of pixels at which it turns.
        boxes: int64 [N, 4], (ymin, xmin, ymax, xmax), max exclusive.
        areas: int64 [N], numbers of pixels.
        first_pixels: int64 [N, 2], the (y, x) that the scan meets first.
    """

    mask: np.ndarray
    polygons: tuple[np.ndarray, ...]
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
        places, candidates = np.nonzero(near[several])
        # Where one component lies in a hole of another, both surround the pixel: the inner one,
        # which has it, is met later by the scan and stays.
        for point, row in zip(on_mask[several][places].tolist(), candidates.tolist(), strict=True):
            y, x = points[point].tolist()
            if cv2.pointPolygonTest(self.polygons[row], (x, y), False) >= 0:
                rows[point] = row
        return rows


def trace(mask: np.ndarray, connectivity: int) -> Outlines:
    """Finds the components of a mask; the same as a breadth-first search finds.

    Args:
        mask: bool [H, W].
        connectivity: 8 (pixels touching at a corner belong together) or 4.
    """
    pixels = np.ascontiguousarray(mask, dtype=bool).view(np.uint8)
    polygons, areas = _trace_8(pixels) if connectivity == 8 else _trace_4(pixels)
    if not polygons:
        empty = np.zeros((0, 4), np.int64)
        return Outlines(mask, (), empty, empty[:, 0], empty[:, :2])
    x, y, starts, _ = _joined(polygons)
    width = mask.shape[1]
    scanned = y * width + x
    first = np.minimum.reduceat(scanned, starts)
    last = np.maximum.reduceat(scanned, starts)
    left, right = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)
    boxes = np.stack([first // width, left, last // width + 1, right + 1], axis=1)
    order = np.argsort(first)
    return Outlines(
        mask=mask,
        polygons=tuple([polygons[row] for row in order.tolist()]),
        boxes=boxes[order],
        areas=areas[order],
        first_pixels=np.stack(np.divmod(first[order], width), axis=1),
    )


def _trace_8(pixels: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """Polygons and areas; OpenCV follows borders over corners, which is this connectivity."""
    borders, hierarchy = cv2.findContours(pixels, *BORDERS)
    if not borders:
        return (), np.zeros(0, np.int64)
    owners = hierarchy.reshape(-1, 4)[:, 3]  # of holes; -1 on outer borders
    outer, holes = np.flatnonzero(owners < 0), np.flatnonzero(owners >= 0)
    twice, steps = _twice_enclosed(borders)
    # Pick's theorem: a border holds area + steps / 2 + 1 pixels, its own counted. The border of a
    # hole belongs to the component and not to the hole.
    areas = (twice + steps) // 2 + 1
    np.subtract.at(areas, owners[holes], areas[holes] - steps[holes])
    return [borders[row] for row in outer.tolist()], areas[outer]


def _trace_4(pixels: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """As `_trace_8`: each component is traced for itself, as if no other met it at a corner."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=4)
    polygons = []
    for label, (left, top, width, height, _) in enumerate(stats[1:count].tolist(), start=1):
        alone = (labels[top : top + height, left : left + width] == label).view(np.uint8)
        borders, _ = cv2.findContours(
            alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top)
        )
        polygons.append(borders[0])
    return polygons, stats[1:count, 4].astype(np.int64)


def _twice_enclosed(borders: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Twice the area that each border encloses, and its number of steps from pixel to pixel."""
    x, y, starts, ends = _joined(borders)
    following = np.arange(1, len(x) + 1)
    following[ends - 1] = starts
    next_x, next_y = x[following], y[following]
    steps = np.maximum(np.abs(next_x - x), np.abs(next_y - y))
    doubled = np.add.reduceat(x * next_y - next_x * y, starts)
    return np.abs(doubled), np.add.reduceat(steps, starts)


def _joined(polygons: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """int64 x and y of the points of all polygons, one after the other; where each begins, ends."""
    ends = np.cumsum([len(polygon) for polygon in polygons])
    x, y = np.concatenate(polygons)[:, 0].T.astype(np.int64, order="C")
    return x, y, np.concatenate([[0], ends[:-1]]), ends
