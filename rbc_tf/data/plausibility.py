"""What can be read as annotations, and is hardly meant so.

An error is what cannot be meant. A doubt is what is unlikely: it is counted, with the first place
where it was found, and whoever reads it decides.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes, image_io
from rbc_tf.core.types import Cell, Region, Sample

# A region covers the image where each of its sides is this share of the image's.
_SPANS = 0.95
# A box lies in another where this share of it does, and is nearly the same from this overlap on.
_INSIDE, _NEARLY_SAME = 0.9, 0.85
# A region of a mask of this share of the image is rather the background, and from the second share
# on where it reaches from edge to edge: between cells that lie densely there is not half of it.
_MOST_OF_IMAGE, _MUCH_OF_IMAGE = 0.5, 0.2
TURNED = (
    "images have an orientation tag, and are taken as viewers show them: what was marked on the "
    "pixels as they are stored lies elsewhere"
)
# Regions smaller than this share of the median region are counted, where there are some.
_FAR_SMALLER, _FEWEST = 0.01, 5
# An ellipse has 0.785 of its box, a thin sickle across it 0.15. Where the median of all areas is
# below the first of these, those below it are counted; else those below the second.
_USUAL_FILLED, _LEAST_FILLED = 1 / 3, 0.1
# Points as near as this, in pixels, are one cell marked twice.
_SAME_POINT = 1.0
# Of so many boxes one can say what they have in common.
_FEWEST_BOXES = 3
# So many points within the first pixel of their images are shares of the width and height.
_FEWEST_RELATIVE = 3


@dataclasses.dataclass
class _Count:
    first: str
    number: int = 0


class Doubts:
    """Counts what is unlikely, by kind."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, kind: str, where: str, number: int = 1) -> None:
        """Notes something.

        Args:
            kind: what it is, in words that follow a number: 'boxes reach over the edge'.
            where: one place, the first of which is shown.
            number: how many there are.
        """
        if number:
            self._counts.setdefault(kind, _Count(where)).number += number

    def lines(self) -> tuple[str, ...]:
        """One line for each kind, in the order in which they were first met."""
        return tuple(f"{c.number} {kind}; first: {c.first}" for kind, c in self._counts.items())


def check_boxes(
    found: np.ndarray, where: Sequence[str], size: tuple[int, int], doubts: Doubts
) -> None:
    """Notes boxes of one image that are hardly regions of cells.

    Args:
        found: float [N, 4], as they are used.
        where: place of each, for messages.
        size: (height, width) of the image.
        doubts: takes what is unlikely.
    """
    found = boxes.as_boxes(found)
    if not len(found):
        return
    sides = found[:, 2:] - found[:, :2]
    shared, areas = boxes.intersection(found, found), boxes.area(found)
    inside = (shared >= _INSIDE * areas[None, :]) & (areas[:, None] > areas[None, :])
    same = np.triu(boxes.iou(found, found) >= _NEARLY_SAME, 1)
    spans = (sides >= _SPANS * np.array(size)).all(axis=1)
    kinds = {
        "boxes are smaller than 3 pixels a side": (sides < 3).any(axis=1),
        "boxes span the whole image": spans,
        "boxes hold two or more of the others": ~spans & (inside.sum(axis=1) >= 2),
        "boxes are nearly the same as another": same.any(axis=1),
    }
    for kind, rows in kinds.items():
        if rows.any():
            doubts.add(kind, where[int(np.argmax(rows))], int(rows.sum()))


def check_sizes(areas: np.ndarray, where: Sequence[str], doubts: Doubts) -> None:
    """Notes regions far smaller than the median of all, such as clicks that became a box.

    Args:
        areas: [N], of the boxes of all images, in pixels.
        where: place of each.
        doubts: takes what is unlikely.
    """
    if len(areas) < _FEWEST:
        return
    small = np.asarray(areas) < _FAR_SMALLER * np.median(areas)
    if small.any():
        kind = "boxes are smaller than a hundredth of the usual area"
        doubts.add(kind, where[int(np.argmax(small))], int(small.sum()))


