"""How often the number of cells that a region's shape tells is the number of its labels."""

from collections.abc import Iterable

import numpy as np

from rbc_tf import image_io
from rbc_tf.data import cell_count, regions
from rbc_tf.types import Sample

# An image counts as labelled nearly throughout from so many labelled cells, and so many per region.
_FEWEST_CELLS = 20
_FEWEST_CELLS_PER_REGION = 0.9


def count_agreement(
    samples: Iterable[Sample], config: regions.RegionConfig = regions.RegionConfig()
) -> tuple[int, int]:
    """Holds estimated against labelled numbers of cells.

    Only images labelled nearly throughout are looked at, and of them the labelled regions that the
    image's edge does not cut: there the labels are the truth.

    Returns:
        (regions where both numbers agree, regions looked at).
    """
    agreed, total = 0, 0
    for sample in samples:
        if sample.regions is not None or len(sample.cells) < _FEWEST_CELLS:
            continue
        labels, stats = regions.label_regions(image_io.read_mask(sample.mask_path), config)
        if len(sample.cells) < _FEWEST_CELLS_PER_REGION * len(stats):
            continue
        rows = [labels[int(cell.y), int(cell.x)] for cell in sample.cells]
        labelled = np.bincount(rows, minlength=len(stats) + 1)[1:]
        height, width = labels.shape
        inside = (stats[:, :2] > 0).all(axis=1) & (stats[:, 2:4] < (height, width)).all(axis=1)
        looked_at = inside & (labelled > 0)
        agreed += int((cell_count.estimate(labels, stats) == labelled)[looked_at].sum())
        total += int(looked_at.sum())
    return agreed, total
