"""Scores of a bundle on images with known regions: each stage alone, and the whole chain."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf.core import boxes, image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections, Region, Sample
from rbc_tf.data import examples, regions
from rbc_tf.evaluation import reliability
from rbc_tf.evaluation.bundle.scores import EvaluatedImage, regions_of, score_chain
from rbc_tf.inference.cell_scale import View
from rbc_tf.inference.chain import Chain
from rbc_tf.metrics.classified import ClassifiedRegions

_LEAST_IOU = 0.5  # of a detection that finds a region


def evaluate(
    chain: Chain,
    samples: Sequence[Sample],
    cell_types: CellTypes,
    region_config: regions.RegionConfig = regions.RegionConfig(),
    figures_dir: str | pathlib.Path | None = None,
) -> list[Score]:
    """Runs the chain on images with known regions and scores it; see `scores.score_chain`.

    Args:
        chain: the loaded bundle; see `common_scale.applied` for how it looks at several images.
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
    scores = score_chain(images, chain.manifest.score_threshold)
    if figures_dir is not None:
        names = [cell_type.display_name for cell_type in cell_types]
        reliability.write_figure(figures_dir, names, *reliability.curves(regions_of(images)))
    return scores


def read(sample: Sample) -> np.ndarray:
    """The pixels of an image, uint8 [H, W, 3] RGB; raises ImageError."""
    return image_io.read_image(sample.image_path, sample.intensity)


def _run(chain: Chain, sample: Sample, truth: tuple[Region, ...]) -> EvaluatedImage:
    image = read(sample)
    view = chain.look(image)
    found_boxes = view.to_source(view.detections.boxes)
    complete = [r for r in truth if examples.is_example(r) and r.complete]
    true_boxes = boxes.as_boxes([r.box for r in complete])
    outputs = chain.outputs(view.pixels, view.from_source(true_boxes))
    probabilities, abnormal = chain.classifier.of_outputs(outputs)
    found, on_detections = _on_detections(chain, view, true_boxes)
    labels = [examples.label_vector(r, chain.manifest.cell_types) for r in complete]
    known = {
        "names": chain.manifest.cell_types.names,
        "labels": np.array(labels, np.int8).reshape(-1, len(chain.manifest.cell_types)),
        "num_cells": np.array([r.num_cells for r in complete], np.int32),
        "groups": np.full(len(complete), sample.group),
        "thresholds": np.array(chain.manifest.thresholds),
        "at_least_one": chain.manifest.calibration.at_least_one,
    }
    return EvaluatedImage(
        group=sample.group,
        detections=Detections(found_boxes, view.detections.scores),
        truth=truth,
        points=np.array([(cell.y, cell.x) for cell in sample.cells]).reshape(-1, 2),
        on_truth=ClassifiedRegions(
            **known,
            probabilities=probabilities,
            outputs=outputs,
            abnormal=abnormal,
            abnormal_types=chain.manifest.cell_types.abnormal,
            abnormal_threshold=chain.manifest.abnormal_threshold,
        ),
        on_detections=ClassifiedRegions(**known, probabilities=on_detections, found=found),
    )


def _on_detections(
    chain: Chain, view: View, true_boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """bool [N], whether a detection covers each region; float32 [N, T], its types' probabilities.

    0 where there is no such detection.
    """
    kept = view.above(chain.manifest.score_threshold).boxes
    ious = boxes.iou(true_boxes, view.to_source(kept))
    found = np.zeros(len(true_boxes), dtype=bool)
    probabilities = np.zeros((len(true_boxes), len(chain.manifest.cell_types)), np.float32)
    if ious.size:
        found = ious.max(axis=1) >= _LEAST_IOU
        probabilities[found], _ = chain.classify(view.pixels, kept[ious.argmax(axis=1)[found]])
    return found, probabilities
