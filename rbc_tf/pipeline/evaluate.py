"""Scores of a bundle on images with known regions: each stage alone, and the whole chain."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf import boxes, image_io
from rbc_tf.cell_types import CellTypes
from rbc_tf.data import examples, regions
from rbc_tf.evaluation import detection, multilabel
from rbc_tf.pipeline.chain import Chain
from rbc_tf.types import Detections, Region, Sample


@dataclasses.dataclass(frozen=True)
class AbnormalityScores:
    """The verdict against the truth on complete regions, of which `num_abnormal` are abnormal."""

    accuracy: float
    auc: float | None
    num_regions: int
    num_abnormal: int


@dataclasses.dataclass(frozen=True)
class ChainScores:
    """Scores of a bundle over a set of images.

    Attributes:
        detection: of the detector against the regions of the masks.
        recall_single_cell, recall_multi_cell: at IoU 0.5, at the bundle's score threshold.
        points_inside: share of labelled cells inside a detection, whatever the masks say.
        types: of the heads on the true boxes of complete regions.
        abnormality: of the verdict on the same regions.
        found_and_right: share of complete regions that were detected (IoU 0.5) and given
            exactly their types: the whole chain.
    """

    detection: detection.DetectionScores
    recall_single_cell: float
    recall_multi_cell: float
    points_inside: float
    types: multilabel.MultilabelScores
    abnormality: AbnormalityScores
    found_and_right: float


@dataclasses.dataclass(eq=False)
class _Image:
    """What the chain said of one image, and the truth."""

    detections: Detections
    truth: tuple[Region, ...]
    points: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray
    found_and_right: np.ndarray


def evaluate(
    chain: Chain,
    samples: Sequence[Sample],
    cell_types: CellTypes,
    region_config: regions.RegionConfig = regions.RegionConfig(),
) -> ChainScores:
    """Runs the chain on images with known regions and scores it.

    Args:
        chain: the loaded bundle.
        samples: images that none of its parts was trained or tuned on.
        cell_types: the types of the samples' labels; must be the bundle's.
        region_config: how true regions are found in the masks.

    Raises:
        ValueError: the bundle knows other types than the samples.
        ImageError: an image or a mask cannot be read.
    """
    if cell_types != chain.manifest.cell_types:
        raise ValueError(
            f"The bundle must know the dataset's types, {', '.join(cell_types.names)}. "
            f"Received: {', '.join(chain.manifest.cell_types.names)}"
        )
    images = [
        _run(chain, sample, regions.find_regions(sample, region_config))
        for sample in tqdm.tqdm(samples, desc="evaluate", unit="image")
    ]
    return _score(images, chain)


def _run(chain: Chain, sample: Sample, truth: tuple[Region, ...]) -> _Image:
    image = image_io.read_image(sample.image_path)
    detections = chain.detect(image)
    scored = [r for r in truth if examples.is_example(r) and r.complete]
    cell_types = chain.manifest.cell_types
    labels = [examples.label_vector(r, cell_types) for r in scored]
    labels = np.array(labels, np.int8).reshape(-1, len(cell_types))
    true_boxes = boxes.as_boxes([r.box for r in scored])
    probabilities, abnormal = chain.classify(image, true_boxes)
    return _Image(
        detections=detections,
        truth=truth,
        points=np.array([(cell.y, cell.x) for cell in sample.cells]).reshape(-1, 2),
        labels=labels,
        probabilities=probabilities,
        abnormal=abnormal,
        found_and_right=_found_and_right(chain, image, detections, true_boxes, labels),
    )


def _found_and_right(
    chain: Chain,
    image: np.ndarray,
    detections: Detections,
    true_boxes: np.ndarray,
    labels: np.ndarray,
) -> np.ndarray:
    """bool [N], whether each region was detected and its detection given exactly its types."""
    kept = detections.scores >= chain.manifest.score_threshold
    ious = boxes.iou(true_boxes, detections.boxes[kept])
    right = np.zeros(len(true_boxes), dtype=bool)
    if ious.size:
        best = ious.argmax(axis=1)
        found = ious.max(axis=1) >= 0.5
        probabilities, _ = chain.classify(image, detections.boxes[kept][best[found]])
        right[found] = (chain.labels(probabilities) == (labels[found] == 1)).all(axis=1)
    return right


def _score(images: Sequence[_Image], chain: Chain) -> ChainScores:
    manifest = chain.manifest
    threshold = manifest.score_threshold
    detections = [image.detections for image in images]
    truths = [boxes.as_boxes([r.box for r in image.truth]) for image in images]
    single = np.array([r.num_cells == 1 for image in images for r in image.truth], dtype=bool)
    matches = detection.match(detections, truths)
    labels = np.concatenate([image.labels for image in images])
    probabilities = np.concatenate([image.probabilities for image in images])
    abnormal = np.concatenate([image.abnormal for image in images])
    right = np.concatenate([image.found_and_right for image in images])
    return ChainScores(
        detection=detection.score_detections(detections, truths, threshold),
        recall_single_cell=detection.recall_of(matches, single, threshold),
        recall_multi_cell=detection.recall_of(matches, ~single, threshold),
        points_inside=detection.share_of_points_inside(
            detections, [image.points for image in images], threshold
        ),
        types=multilabel.score_multilabel(probabilities, labels, np.array(manifest.thresholds)),
        abnormality=_score_abnormality(
            abnormal, labels, manifest.cell_types, manifest.abnormal_threshold
        ),
        found_and_right=float(right.mean()) if len(right) else float("nan"),
    )


def _score_abnormality(
    abnormal: np.ndarray, labels: np.ndarray, cell_types: CellTypes, threshold: float
) -> AbnormalityScores:
    truth = (labels[:, cell_types.abnormal] == 1).any(axis=1)
    right = (abnormal > threshold) == truth
    return AbnormalityScores(
        accuracy=float(right.mean()) if len(right) else float("nan"),
        auc=multilabel.roc_auc(truth, abnormal),
        num_regions=len(truth),
        num_abnormal=int(truth.sum()),
    )
