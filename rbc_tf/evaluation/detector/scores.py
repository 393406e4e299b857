"""What is scored of a detector, over a set of images."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections, Region
from rbc_tf.metrics import classified, detection_scores
from rbc_tf.metrics.detection_intervals import ImageBootstrap


@dataclasses.dataclass(frozen=True)
class ScoringConfig:
    """What is scored.

    Attributes:
        score_threshold: detections below are left out of recall, precision, points and merges.
        recalls: at which false positives per image are scored.
        num_resamples: of the bootstrap over groups.
        seed: of the bootstrap.
    """

    score_threshold: float = 0.5
    recalls: tuple[float, ...] = (0.8, 0.9, 0.95)
    num_resamples: int = 2000
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(
                f"`score_threshold` must be in [0, 1]. Received: {self.score_threshold}"
            )
        if not all(0 < recall <= 1 for recall in self.recalls):
            raise ValueError(f"`recalls` must be above 0, at most 1. Received: {self.recalls}")
        if self.num_resamples < 1:
            raise ValueError(f"`num_resamples` must be at least 1. Received: {self.num_resamples}")


@dataclasses.dataclass(frozen=True, eq=False)
class DetectedImage:
    """What a detector found in one image, and the truth.

    Attributes:
        name, group: of the image.
        detections: all of them, whatever their score.
        regions: the true ones.
        points: float [K, 2], (y, x) of labelled cells.
    """

    name: str
    group: str
    detections: Detections
    regions: tuple[Region, ...]
    points: np.ndarray

    @property
    def true_boxes(self) -> np.ndarray:
        return boxes.as_boxes([region.box for region in self.regions])


def score_detector(
    images: Sequence[DetectedImage], config: ScoringConfig = ScoringConfig()
) -> tuple[Score, ...]:
    """All scores over all images together, of `metrics.detection_scores`.

    Raises:
        ValueError: there is no image.
    """
    if not images:
        raise ValueError("At least one image is required. Received: none")
    bootstrap = ImageBootstrap([i.group for i in images], config.num_resamples, config.seed)
    detections = [image.detections for image in images]
    threshold = config.score_threshold
    return (
        Score("num_images", len(images)),
        Score("num_groups", bootstrap.num_groups),
        *detection_scores.score_boxes(
            detections,
            [image.true_boxes for image in images],
            bootstrap,
            threshold,
            config.recalls,
            _subsets([region for image in images for region in image.regions]),
        ),
        detection_scores.points_inside(
            detections, [image.points for image in images], threshold, bootstrap
        ),
    )


def _subsets(regions: Sequence[Region]) -> dict[str, np.ndarray]:
    """bool [M], the regions of each subset, by its name."""
    num_cells = np.array([region.num_cells for region in regions], dtype=int)
    at_border = np.array([region.touches_border for region in regions], dtype=bool)
    return {
        "single_cell": num_cells == 1,
        "multi_cell": num_cells > 1,
        **classified.by_num_cells(num_cells),
        "at_border": at_border,
        "not_at_border": ~at_border,
    }
