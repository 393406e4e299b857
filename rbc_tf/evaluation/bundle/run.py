"""Scores of a bundle on images with known regions: each stage alone, and the whole chain."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf.core import boxes, image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import Detections, Region, Sample
from rbc_tf.data import examples, regions
from rbc_tf.evaluation import reliability
from rbc_tf.evaluation.bundle.scores import (
    ChainScores,
    EvaluatedImage,
    Thresholds,
    reliability_curves,
    score_chain,
)
from rbc_tf.inference.chain import Chain


def evaluate(
    chain: Chain,
    samples: Sequence[Sample],
    cell_types: CellTypes,
    region_config: regions.RegionConfig = regions.RegionConfig(),
    figures_dir: str | pathlib.Path | None = None,
) -> ChainScores:
    """Runs the chain on images with known regions and scores it.

    Args:
        chain: the loaded bundle.
        samples: images that none of its parts has seen; see `seen.notes`.
        cell_types: the types of the samples' labels; must be the bundle's.
        region_config: how true regions are found in the masks.
        figures_dir: where reliability.svg and reliability.png go; nowhere where None.

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
    scores = score_chain(images, cell_types, thresholds)
    if figures_dir is not None:
        before, after = reliability_curves(images)
        names = [cell_type.display_name for cell_type in cell_types]
        reliability.write_figure(figures_dir, names, before, after)
    return scores


def _run(chain: Chain, sample: Sample, truth: tuple[Region, ...]) -> EvaluatedImage:
    image = image_io.read_image(sample.image_path)
    detections = chain.detect(image)
    scored = [r for r in truth if examples.is_example(r) and r.complete]
    cell_types = chain.manifest.cell_types
    labels = [examples.label_vector(r, cell_types) for r in scored]
    labels = np.array(labels, np.int8).reshape(-1, len(cell_types))
    true_boxes = boxes.as_boxes([r.box for r in scored])
    features = chain.features(image, true_boxes)
    probabilities, abnormal = chain.classifier.predict(features)
    found, found_probabilities = _on_detections(chain, image, detections, true_boxes)
    return EvaluatedImage(
        detections=detections,
        truth=truth,
        points=np.array([(cell.y, cell.x) for cell in sample.cells]).reshape(-1, 2),
        labels=labels,
        outputs=chain.classifier.outputs(features),
        probabilities=probabilities,
        abnormal=abnormal,
        found=found,
        found_probabilities=found_probabilities,
    )


def _on_detections(
    chain: Chain, image: np.ndarray, detections: Detections, true_boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """bool [N], whether a detection covers each region, and float32 [N, T] what is said of it."""
    kept = detections.boxes[detections.scores >= chain.manifest.score_threshold]
    ious = boxes.iou(true_boxes, kept)
    found = np.zeros(len(true_boxes), dtype=bool)
    probabilities = np.zeros((len(true_boxes), len(chain.manifest.cell_types)), np.float32)
    if ious.size:
        found = ious.max(axis=1) >= 0.5
        probabilities[found], _ = chain.classify(image, kept[ious.argmax(axis=1)[found]])
    return found, probabilities
