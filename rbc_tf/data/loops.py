"""Borders of regions and of their holes as closed loops through the ends of runs.

A run is a row's stretch of cell pixels. Each of its two ends is on one loop: that around the
region, which runs clockwise, or that around a hole, counter-clockwise. From point to point a loop
stays on one side of runs in neighbouring rows, or it stays in a row and changes sides.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Loops:
    """Several loops, their points one after the other.

    Attributes:
        x, y: int32 [P], pixels. Each loop begins at a left end.
        starts, ends: int64 [L], where each loop begins and ends among the points.
    """

    x: np.ndarray
    y: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def join(cls, polygons: Sequence[np.ndarray]) -> "Loops":
        """From OpenCV's int32 [K, 1, 2] each, (x, y)."""
        if not len(polygons):
            return cls(*np.zeros((2, 0), np.int32), *np.zeros((2, 0), np.int64))
        ends = np.cumsum([len(polygon) for polygon in polygons])
        x, y = np.concatenate(polygons)[:, 0].T.astype(np.int32, order="C")
        return cls(x, y, np.concatenate([[0], ends[:-1]]), ends)

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, rows: np.ndarray) -> "Loops":
        """Some of the loops, int64 [K], in this order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        lengths = (self.ends - self.starts)[rows]
        ends = np.cumsum(lengths)
        starts = ends - lengths
        points = np.arange(lengths.sum()) + np.repeat(self.starts[rows] - starts, lengths)
        return Loops(self.x[points], self.y[points], starts, ends)

    def polygons(self) -> list[np.ndarray]:
        """Of each loop its points as OpenCV takes them, int32 [K, 1, 2], (x, y)."""
        return _polygons(self.x, self.y, self.starts, self.ends)

    def reduce(self, function: np.ufunc, values: np.ndarray) -> np.ndarray:
        """What the function makes of each loop's part of `values` [P], int64 [L]."""
        if not len(self):
            return np.zeros(0, np.int64)
        return function.reduceat(values, self.starts, dtype=np.int64)

    def enclosed_pixels(self) -> np.ndarray:
        """int64 [L], how many pixels a region has with its holes; of a hole, less than 0."""
        # Runs hold right - left + 1 pixels; in a row a hole lies between a right end and a left.
        lengths = np.where(self._at_right_ends, self.x, -self.x)
        return self.reduce(np.add, lengths) + (self.ends - self.starts) // 2

    def polygon_areas(self) -> np.ndarray:
        """float64 [L], what the border of a region encloses from pixel centre to pixel centre."""
        steps = self.reduce(np.add, np.maximum(*map(np.abs, self._moves)))
        return self.enclosed_pixels() - steps / 2 - 1  # Pick's theorem

    def polygons_with_corners(self) -> list[np.ndarray]:
        """As `polygons`, from pixel to neighbouring pixel or straight along a row.

        Where the ends in neighbouring rows are more than a pixel apart, or the loop crosses a gap
        between two runs of a row, the border takes the row in which the region has pixels there.
        """
        along_x, along_y = self._moves
        side = np.sign(along_x)
        over_gap = self._at_right_ends == (side > 0)
        rows = np.flatnonzero((np.abs(along_x) > 1) & ((along_y != 0) | over_gap))
        x, y, side, along_x, along_y = (
            values[rows] for values in (self.x, self.y, side, along_x, along_y)
        )
        counts = np.ones(len(self.x), np.int64)
        counts[rows] = 3
        more_x, more_y = np.repeat(self.x, counts), np.repeat(self.y, counts)
        places = rows + 2 * np.arange(len(rows)) + 1
        more_x[places], more_x[places + 1] = x + side, x + along_x - side
        # The region is on the right of who walks along its border.
        more_y[places] = more_y[places + 1] = np.where(side == -along_y, y, y + side)
        starts, ends = (at + 2 * np.searchsorted(rows, at) for at in (self.starts, self.ends))
        return _polygons(more_x, more_y, starts, ends)

    def hull_candidates(self) -> list[np.ndarray]:
        """As `polygons`, of regions, only with points that can be corners of their convex hulls.

        Between its neighbours in the rows above and below, such a point stands out.
        """
        along_x, along_y = self._moves
        stays = along_y == 0
        from_x, stayed = np.roll(along_x, 1), np.roll(stays, 1)
        from_x[self.starts], stayed[self.starts] = along_x[self.ends - 1], stays[self.ends - 1]
        kept = np.flatnonzero(((from_x - along_x) * along_y > 0) | stays | stayed)
        starts, ends = (np.searchsorted(kept, at) for at in (self.starts, self.ends))
        return _polygons(self.x[kept], self.y[kept], starts, ends)

    @functools.cached_property
    def _moves(self) -> tuple[np.ndarray, np.ndarray]:
        """int32 [P] along x and y, from each point to the next of its loop."""
        along_x, along_y = (np.roll(values, -1) - values for values in (self.x, self.y))
        last = self.ends - 1
        along_x[last] = self.x[self.starts] - self.x[last]
        along_y[last] = self.y[self.starts] - self.y[last]
        return along_x, along_y

    @functools.cached_property
    def _at_right_ends(self) -> np.ndarray:
        """bool [P], which points are right ends of runs; each loop begins at a left one."""
        changes = np.flatnonzero(self._moves[1] == 0)
        lengths = np.diff(changes, prepend=-1, append=len(self.x) - 1)
        return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def _polygons(
    x: np.ndarray, y: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> list[np.ndarray]:
    points = np.stack([x, y], axis=1)[:, None]
    bounds = zip(starts.tolist(), ends.tolist(), strict=True)
    return [points[start:end] for start, end in bounds]
