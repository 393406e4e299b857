"""Touching cells: true regions that one detection covers, and regions cut into several.

Both follow from boxes, of which those of touching regions overlap. So a detection merges only
where a region went missing under it, and a region is split only where a wrong detection lies in
it; two regions side by side, each with its own detection, are neither.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections
from rbc_tf.metrics import detection

# A box covers another where it holds at least half of its area.
_COVERED = 0.5


@dataclasses.dataclass(frozen=True)
class MergeCounts:
    """Counts over a set of images, at IoU 0.5 and a score threshold.

    A detection *merges* when it covers at least half of each of two or more true regions, and at
    least one of them is missed (no detection took it). A true region is *split* when two or more
    detections lie in it with at least half of their area, and at least one of them is wrong (it
    took no region).

    Attributes:
        merging_detections: detections that merge.
        merged_regions: missed regions that a merging detection covers.
        split_regions: true regions that are split.
        splitting_detections: wrong detections that lie in a split region.
    """

    merging_detections: int
    merged_regions: int
    split_regions: int
    splitting_detections: int


def count_merges(
    detections: Sequence[Detections], truths: Sequence[np.ndarray], score_threshold: float = 0.5
) -> MergeCounts:
    """Merges and splits over all images; raises ValueError where the lengths differ."""
    counts = [
        _count_in_image(found.boxes[found.scores >= score_threshold], truth)
        for found, truth in zip(detections, truths, strict=True)
    ]
    return MergeCounts(*np.array(counts, dtype=int).reshape(-1, 4).sum(axis=0).tolist())


def _count_in_image(found: np.ndarray, truth: np.ndarray) -> tuple[int, int, int, int]:
    """The four counts, from detected boxes [N, 4], best first, and true boxes [M, 4]."""
    taken = detection.match_image(boxes.iou(found, truth))
    wrong = taken < 0
    missed = np.ones(len(truth), dtype=bool)
    missed[taken[~wrong]] = False
    shared = boxes.intersection(found, truth)
    covers = shared >= _COVERED * boxes.area(truth)[None, :]
    lies_in = shared >= _COVERED * boxes.area(found)[:, None]
    merging = (covers.sum(axis=1) >= 2) & (covers & missed[None, :]).any(axis=1)
    split = (lies_in.sum(axis=0) >= 2) & (lies_in & wrong[:, None]).any(axis=0)
    merged = missed & covers[merging].any(axis=0)
    splitting = wrong & lies_in[:, split].any(axis=1)
    return int(merging.sum()), int(merged.sum()), int(split.sum()), int(splitting.sum())
