"""All scores of a detector over a set of images, with intervals where groups are known."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections, Region
from rbc_tf.metrics import detection, merges, operating_points
from rbc_tf.metrics.detection_intervals import ImageBootstrap, Interval


@dataclasses.dataclass(frozen=True)
class ScoringConfig:
    """What is scored.

    Attributes:
        score_threshold: detections below are left out of recall, precision, points and merges.
        recalls: where false positives per image are told.
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


@dataclasses.dataclass(frozen=True)
class Share:
    """`count` of `total`, with its 95 % interval; `value` is nan where the total is 0."""

    value: float
    count: int
    total: int
    interval: Interval | None


@dataclasses.dataclass(frozen=True)
class RecallAt:
    """Where a recall is reached; `point` is None where it never is."""

    recall: float
    point: operating_points.OperatingPoint | None


@dataclasses.dataclass(frozen=True)
class DetectorScores:
    """Scores over a set of images; those of one IoU are at 0.5, unless they say otherwise.

    Attributes:
        summary: AP50 (the paper's AP), AP75, AP50:95, recall and precision, counts.
        num_groups: of images; the intervals are over them.
        ap50_interval: 95 %, None where there are fewer than two groups.
        ap50_measured: area under the curve as it is, with its teeth, where AP50 is the area
            under the best precision at each recall or above.
        ap50_101: COCO's AP50, the mean over 101 recalls.
        recall, precision: at the score threshold.
        recall_by_kind: recall of kinds of regions, at the score threshold.
        points_inside: labelled cells inside a detection, however the masks were made.
        threshold: what the score threshold does, false positives per image included.
        at_recalls: the same at given recalls.
        highest_recall: of all detections; the curve ends there.
        lowest_score: of all detections; nan where there is none.
        most_detections: in one image, whatever their score.
        merges: detections over several regions, and regions in several detections.
    """

    summary: detection.DetectionScores
    num_groups: int
    ap50_interval: Interval | None
    ap50_measured: float
    ap50_101: float
    recall: Share
    precision: Share
    recall_by_kind: dict[str, Share]
    points_inside: Share
    threshold: operating_points.OperatingPoint
    at_recalls: tuple[RecallAt, ...]
    highest_recall: float
    lowest_score: float
    most_detections: int
    merges: merges.MergeCounts


def score_detector(
    images: Sequence[DetectedImage], config: ScoringConfig = ScoringConfig()
) -> DetectorScores:
    """Scores over all images together; raises ValueError where there is none."""
    if not images:
        raise ValueError("At least one image is required. Received: none")
    detections = [image.detections for image in images]
    truths = [image.true_boxes for image in images]
    matches = detection.match(detections, truths)
    curve = operating_points.threshold_curve(matches)
    groups = [image.group for image in images]
    bootstrap = ImageBootstrap(groups, config.num_resamples, config.seed)
    threshold = config.score_threshold
    return DetectorScores(
        summary=detection.score_detections(detections, truths, threshold),
        num_groups=bootstrap.num_groups,
        ap50_interval=bootstrap.of_average_precision(matches),
        ap50_measured=operating_points.area(matches),
        ap50_101=detection.coco_average_precision(matches),
        recall=_recall(matches, np.ones(len(matches.found_score), bool), bootstrap, threshold),
        precision=_precision(matches, bootstrap, threshold),
        recall_by_kind={
            kind: _recall(matches, chosen, bootstrap, threshold)
            for kind, chosen in _kinds([r for image in images for r in image.regions]).items()
        },
        points_inside=_points_inside(images, bootstrap, threshold),
        threshold=operating_points.at_threshold(matches, threshold),
        at_recalls=tuple(RecallAt(r, operating_points.at_recall(curve, r)) for r in config.recalls),
        highest_recall=operating_points.at_threshold(matches, 0.0).recall,
        lowest_score=float(matches.scores[-1]) if len(matches.scores) else float("nan"),
        most_detections=max(len(found) for found in detections),
        merges=merges.count_merges(detections, truths, threshold),
    )


def _kinds(regions: Sequence[Region]) -> dict[str, np.ndarray]:
    """bool [M] of each kind of region, by its name."""
    num_cells = np.array([region.num_cells for region in regions], dtype=int)
    at_border = np.array([region.touches_border for region in regions], dtype=bool)
    return {
        "single-cell": num_cells == 1,
        "multi-cell": num_cells > 1,
        "2 cells": num_cells == 2,
        "3 cells": num_cells == 3,
        "4 or more cells": num_cells >= 4,
        "at the image border": at_border,
        "not at the border": ~at_border,
    }


def _recall(
    matches: detection.Matches,
    chosen: np.ndarray,
    bootstrap: ImageBootstrap,
    score_threshold: float,
) -> Share:
    found = chosen & (matches.found_score >= score_threshold)
    return _share(matches.true_image[found], matches.true_image[chosen], bootstrap)


def _precision(
    matches: detection.Matches, bootstrap: ImageBootstrap, score_threshold: float
) -> Share:
    kept = matches.scores >= score_threshold
    return _share(matches.image[kept & matches.correct], matches.image[kept], bootstrap)


def _points_inside(
    images: Sequence[DetectedImage], bootstrap: ImageBootstrap, score_threshold: float
) -> Share:
    points = [image.points for image in images]
    inside = detection.count_points_inside(
        [image.detections for image in images], points, score_threshold
    )
    places = np.arange(len(images))
    lengths = np.array([len(image_points) for image_points in points])
    return _share(np.repeat(places, inside), np.repeat(places, lengths), bootstrap)


def _share(counted: np.ndarray, all_of_them: np.ndarray, bootstrap: ImageBootstrap) -> Share:
    """From the index of the image of each that counts, and of each there is."""
    num_images = bootstrap.num_images
    per_image = np.bincount(counted, minlength=num_images)
    total_per_image = np.bincount(all_of_them, minlength=num_images)
    count, total = len(counted), len(all_of_them)
    return Share(
        value=count / total if total else float("nan"),
        count=count,
        total=total,
        interval=bootstrap.of_ratio(per_image, total_per_image),
    )
