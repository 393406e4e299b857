"""Scores of the whole chain over a set of images: each stage alone, and all together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections, Region
from rbc_tf.manifest.records import CHAIN, CLASSIFIER, DETECTOR
from rbc_tf.metrics import classified, detection_scores
from rbc_tf.metrics.classified import ALL, MULTI_CELL, SINGLE_CELL, ClassifiedRegions
from rbc_tf.metrics.detection_intervals import ImageBootstrap
from rbc_tf.metrics.region_scores import ABNORMALITY_SCORES, TYPE_SCORES, score_regions


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedImage:
    """What the chain predicted for one image, and the truth.

    Attributes:
        group: slide, patient or block of the image.
        detections: all of them, whatever their score.
        truth: the M true regions.
        points: float [K, 2], (y, x) of labelled cells.
        on_truth: the N complete regions among the M, classified on their true boxes.
        on_detections: the same N, classified on the detection that covers them best; `found` says
            whether there is one above the score threshold (IoU 0.5).
    """

    group: str
    detections: Detections
    truth: tuple[Region, ...]
    points: np.ndarray
    on_truth: ClassifiedRegions
    on_detections: ClassifiedRegions


def score_chain(
    images: Sequence[EvaluatedImage],
    score_threshold: float,
    num_resamples: int = 2000,
    seed: int = 0,
) -> list[Score]:
    """Scores over all images together, each of a `stage` (see `manifest.records`).

    Args:
        images: one or more.
        score_threshold: detections below are left out of recall, precision and points.
        num_resamples, seed: of the bootstrap over the groups of images; at least 1.

    Raises:
        ValueError: there is no image.
    """
    if not images:
        raise ValueError("At least one image is required. Received: none")
    bootstrap = ImageBootstrap([image.group for image in images], num_resamples, seed)
    # Types are scored on all regions alone: a subset holds few of each type.
    on_truth = [
        score
        for score in score_regions(regions_of(images), num_resamples=num_resamples, seed=seed)
        if score.of["subset"] == ALL or not {"type", "abnormality"} & set(score.of)
    ]
    on_detections = score_regions(
        classified.concatenate([image.on_detections for image in images]),
        num_resamples=num_resamples,
        seed=seed,
        without=(*TYPE_SCORES, *ABNORMALITY_SCORES),
    )
    return [
        *(score.at(stage=DETECTOR) for score in _detection(images, score_threshold, bootstrap)),
        *(score.at(stage=CLASSIFIER) for score in on_truth),
        *(score.at(stage=CHAIN) for score in on_detections if set(score.of) == {"subset"}),
    ]


def regions_of(images: Sequence[EvaluatedImage]) -> ClassifiedRegions:
    """The complete regions of all images, on their true boxes."""
    return classified.concatenate([image.on_truth for image in images])


def _detection(
    images: Sequence[EvaluatedImage], score_threshold: float, bootstrap: ImageBootstrap
) -> list[Score]:
    detections = [image.detections for image in images]
    truths = [boxes.as_boxes([r.box for r in image.truth]) for image in images]
    single = np.array([r.num_cells == 1 for image in images for r in image.truth], dtype=bool)
    points = [image.points for image in images]
    return [
        Score("num_images", len(images)),
        Score("num_groups", bootstrap.num_groups),
        Score("num_regions", len(single)),
        *detection_scores.score_boxes(
            detections,
            truths,
            bootstrap,
            score_threshold,
            subsets={SINGLE_CELL: single, MULTI_CELL: ~single},
        ),
        detection_scores.points_inside(detections, points, score_threshold, bootstrap),
    ]
