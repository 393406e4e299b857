"""Regions of one or several cells from a mask of cell pixels (paper: ground-truth boxes)."""

import dataclasses
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from rbc_tf.core import cell_numbers, image_io
from rbc_tf.core.types import Cell, Region, Sample
from rbc_tf.data import cell_count, outlines

# An image counts as labelled nearly throughout from so many labelled cells, and so many per region.
_FEWEST_CELLS = 20
_FEWEST_CELLS_PER_REGION = 0.9


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
    """Connected components of a mask as a map; the same as a breadth-first search finds.

    Where a map is not needed, `outlines.trace` is several times as fast.

    Args:
        mask: bool [H, W].
        config: connectivity and the smallest area.

    Returns:
        labels int32 [H, W], 0 on background and dropped regions, else 1 + the region's row;
        stats int32 [N, 5], (ymin, xmin, ymax, xmax, area) of each region, in the order in which
        a scan row by row first meets them.
    """
    found = outlines.trace(mask, config.connectivity)
    kept = found.areas >= config.min_area
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=config.connectivity)
    y, x = found.first_pixels[kept].T
    renumber = np.zeros(count, dtype=np.int32)
    renumber[labels[y, x]] = np.arange(1, len(y) + 1)
    stats = np.concatenate([found.boxes, found.areas[:, None]], axis=1)[kept]
    return renumber[labels], stats.astype(np.int32)


def find_regions_in_mask(
    mask: np.ndarray,
    cells: Sequence[Cell] = (),
    config: RegionConfig = RegionConfig(),
    fully_labelled: bool = False,
    numbers: np.ndarray | None = None,
) -> tuple[Region, ...]:
    """The regions of a mask, with the labelled cells in each.

    A region's number of cells is estimated from its own shape; where more cells than that are
    labelled in it, their number stands. It is complete when its labelled cells account for all.

    Args:
        mask: bool [H, W].
        cells: labelled cells of the image; one that lies on no region is passed over.
        config: connectivity and the smallest area.
        fully_labelled: each cell of the image is labelled, so that a region with labelled cells
            holds these and no other, whatever its shape.
        numbers: int32 [H, W], the number of the cell at each pixel of the mask, where it has them:
            a region then holds the cells that are in it, whatever its shape.
    """
    found = outlines.trace(mask, config.connectivity)
    rows = np.flatnonzero(found.areas >= config.min_area)
    types = _types_by_row(found, cells)
    if numbers is None:
        estimates = cell_count.estimate(found.borders.only(rows), found.areas[rows])
    else:
        of_pixels, _ = label_regions(mask, config)
        counted = cell_numbers.count_in_regions(numbers, of_pixels, len(rows))
        estimates = np.maximum(counted, 1)
    height, width = mask.shape
    regions = []
    for row, box, area, estimate in zip(
        rows.tolist(),
        found.boxes[rows].tolist(),
        found.areas[rows].tolist(),
        estimates.tolist(),
        strict=True,
    ):
        ymin, xmin, ymax, xmax = box
        labelled = types[row]
        if fully_labelled and labelled:
            estimate = len(labelled)
        regions.append(
            Region(
                box=tuple(box),
                types=tuple(sorted(set(labelled))),
                num_cells=max(estimate, len(labelled)),
                num_points=len(labelled),
                complete=len(labelled) >= estimate,
                touches_border=ymin == 0 or xmin == 0 or ymax == height or xmax == width,
                area=area,
            )
        )
    return tuple(regions)


def find_regions(sample: Sample, config: RegionConfig = RegionConfig()) -> tuple[Region, ...]:
    """The regions of one image of a dataset: those given with it, else those of its mask."""
    if sample.regions is not None:
        return sample.regions
    mask, numbers = read_numbered_mask(sample)
    return find_regions_in_mask(mask, sample.cells, config, sample.fully_labelled, numbers)


def read_mask(sample: Sample) -> np.ndarray:
    """The mask of an image, as `image_io.read_mask` reads it.

    Raises:
        ValueError: the image has none, since its regions are given.
    """
    return read_numbered_mask(sample)[0]


def read_numbered_mask(sample: Sample) -> tuple[np.ndarray, np.ndarray | None]:
    """The mask of an image and the numbers of its cells (`image_io.read_numbered_mask`).

    Raises:
        ValueError: the image has none, since its regions are given.
    """
    if sample.mask_path is None:
        raise ValueError(f"image '{sample.name}' must have a mask. Received: none")
    return image_io.read_numbered_mask(sample.mask_path)


def _types_by_row(found: outlines.Outlines, cells: Sequence[Cell]) -> list[list[str]]:
    """The types of the cells in each component, in the cells' order."""
    types: list[list[str]] = [[] for _ in found.areas]
    points = np.array([(int(cell.y), int(cell.x)) for cell in cells], dtype=np.int64)
    for cell, row in zip(cells, found.rows_at(points.reshape(-1, 2)).tolist(), strict=True):
        if row >= 0:
            types[row].append(cell.type)
    return types


def count_agreement(
    samples: Iterable[Sample], config: RegionConfig = RegionConfig()
) -> tuple[int, int]:
    """Compares estimated with labelled numbers of cells.

    Only images labelled nearly throughout are looked at, and of them the labelled regions that the
    image's edge does not cut: there the labels are the truth.

    Returns:
        (regions where both numbers agree, regions looked at).
    """
    agreed, total = 0, 0
    for sample in samples:
        if sample.regions is not None or len(sample.cells) < _FEWEST_CELLS:
            continue
        mask = read_mask(sample)
        # Without cells, by the shape alone.
        estimated = find_regions_in_mask(mask, config=config)
        labelled = find_regions_in_mask(mask, sample.cells, config)
        if len(sample.cells) < _FEWEST_CELLS_PER_REGION * len(labelled):
            continue
        for without_cells, region in zip(estimated, labelled, strict=True):
            if region.num_points and not region.touches_border:
                agreed += without_cells.num_cells == region.num_points
                total += 1
    return agreed, total
