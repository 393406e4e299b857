"""How often the number of cells that a region's shape tells is the number of its labels."""

from collections.abc import Iterable

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import regions

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
        mask = image_io.read_mask(sample.mask_path)
        # Without cells, what the shape alone tells.
        estimated = regions.find_regions_in_mask(mask, config=config)
        labelled = regions.find_regions_in_mask(mask, sample.cells, config)
        if len(sample.cells) < _FEWEST_CELLS_PER_REGION * len(labelled):
            continue
        for told, region in zip(estimated, labelled, strict=True):
            if region.num_points and not region.touches_border:
                agreed += told.num_cells == region.num_points
                total += 1
    return agreed, total
