"""Regions of one or several cells from a mask of cell pixels (paper: ground-truth boxes)."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from rbc_tf import image_io
from rbc_tf.data import cell_count
from rbc_tf.types import Cell, Region, Sample


@dataclasses.dataclass(frozen=True)
class RegionConfig:
    """How regions are found.

    Attributes:
        connectivity: 8 (pixels touching at a corner are one region) or 4.
        min_area: smaller regions, in pixels, are dropped as dirt.
    """

    connectivity: int = 8
    min_area: int = 30

    def __post_init__(self):
        if self.connectivity not in (4, 8):
            raise ValueError(f"`connectivity` must be 4 or 8. Received: {self.connectivity}")
        if self.min_area < 1:
            raise ValueError(f"`min_area` must be at least 1. Received: {self.min_area}")


def label_regions(mask: np.ndarray, config: RegionConfig) -> tuple[np.ndarray, np.ndarray]:
    """Connected components of a mask; the same regions as a breadth-first search finds.

    Args:
        mask: bool [H, W].
        config: connectivity and the smallest area.

    Returns:
        labels int32 [H, W], 0 on background and dropped regions, else 1 + the region's row;
        stats int32 [N, 5], (ymin, xmin, ymax, xmax, area) of each region, in the order in which
        a scan row by row first meets them.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=config.connectivity
    )
    left, top, width, height, area = stats[1:count].T
    stats = np.stack([top, left, top + height, left + width, area], axis=1)
    first_pixel = _first_pixels(labels, count)
    order = np.argsort(first_pixel, kind="stable")
    order = order[stats[order, 4] >= config.min_area]
    renumber = np.zeros(count, dtype=np.int32)
    renumber[order + 1] = np.arange(1, len(order) + 1)
    return renumber[labels], stats[order]


def find_regions_in_mask(
    mask: np.ndarray, cells: Sequence[Cell] = (), config: RegionConfig = RegionConfig()
) -> tuple[Region, ...]:
    """The regions of a mask, with the labelled cells in each.

    A region's number of cells is estimated from its own shape; where more cells than that are
    labelled in it, their number stands. It is complete when its labelled cells account for all.

    Args:
        mask: bool [H, W].
        cells: labelled cells of the image; one that lies on no region is passed over.
        config: connectivity and the smallest area.
    """
    labels, stats = label_regions(mask, config)
    height, width = mask.shape
    types = [[] for _ in stats]
    for cell in cells:
        row = labels[int(cell.y), int(cell.x)] - 1
        if row >= 0:
            types[row].append(cell.type)
    estimates = cell_count.estimate(labels, stats)
    regions = []
    for (ymin, xmin, ymax, xmax, area), found, estimate in zip(
        stats.tolist(), types, estimates.tolist(), strict=True
    ):
        regions.append(
            Region(
                box=(ymin, xmin, ymax, xmax),
                types=tuple(sorted(set(found))),
                num_cells=max(estimate, len(found)),
                num_points=len(found),
                complete=len(found) >= estimate,
                touches_border=ymin == 0 or xmin == 0 or ymax == height or xmax == width,
                area=area,
            )
        )
    return tuple(regions)


def find_regions(sample: Sample, config: RegionConfig = RegionConfig()) -> tuple[Region, ...]:
    """The regions of one image of a dataset: those given with it, else those of its mask."""
    if sample.regions is not None:
        return sample.regions
    return find_regions_in_mask(image_io.read_mask(sample.mask_path), sample.cells, config)


def _first_pixels(labels: np.ndarray, count: int) -> np.ndarray:
    """int64 [count - 1], the first flat index at which each label above 0 occurs."""
    flat = labels.ravel()
    # Only where a run of equal labels begins can a label occur for the first time.
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    first = np.full(count, flat.size, dtype=np.int64)
    np.minimum.at(first, flat[starts], starts)
    return first[1:]