def check_areas(found: np.ndarray, areas: np.ndarray, where: Sequence[str], doubts: Doubts) -> None:
    """Notes boxes [x, y, width, height] whose area, which the file gives, is another's.

    Args:
        found: float [N, 4] (ymin, xmin, ymax, xmax), before they are cut at the edges.
        areas: [N], in pixels, of the cells in them; 0 where it is not known.
        where: place of each.
        doubts: takes what is unlikely.
    """
    if not len(found):
        return
    found, areas = np.asarray(found, np.float64), np.asarray(areas, np.float64)
    low, sides = found[:, :2], found[:, 2:] - found[:, :2]
    as_corners = _are_areas_of(areas, sides - low) & ~_are_areas_of(areas, sides)
    if as_corners.sum() >= max(_FEWEST_BOXES, len(areas) / 2):
        kind = (
            "boxes have the area that they have as corners [x, y, x, y], and were read as "
            "[x, y, width, height]"
        )
        doubts.add(kind, where[int(np.argmax(as_corners))], int(as_corners.sum()))
        return
    filled = areas / np.prod(sides, axis=1)
    known = areas > 0
    is_usual = known.sum() >= _FEWEST_BOXES and np.median(filled[known]) < _USUAL_FILLED
    few = known & (filled < (_USUAL_FILLED if is_usual else _LEAST_FILLED))
    if few.any():
        kind = "boxes are far larger than their area, which the file gives"
        doubts.add(kind, where[int(np.argmax(few))], int(few.sum()))


