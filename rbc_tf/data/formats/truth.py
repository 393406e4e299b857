"""What is marked in an image becomes its true regions and cells."""

import numpy as np

from rbc_tf.core.cell_types import OTHER
from rbc_tf.core.types import Cell, Region
from rbc_tf.data import plausibility
from rbc_tf.data.formats.marked import MarkedImage, MarkedRegion
from rbc_tf.data.formats.type_names import TypeNames
from rbc_tf.data.plausibility import Doubts

Box = tuple[float, float, float, float]

# In pixels, by which edges may lie outside of their image: tools count from 0 or 1, and round.
_ROUNDING = 2


def regions(
    image: MarkedImage,
    size: tuple[int, int],
    names: TypeNames,
    complete: bool,
    problems: list[str],
    doubts: Doubts,
) -> list[Region]:
    """The regions of an image, in the order of the file.

    Boxes are cut at the edges of the image. Several marks with one and the same box are one region
    with all their types: formats with one type per box write it so. A region whose number of cells
    is not given holds as many as it has types, one at least; it never holds fewer.

    Args:
        image: what is marked.
        size: (height, width) of the image.
        names: translates the names of types.
        complete: whether a region with types counts as labelled throughout where the file does not
            say; one without types never does.
        problems: takes one line for each box outside the image, or of less than a pixel.
        doubts: takes what is unlikely.
    """
    merged: dict[Box, list[MarkedRegion]] = {}
    for region in image.regions:
        if names.is_ignored(region.types):
            continue
        box = _cut(region.box, size)
        if box is None:
            edges = ", ".join(f"{edge:g}" for edge in region.box)
            problems.append(
                f"{region.where}: the box must lie in the image of {size[1]} x {size[0]}, "
                "with sides of one pixel or more. "
                f"Received: ({edges}) (ymin, xmin, ymax, xmax)"
            )
            continue
        if min(box[2] - box[0], box[3] - box[1]) < 1:
            problems.append(f"{region.where}: a box must have sides of one pixel or more")
            continue
        if max(abs(ours - given) for ours, given in zip(box, region.box, strict=True)) > _ROUNDING:
            doubts.add("boxes reach over the edge of their image and are cut there", region.where)
        if any(_is_same(region, other) for other in merged.get(box, [])):
            doubts.add(
                "boxes are given twice with the same type, and are taken for one", region.where
            )
        merged.setdefault(box, []).append(region)
    where = [same[0].where for same in merged.values()]
    plausibility.check_boxes(np.array(list(merged)).reshape(-1, 4), where, size, doubts)
    return [_merge(box, same, names, complete) for box, same in merged.items()]


def _is_same(region: MarkedRegion, other: MarkedRegion) -> bool:
    """Whether two marks of one box do not each say a type of it."""
    return region.types == other.types or bool(set(region.types) & set(other.types))


def _merge(box: Box, marks: list[MarkedRegion], names: TypeNames, complete: bool) -> Region:
    types = {name for mark in marks for name in names.translate(mark.types, mark.where)}
    counts = [mark.num_cells for mark in marks if mark.num_cells is not None]
    given = [mark.complete for mark in marks if mark.complete is not None]
    return Region(
        box=box,
        types=tuple(sorted(types)),
        num_cells=max(1, len(types), *counts),
        complete=all(given) if given else complete and bool(types),
    )


def cells(
    image: MarkedImage, size: tuple[int, int], names: TypeNames, problems: list[str]
) -> list[Cell]:
    """The cells of an image; one whose type is not given is of type 'other'.

    `problems` takes one line for each point outside the image.
    """
    found = []
    for cell in image.cells:
        kind = (cell.type,) if cell.type else ()
        if names.is_ignored(kind):
            continue
        if not (0 <= cell.x < size[1] and 0 <= cell.y < size[0]):
            problems.append(
                f"{cell.where}: the point must lie in the image of {size[1]} x {size[0]}. "
                f"Received: x {cell.x:g}, y {cell.y:g}"
            )
            continue
        translated = names.translate(kind, cell.where)
        found.append(Cell(cell.x, cell.y, translated[0] if translated else OTHER))
    return found


def _cut(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box in an image of (height, width), None where it is less than a pixel."""
    ymin, xmin = max(box[0], 0), max(box[1], 0)
    ymax, xmax = min(box[2], size[0]), min(box[3], size[1])
    return (ymin, xmin, ymax, xmax) if ymax - ymin >= 1 and xmax - xmin >= 1 else None
