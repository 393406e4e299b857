"""Whether labelled cells lie in detected regions: for images with a box for each cell.

Such boxes are no regions: touching cells have one each, where a detection holds them all. So what
is asked for is not IoU, but how much of a cell's box lies in one detection; and beside that, how
many cells have a detection to themselves, as IoU tells.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.score import Score
from rbc_tf.metrics.image_shares import ImageShares

# A cell counts as inside where a detection holds at least this share of its box.
INSIDE = 0.5
# And has it to itself where their IoU is at least this.
ALONE = 0.5


def share_inside(cells: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """float [M], the largest share of each cell's box [M, 4] that lies in one region of [N, 4]."""
    cells, regions = boxes.as_boxes(cells), boxes.as_boxes(regions)
    if not len(cells) or not len(regions):
        return np.zeros(len(cells))
    return (boxes.intersection(cells, regions) / boxes.area(cells)[:, None]).max(axis=1)


def score_coverage(
    cells: Sequence[Mapping[str, np.ndarray]], regions: Sequence[np.ndarray]
) -> list[Score]:
    """Scores of the regions detected in images.

    Args:
        cells: per image, boxes [M, 4] of its labelled cells by label.
        regions: per image, boxes [N, 4] of its detected regions.

    Returns:
        The number of images and of regions; 'regions_without_cells', the share of regions in which
        no labelled cell lies: false ones, pieces of cells, and cells that nobody labelled; and of
        each label 'cells_inside', the share of its cells that lie in a region, and 'cells_alone',
        that of cells which have a region to themselves. Intervals are those between images.
    """
    labels = sorted({label for image in cells for label in image})
    shares = {label: ImageShares(2) for label in labels}
    without = ImageShares(1)
    support = dict.fromkeys(labels, 0)
    for of_image, found in zip(cells, regions, strict=True):
        for label, truth in of_image.items():
            inside = int((share_inside(truth, found) >= INSIDE).sum())
            alone = int((_best_iou(truth, found) >= ALONE).sum())
            shares[label].add(np.array([inside, alone]), len(truth))
            support[label] += len(truth)
        without.add(np.array([_num_without(of_image, found)]), len(found))
    num_regions = sum(map(len, regions))
    return [
        Score("num_images", len(cells)),
        Score("num_regions", num_regions),
        Score("regions_without_cells", without.share(0), without.interval(0), {}, num_regions),
    ] + [
        Score(
            name,
            shares[label].share(place),
            shares[label].interval(place),
            {"label": label},
            support[label],
        )
        for place, name in enumerate(("cells_inside", "cells_alone"))
        for label in labels
    ]


def _best_iou(cells: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """float [M], of each cell's box the highest IoU with a region."""
    if not len(cells) or not len(regions):
        return np.zeros(len(cells))
    return boxes.iou(boxes.as_boxes(cells), boxes.as_boxes(regions)).max(axis=1)


def _num_without(cells: Mapping[str, np.ndarray], regions: np.ndarray) -> int:
    everything = [boxes.as_boxes(of_label) for of_label in cells.values() if len(of_label)]
    if not everything or not len(regions):
        return len(regions)
    truth = np.concatenate(everything)
    inside = boxes.intersection(truth, boxes.as_boxes(regions)) / boxes.area(truth)[:, None]
    return int((inside.max(axis=0) < INSIDE).sum())