def _are_areas_of(areas: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Whether areas [N] are those of rectangles [N, 2], the last pixel counted in or not."""
    least, most = np.prod(sides, axis=1), np.prod(sides + 1, axis=1)
    return (sides > 0).all(axis=1) & (0.99 * least <= areas) & (areas <= most)


def check_points(cells: Sequence[Cell], where: str, doubts: Doubts) -> None:
    """Notes labelled cells of one image that are marked twice."""
    points = np.array([(cell.y, cell.x) for cell in cells], np.float64).reshape(-1, 2)
    order = np.argsort(points[:, 1], kind="stable")
    points = points[order]
    twice = np.zeros(len(points), bool)
    for step in range(1, len(points)):
        later, earlier = points[step:], points[:-step]
        if (later[:, 1] - earlier[:, 1] > _SAME_POINT).all():
            break
        twice[step:] |= np.hypot(*(later - earlier).T) <= _SAME_POINT
    doubts.add("labelled cells are marked twice, at nearly the same point", where, int(twice.sum()))


def relative_points(cells: Sequence[Cell]) -> bool:
    """Whether all labelled cells of all images are given as shares of width and height."""
    return len(cells) >= _FEWEST_RELATIVE and all(0 <= c.x <= 1 and 0 <= c.y <= 1 for c in cells)


def relative_boxes(found: np.ndarray) -> bool:
    """Whether all boxes [N, 4] of all images are given as shares of width and height."""
    return len(found) > 0 and bool((boxes.as_boxes(found) <= 1).all())


def corners_for_sizes(found: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether boxes read as x, y, width, height are rather written as corners x, y, x, y.

    Args:
        found: float [N, 4] (ymin, xmin, ymax, xmax), before they are cut at the edges.
        sizes: [N, 2] (height, width) of the image of each.

    Returns:
        True where all of three or more could be corners, inside of their images, and some of
        them, read as they are, reach over the edge.
    """
    if len(found) < _FEWEST_BOXES:
        return False
    found, sizes = np.asarray(found, np.float64), np.asarray(sizes)
    low, high = found[:, :2], found[:, 2:] - found[:, :2]
    as_corners = (high > low).all() and (high <= sizes).all()
    return bool(as_corners and (found[:, 2:] > sizes + 2).any())


def is_turned_in_doubt(header: image_io.Header, size_is_known: bool) -> bool:
    """Whether what was marked on an image may have been marked on it as it is stored.

    Args:
        header: of the image, which is taken as viewers show it.
        size_is_known: of what was marked, and was held against the image's.
    """
    return header.is_turned and not (size_is_known and header.size_tells_turning)


class DatasetCheck:
    """Collects over the images of a dataset folder, one after the other.

    `of_boxes` is False where boxes were looked at before, with their places in other files.
    """

    def __init__(self, of_boxes: bool = True) -> None:
        self._of_boxes = of_boxes
        self._doubts = Doubts()
        self._cells: list[Cell] = []
        self._points = self._lost = 0
        self._lost_in = ""
        self._areas: list[float] = []
        self._places: list[str] = []

    def add_header(self, sample: Sample, header: image_io.Header) -> None:
        """Takes what the file of an image says of it; masks were held against its size."""
        if is_turned_in_doubt(header, size_is_known=sample.regions is None):
            self._doubts.add(TURNED, f"image '{sample.name}'")

    def add(self, sample: Sample, size: tuple[int, int], found: Sequence[Region]) -> None:
        """Takes one image.

        Args:
            sample: the image.
            size: (height, width) of it.
            found: its regions, with the number of labelled cells in each.
        """
        where = f"image '{sample.name}'"
        self._cells += sample.cells
        check_points(sample.cells, where, self._doubts)
        if sample.regions is None:
            self._add_mask(sample, where, size, found)
            return
        given = boxes.as_boxes([region.box for region in found])
        places = [f"{where}, box {_shown(box)}" for box in given.tolist()]
        if self._of_boxes:
            check_boxes(given, places, size, self._doubts)
        self._areas += boxes.area(given).tolist()
        self._places += places
        self._doubts.add(
            "labelled cells lie in no box with their type: of an image with boxes, the types of "
            "these count",
            where,
            sum(not _is_in(cell, found) for cell in sample.cells),
        )

    def _add_mask(
        self, sample: Sample, where: str, size: tuple[int, int], found: Sequence[Region]
    ) -> None:
        shares = [
            (region.area / (size[0] * size[1]), region.box == (0, 0, *size)) for region in found
        ]
        if any(share >= _MOST_OF_IMAGE for share, _ in shares):
            kind = "masks have one region of most of the image, as inverted ones have"
            self._doubts.add(kind, where)
        elif any(share >= _MUCH_OF_IMAGE and spans for share, spans in shares):
            kind = "masks have one region from edge to edge of the image, as inverted ones have"
            self._doubts.add(kind, where)
        lost = len(sample.cells) - sum(region.num_points for region in found)
        self._points += len(sample.cells)
        if lost:
            self._lost += lost
            self._lost_in = self._lost_in or where

    def errors(self) -> list[str]:
        """What cannot be meant."""
        if not relative_points(self._cells):
            return []
        return [
            "all labelled cells lie between 0 and 1: x and y must be in pixels, not shares of the "
            "width and height"
        ]

    def doubts(self) -> tuple[str, ...]:
        """What is unlikely, one line for each kind."""
        doubts = self._doubts
        check_sizes(np.array(self._areas), self._places, doubts)
        if self._lost:
            kind = f"of {self._points} labelled cells lie on no region, and count nowhere"
            doubts.add(kind, self._lost_in, self._lost)
        return doubts.lines()


def _is_in(cell: Cell, found: Sequence[Region]) -> bool:
    """Whether a labelled cell lies in a box that has its type."""
    return any(
        cell.type in region.types
        and region.box[0] <= cell.y < region.box[2]
        and region.box[1] <= cell.x < region.box[3]
        for region in found
    )


def _shown(box: Sequence[float]) -> str:
    return f"({', '.join(f'{edge:g}' for edge in box)})"
