"""Run-length masks, in which COCO writes the outline of some annotations.

`size` is [height, width] and `counts` the lengths of runs, of background first, down one column
after the other: a list, or text that packs it. They are read here, within bounds: pycocotools
trusts them, and ends the process, or reads beyond them, where they are wrong.
"""

from typing import Any

import cv2
import numpy as np

from rbc_tf.core.image_io import MAX_PIXELS
from rbc_tf.data.formats import values
from rbc_tf.data.formats.parts import Extent

# Of the packed text: each letter has five bits of a number, its sign, and whether more follow.
_FIRST_LETTER, _BITS, _SIGN, _MORE = 48, 5, 0x10, 0x20
_MOST_BITS = 40


def parts(segmentation: dict, size: tuple[int | None, int | None]) -> list[Extent]:
    """(ymin, xmin, ymax, xmax) of each connected part of a mask; [] where it is empty.

    Args:
        segmentation: as the file has it.
        size: (height, width) of the image, None where the file does not say.

    Raises:
        ValueError: it is no run-length mask, or one of an image of another size.
    """
    sides = [values.whole(v, "size") for v in values.sequence(segmentation.get("size"), "size")]
    if len(sides) != 2 or min(sides) < 1 or sides[0] * sides[1] > MAX_PIXELS:
        raise ValueError(
            "the size of the segmentation must be [height, width], each from 1, and at most "
            f"{MAX_PIXELS:,} pixels. Received: {values.short(segmentation['size'])}"
        )
    if None not in size and sides != list(size):
        raise ValueError(
            f"the size of the segmentation must be that of its image, {list(size)} (height, "
            f"width). Received: {sides}"
        )
    counts = _counts(segmentation.get("counts"))
    height, width = sides
    if sum(counts) != height * width or min(counts) < 0:
        raise ValueError(
            f"the counts of the segmentation must be 0 or more, and {height} * {width} pixels "
            f"together. Received: {len(counts)} counts of {sum(counts):,} pixels together"
        )
    return _parts(np.array(counts, np.int64), height)


def _counts(counts: Any) -> list[int]:
    if isinstance(counts, str):
        return _unpacked(counts)
    return [values.whole(count, "counts") for count in values.sequence(counts, "counts")]


def _unpacked(text: str) -> list[int]:
    """The counts in packed text; from the fourth on they are given as differences."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - _FIRST_LETTER
        if not 0 <= bits < 2 * _MORE or shift > _MOST_BITS:
            raise ValueError(
                "the counts of the segmentation must be packed runs. Received: "
                f"{values.short(text)}"
            )
        value |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if not bits & _MORE:
            value -= (1 << shift) if bits & _SIGN else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the counts of the segmentation must be whole. Received: a text cut off")
    return counts


def _parts(counts: np.ndarray, height: int) -> list[Extent]:
    edges = np.concatenate([[0], np.cumsum(counts)])
    starts, ends = edges[1:-1:2], edges[2::2]
    starts, ends = starts[starts < ends], ends[starts < ends]
    if not len(starts):
        return []
    # Only the columns with something in them: there are many masks of one image.
    first, last = starts[0] // height, (ends[-1] - 1) // height
    steps = np.zeros((last - first + 1) * height + 1, np.int8)
    np.add.at(steps, starts - first * height, 1)
    np.add.at(steps, ends - first * height, -1)
    columns = np.cumsum(steps[:-1], dtype=np.int8).astype(np.uint8).reshape(-1, height)
    _, _, stats, _ = cv2.connectedComponentsWithStats(columns, connectivity=8)
    # A column is a row here: x and y change places.
    return [
        (float(y), float(x + first), float(y + h), float(x + w + first))
        for y, x, h, w in stats[1:, :4].tolist()
    ]
