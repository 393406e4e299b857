"""Figure 5: patches with their true types, probabilities and the types predicted."""

from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import PRESENT, Region, Sample
from rbc_tf.figures import choice
from rbc_tf.figures.drawing import predicted_patches
from rbc_tf.figures.drawing.captions import Caption, Source, Thresholds, count
from rbc_tf.figures.drawing.predicted_patches import MOST, PredictedPatch, type_list
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources

_RULE = (
    "drawn at random (seed {}) among the completely labelled regions that the edge of the image "
    "does not cut, half of them with several cells (those of several types first), half with one"
)


def make(sources: FigureSources) -> Drawn:
    thresholds = sources.thresholds
    pairs = sources.whole_regions()
    if not pairs:
        raise CannotMake("no region of these images is completely labelled")
    patches = [_predicted(sources, *pairs[row]) for row in _choose(sources, pairs)]
    crop = sources.bundle.manifest.crop
    how = f"{crop.mode}, {crop.size} x {crop.size} pixels"
    figure = predicted_patches.draw(patches, sources.names, thresholds.values)
    return figure, caption(patches, thresholds, sources.source, how)


def _choose(sources: FigureSources, pairs: Sequence[tuple[Sample, Region]]) -> np.ndarray:
    """Half regions of several cells, half of one; more of one kind where the other has too few."""
    num_cells = np.array([region.num_cells for _, region in pairs], int)
    labels = sources.labels_of([region for _, region in pairs])
    tiers = choice.cell_tiers(num_cells, labels, np.ones(len(pairs), bool))
    several, single = (np.where(kind, tiers, -1) for kind in (num_cells > 1, num_cells == 1))
    return choice.halves(several, single, MOST, MOST // 2, sources.settings.seed)


def _predicted(sources: FigureSources, sample: Sample, region: Region) -> PredictedPatch:
    image, box = sources.image(sample), boxes.as_boxes([region.box])
    probabilities, _ = sources.chain.classify(image, box)
    labels = sources.labels_of([region])[0]
    patch = sources.patch(image, box)
    known = (patch, sample.name, region.num_cells, labels, probabilities[0])
    return PredictedPatch(*known, sources.thresholds.at_least_one)


def caption(
    patches: Sequence[PredictedPatch], thresholds: Thresholds, source: Source, how: str
) -> Caption:
    """Which regions these are, by which rule, and how many of them are right.

    Args:
        patches: those drawn.
        thresholds: of the types.
        source: of the images.
        how: the patches were cut.
    """
    patches = list(patches)[:MOST]
    right = sum(patch.is_right(thresholds.values) for patch in patches)
    rule = _RULE.format(source.seed)
    text = (
        f"{count(len(patches), 'region')} from {source}, {rule}. Patches as the networks get them "
        f"({how}; brown-grey is filled in), on the true boxes. Beside each, the probability of "
        f"each type; a type is predicted above its threshold, the black line ({thresholds}). A dot "
        f"marks true types, a cross what is wrong. Exactly right: {right} of {len(patches)}; a "
        "choice of this size measures nothing."
    )
    facts = source.facts(
        rule=rule,
        thresholds=thresholds.facts(),
        right=right,
        regions=[_facts(patch, thresholds) for patch in patches],
    )
    return Caption(5, "Patches with their types and probabilities", text, facts)


def _facts(patch: PredictedPatch, thresholds: Thresholds) -> dict:
    return {
        "image": patch.image,
        "num_cells": patch.num_cells,
        "true": type_list(patch.labels == PRESENT, thresholds.names),
        "predicted": type_list(patch.predicted(thresholds.values), thresholds.names),
        "probabilities": np.asarray(patch.probabilities),
    }
