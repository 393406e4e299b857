"""Scores of a bundle on images with known regions: each stage alone, and the whole chain."""

from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf import boxes, image_io
from rbc_tf.cell_types import CellTypes
from rbc_tf.data import examples, regions
from rbc_tf.evaluation.chain import ChainScores, EvaluatedImage, Thresholds, score_chain
from rbc_tf.pipeline.chain import Chain
from rbc_tf.types import Detections, Region, Sample


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
    manifest = chain.manifest
    thresholds = Thresholds(
        manifest.thresholds, manifest.score_threshold, manifest.abnormal_threshold
    )
    return score_chain(images, cell_types, thresholds)


def _run(chain: Chain, sample: Sample, truth: tuple[Region, ...]) -> EvaluatedImage:
    image = image_io.read_image(sample.image_path)
    detections = chain.detect(image)
    scored = [r for r in truth if examples.is_example(r) and r.complete]
    cell_types = chain.manifest.cell_types
    labels = [examples.label_vector(r, cell_types) for r in scored]
    labels = np.array(labels, np.int8).reshape(-1, len(cell_types))
    true_boxes = boxes.as_boxes([r.box for r in scored])
    probabilities, abnormal = chain.classify(image, true_boxes)
    return EvaluatedImage(
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
