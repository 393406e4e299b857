"""Label images: masks in which the pixels of each cell have its number, as cellpose and StarDist.

They tell how many cells a region holds, where a mask of two values leaves it to the shape.
"""

import cv2
import numpy as np
from scipy import ndimage

# Numbers count from 1; some may be missing, as where cells were deleted by hand.
_HIGHEST_PER_CELL, _HIGHEST = 4, 16

# Of a cell's pixels this share is connected, of this share of the cells; grey edges are scattered.
_CONNECTED, _MOST = 0.9, 0.9
_FEWEST_PIXELS = 9  # of the median cell


def are_numbers(values: np.ndarray) -> bool:
    """Whether whole numbers [H, W], 0 on background, number two cells or more.

    Not so are the grey edges of a blurred mask, and a few classes of pixels.
    """
    found = np.unique(values)
    count = len(found) - (found[0] == 0)
    if count < 2 or found[0] < 0 or found[-1] > _HIGHEST_PER_CELL * count + _HIGHEST:
        return False
    cells = [_connected(values[at] == n + 1) for n, at in enumerate(_places(values)) if at]
    sizes, largest = np.array(cells).T
    together = largest >= _CONNECTED * sizes
    return bool(together.mean() >= _MOST and np.median(sizes) >= _FEWEST_PIXELS)


def _places(values: np.ndarray) -> list:
    return ndimage.find_objects(values.astype(np.int32))


def _connected(cell: np.ndarray) -> tuple[int, int]:
    """The number of pixels of a cell, and of its largest connected part."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(cell.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int(areas.sum()), int(areas.max())


def count_in_regions(numbers: np.ndarray, regions: np.ndarray, num_regions: int) -> np.ndarray:
    """How many cells each region holds; a cell belongs where most of its pixels lie.

    Args:
        numbers: int [H, W], the cell's number at each pixel, 0 on background.
        regions: int [H, W], 1 + the region's row at each pixel, 0 elsewhere.
        num_regions: the number of regions, N.

    Returns:
        int32 [N].
    """
    inside = (numbers > 0) & (regions > 0)
    pairs, pixels = np.unique(
        numbers[inside].astype(np.int64) * (num_regions + 1) + regions[inside], return_counts=True
    )
    cells, rows = np.divmod(pairs, num_regions + 1)
    order = np.lexsort((-pixels, cells))
    first = np.unique(cells[order], return_index=True)[1]
    return np.bincount(rows[order][first] - 1, minlength=num_regions).astype(np.int32)
