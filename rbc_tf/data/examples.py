"""Which regions serve classification, and what is known of their types."""

import collections
from collections.abc import Iterable

import numpy as np

from rbc_tf.core.cell_types import OTHER, CellTypes
from rbc_tf.core.types import ABSENT, PRESENT, UNKNOWN, Region


def is_example(region: Region) -> bool:
    """Whether a region can serve to train or test classification.

    It must have a labelled cell, and none whose type the list of types does not have.
    """
    return bool(region.types) and OTHER not in region.types


def label_vector(region: Region, cell_types: CellTypes) -> np.ndarray:
    """What is known of each type in a region.

    Returns:
        int8 [T]: 1 present, 0 absent, -1 unknown. Of an incomplete region only the labelled
        types are known; what else it holds is unknown, never absent. Without any, nothing is.
    """
    known = region.complete and bool(region.types)
    labels = np.full(len(cell_types), ABSENT if known else UNKNOWN, dtype=np.int8)
    for name in region.types:
        labels[cell_types.index(name)] = PRESENT
    return labels


def count_regions(regions: Iterable[Region]) -> dict[str, int]:
    """How many regions there are of each kind, for reports.

    Keys: all; single_cell, multi_cell; mixed_types (labelled, two types or more); unlabelled;
    other_type (left out of classification); examples (used in classification);
    complete_examples (scored); incomplete (examples labelled in part, never scored), by the number
    of cells they hold: incomplete_2, incomplete_3, incomplete_4_or_more.
    """
    counts: collections.Counter[str] = collections.Counter()
    for region in regions:
        counts["all"] += 1
        counts["single_cell" if region.num_cells == 1 else "multi_cell"] += 1
        counts["mixed_types"] += len(region.types) > 1 and OTHER not in region.types
        counts["unlabelled"] += not region.types
        counts["other_type"] += OTHER in region.types
        if is_example(region):
            counts["examples"] += 1
            counts["complete_examples"] += region.complete
            if not region.complete:
                counts["incomplete"] += 1
                size = f"{region.num_cells}" if region.num_cells < 4 else "4_or_more"
                counts[f"incomplete_{size}"] += 1
    return dict(counts)
