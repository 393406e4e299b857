"""Figures 3, 4 and 7: one image of the split, with what is known and what is said of it."""

import numpy as np

from rbc_tf.core import boxes, image_io
from rbc_tf.figures.drawing import detections, masks, outcomes, whole_image
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, is_scored


def masked_image(sources: FigureSources) -> Drawn:
    """Figure 3."""
    sample, rule = sources.chosen
    if sample.mask_path is None:
        raise CannotMake(f"image {sample.name} has no mask; its regions are given (regions.csv)")
    found = sources.regions_of(sample)
    shown = masks.MaskedImage(
        name=sample.name,
        image=sources.image(sample),
        mask=image_io.read_mask(sample.mask_path),
        boxes=boxes.as_boxes([region.box for region in found]),
        num_cells=np.array([region.num_cells for region in found], int),
        connectivity=sources.region_config.connectivity,
        min_area=sources.region_config.min_area,
    )
    return masks.draw(shown), masks.caption(shown, sources.source, rule)


def detected_image(sources: FigureSources) -> Drawn:
    """Figure 4."""
    sample, rule = sources.chosen
    image = sources.image(sample)
    threshold = sources.bundle.manifest.score_threshold
    found = sources.chain.detect(image)
    shown = detections.DetectedImage(sample.name, image, found.boxes, found.scores, threshold)
    return detections.draw(shown), detections.caption(shown, sources.source, rule)


def judged_image(sources: FigureSources) -> Drawn:
    """Figure 7."""
    sample, rule = sources.chosen
    image, found = sources.image(sample), sources.regions_of(sample)
    manifest = sources.bundle.manifest
    analyzed = sources.chain.analyze(image)
    true_boxes = boxes.as_boxes([region.box for region in found])
    judged = whole_image.JudgedImage(
        name=sample.name,
        image=image,
        regions=sources.region_pixels(sample),
        true_boxes=true_boxes,
        detected_boxes=analyzed.boxes,
        outcomes=outcomes.region_outcomes(
            true_boxes,
            sources.labels_of(found),
            np.array([is_scored(region) for region in found], bool),
            analyzed.boxes,
            sources.chain.labels(analyzed.probabilities),
            sources.dataset.cell_types.abnormal,
        ),
        score_threshold=manifest.score_threshold,
        names=sources.names,
        thresholds=np.array(manifest.thresholds),
        objective=manifest.threshold_objective,
    )
    return whole_image.draw(judged), whole_image.caption(judged, sources.source, rule)
