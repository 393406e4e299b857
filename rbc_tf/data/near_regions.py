"""Regions of cells that nearly touch: cells nearer than a distance are one region.

Whether two near cells make one region depends on a few pixels of a threshold's mask. A chosen
distance makes it a choice, and makes regions of several cells, and of several types, less rare.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from rbc_tf.core.types import Cell, Region
from rbc_tf.data import regions
from rbc_tf.data.regions import RegionConfig


def find_near_regions(
    mask: np.ndarray,
    cells: Sequence[Cell],
    distance: int,
    config: RegionConfig = RegionConfig(),
) -> tuple[Region, ...]:
    """The regions of a mask, those with gaps of at most `distance` pixels between them joined.

    Cells are counted in each connected region by itself, as `find_regions_in_mask` does; a joined
    region holds the cells and types of all, is complete where all are, and its box is the union.

    Args:
        mask: bool [H, W].
        cells: labelled cells of the image.
        distance: pixels of background between two regions, at most; 0 joins none.
        config: connectivity and the smallest area.
    """
    found = regions.find_regions_in_mask(mask, cells, config)
    if distance == 0 or len(found) < 2:
        return found
    labels, _ = regions.label_regions(mask, config)
    # Doubled, so that half of an odd distance is a whole number of pixels.
    background = (np.kron(labels == 0, np.ones((2, 2))) > 0).astype(np.uint8)
    near = cv2.distanceTransform(background, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= distance
    _, joined = cv2.connectedComponents(near.astype(np.uint8), connectivity=8)
    joined = joined[::2, ::2]
    parts: dict[int, list[Region]] = {}
    # Both are in the order in which a scan first meets them.
    _, first = np.unique(labels, return_index=True)
    for row, region in enumerate(found, start=1):
        pixel = first[row] if labels.min() == 0 else first[row - 1]
        parts.setdefault(int(joined.ravel()[pixel]), []).append(region)
    return tuple(_union(of_one) for of_one in parts.values())


def _union(parts: list[Region]) -> Region:
    edges = np.array([part.box for part in parts])
    lows, highs = edges[:, :2].min(axis=0).tolist(), edges[:, 2:].max(axis=0).tolist()
    return Region(
        box=(*lows, *highs),
        types=tuple(sorted({name for part in parts for name in part.types})),
        num_cells=sum(part.num_cells for part in parts),
        num_points=sum(part.num_points for part in parts),
        complete=all(part.complete for part in parts),
        touches_border=any(part.touches_border for part in parts),
        area=sum(part.area for part in parts),
    )
