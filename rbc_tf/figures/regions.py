"""Figures 1, 5 and 8: regions of the split's images, chosen by rule."""

from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf.core import boxes
from rbc_tf.core.types import Region, Sample
from rbc_tf.evaluation.baselines import watershed
from rbc_tf.figures.drawing import choice, patches, samples, separation
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, cut, is_scored, square_around
from rbc_tf.metrics.separation import assign_segments

_RIM = 3  # pixels seen around a region whose outline is drawn


def type_samples(sources: FigureSources) -> Drawn:
    """Figure 1."""
    by_type = {name: [] for name in sources.names}
    for sample, found in zip(sources.samples, sources.regions, strict=True):
        for region in found:
            if is_scored(region) and region.num_cells == 1 and not region.touches_border:
                by_type[region.types[0]].append((sample, region))
    every = [region for pairs in by_type.values() for _, region in pairs]
    if not every:
        raise CannotMake("no single-cell region of these images is completely labelled")
    side = _common_side(every)
    rows = []
    for place, cell_type in enumerate(sources.dataset.cell_types):
        pairs = by_type[cell_type.name]
        # Each type draws from its own seed, so that none depends on how many another has.
        seed = [sources.settings.seed, place]
        chosen = choice.by_tier(np.zeros(len(pairs), int), samples.PER_TYPE, seed)
        shown = [
            cut(sources.image(pairs[i][0]), square_around(pairs[i][1].box, side)) for i in chosen
        ]
        rows.append(samples.TypeSamples(cell_type, tuple(shown), len(pairs)))
    return samples.draw(rows, side), samples.caption(rows, sources.source, side)


def _common_side(found: Sequence[Region]) -> int:
    """Side in pixels of a square that holds nearly all single cells with some room, even."""
    box = boxes.as_boxes([region.box for region in found])
    longer = (box[:, 2:] - box[:, :2]).max(axis=1)
    return 2 * round(1.2 * float(np.quantile(longer, 0.98)) / 2)


def patch_answers(sources: FigureSources) -> Drawn:
    """Figure 5."""
    manifest = sources.bundle.manifest
    thresholds = np.array(manifest.thresholds)
    if not _scored_regions(sources):
        raise CannotMake("no region of these images is completely labelled")
    answers = [_answer(sources, sample, region) for sample, region in _patch_choice(sources)]
    rule = (
        f"drawn at random (seed {sources.settings.seed}) among the completely labelled regions "
        "that the edge of the image does not cut, half of them with several cells (those of "
        "several types first), half with one"
    )
    figure = patches.draw(answers, sources.names, thresholds)
    words = f"{manifest.crop.mode}, {manifest.crop.size} x {manifest.crop.size} pixels"
    caption = patches.caption(
        answers,
        sources.names,
        thresholds,
        sources.source,
        rule,
        words,
        manifest.threshold_objective,
    )
    return figure, caption


def _patch_choice(sources: FigureSources) -> list[tuple[Sample, Region]]:
    """Half regions of several cells, half of one; more of one kind where the other has too few."""
    pairs = _scored_regions(sources)
    num_cells = np.array([region.num_cells for _, region in pairs], int)
    labels = sources.labels_of([region for _, region in pairs])
    usable = np.ones(len(pairs), bool)
    tiers = choice.cell_tiers(num_cells, labels, usable)
    chosen = choice.halves(
        np.where(num_cells > 1, tiers, -1),
        np.where(num_cells == 1, tiers, -1),
        patches.MOST,
        patches.MOST // 2,
        sources.settings.seed,
    )
    return [pairs[i] for i in chosen]


def _answer(sources: FigureSources, sample: Sample, region: Region) -> patches.PatchAnswer:
    image, box = sources.image(sample), boxes.as_boxes([region.box])
    probabilities, _ = sources.chain.classify(image, box)
    return patches.PatchAnswer(
        sources.patch(image, box),
        sample.name,
        region.num_cells,
        sources.labels_of([region])[0],
        probabilities[0],
    )


def separated_regions(sources: FigureSources) -> Drawn:
    """Figure 8."""
    pairs = [
        (sample, region)
        for sample, region in _scored_regions(sources)
        if region.num_cells > 1 and sample.mask_path is not None
    ]
    if not pairs:
        raise CannotMake("no region of several cells is completely labelled and has a mask")
    progress = tqdm.tqdm(pairs, desc="separate", unit="region")
    candidates = [_separated(sources, *pair) for pair in progress]
    num_cells = np.array([region.num_cells for region in candidates], int)
    chosen = choice.halves(
        np.where(num_cells > 2, 0, -1),
        np.where(num_cells == 2, 0, -1),
        separation.MOST,
        separation.MOST // 2,
        sources.settings.seed,
    )
    shown = [candidates[i] for i in chosen]
    without = "" if sources.unet is not None else "no trained U-Net was given (--unet)"
    return separation.draw(shown), separation.caption(shown, candidates, sources.source, without)


def _separated(sources: FigureSources, sample: Sample, region: Region) -> separation.Separated:
    labels = sources.region_pixels(sample)
    row = sources.regions_of(sample).index(region)
    ymin, xmin, ymax, xmax = region.box
    seen = square_around(region.box, round(max(ymax - ymin, xmax - xmin)) + 2 * _RIM)
    seen_labels = cut(labels, seen, fill=0)
    own = seen_labels == row + 1
    unet = None
    if sources.unet is not None:
        found = sources.unet_segments(sample)
        # A segment is the region's where most of its pixels are, as the baselines are scored.
        unet = cut(found, seen, fill=0)
        unet[~np.isin(unet, np.flatnonzero(assign_segments(found, labels) == row) + 1)] = 0
    return separation.Separated(
        image=sample.name,
        patch=cut(sources.image(sample), seen),
        mask=own,
        others=(seen_labels > 0) & ~own,
        num_cells=region.num_cells,
        watershed=watershed.separate(own),
        unet=unet,
    )


def _scored_regions(sources: FigureSources) -> list[tuple[Sample, Region]]:
    """Completely labelled regions of all images, those cut by the edge left out."""
    return [
        (sample, region)
        for sample, found in zip(sources.samples, sources.regions, strict=True)
        for region in found
        if is_scored(region) and not region.touches_border
    ]
