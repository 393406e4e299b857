"""Figure 6: regions of a cross-validation where Model A is right and Model B is wrong."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.types import PRESENT
from rbc_tf.evaluation.cross_validation.predictions import MODEL_A, MODEL_B
from rbc_tf.figures import choice
from rbc_tf.figures.drawing import bars, style
from rbc_tf.figures.drawing.captions import Caption, Source, Thresholds, count, listing
from rbc_tf.figures.drawing.predicted_patches import LETTERS, PredictedPatch, type_list
from rbc_tf.figures.sources import CannotMake, Drawn, FigureSources, cut
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD, exactly_right

_LARGEST_PATCH, _SMALLEST_PATCH = 34.0, 26.0
_HEADER = 4.6
_TALLEST = 225.0  # of a page, with room for the caption
_MODEL_HEADER = 3.6
_FOOTER = 18.0  # about what is printed below all

RULE = (
    "drawn at random among the regions with A right and B wrong, those of several cells and "
    "several types before those of several cells of one type, and these before single cells"
)

Pair = tuple[PredictedPatch, PredictedPatch]  # one region by Model A and by Model B


def make(sources: FigureSources) -> Drawn:
    found = sources.predictions
    missing = {MODEL_A, MODEL_B} - set(found.probabilities)
    if missing:
        raise CannotMake(f"the predictions hold no model {listing(sorted(missing))}")
    truth = found.labels == PRESENT
    a, b = (
        exactly_right(found.probabilities[model] > PLAIN_THRESHOLD, truth)
        for model in (MODEL_A, MODEL_B)
    )
    rows = choice.by_tier(
        choice.cell_tiers(found.num_cells, found.labels, a & ~b & found.scored),
        most(len(sources.names)),
        sources.settings.seed,
    )
    mixed = (found.num_cells > 1) & found.several_types
    counts = {
        "all_regions": agreement(a, b, found.scored),
        "mixed_regions": agreement(a, b, found.scored & mixed),
    }
    pairs = [_pair(sources, row) for row in rows]
    thresholds = Thresholds(sources.names, np.full(len(sources.names), PLAIN_THRESHOLD))
    text = caption(pairs, thresholds, counts, sources.source, len(np.unique(found.folds)))
    return draw(pairs, thresholds, counts, sources.settings.seed), text


def _pair(sources: FigureSources, row: int) -> Pair:
    found = sources.predictions
    name = str(found.images[row])
    try:
        sample = sources.dataset.sample(name)
    except KeyError as error:
        raise CannotMake(f"the predictions are of other images; {error.args[0]}") from error
    patch, num_cells = cut(sources.image(sample), found.boxes[row]), int(found.num_cells[row])
    a, b = (found.probabilities[model][row] for model in (MODEL_A, MODEL_B))
    known = (patch, name, num_cells, found.labels[row])
    return PredictedPatch(*known, a), PredictedPatch(*known, b)


def agreement(a: np.ndarray, b: np.ndarray, counted: np.ndarray) -> dict[str, int]:
    """How often each model predicts exactly the true types, over the same regions.

    Args:
        a, b: bool [N], whether each model is right.
        counted: bool [N], which regions count.
    """
    kinds = {"both_right": a & b, "only_a": a & ~b, "only_b": ~a & b, "both_wrong": ~a & ~b}
    return {kind: int((rows & counted).sum()) for kind, rows in kinds.items()}


def _in_words(counts: dict[str, int]) -> str:
    return (
        f"A right and B wrong: {counts['only_a']:,}; B right and A wrong: {counts['only_b']:,}; "
        f"both right: {counts['both_right']:,}; both wrong: {counts['both_wrong']:,}"
    )


def most(num_types: int) -> int:
    """How many regions of so many types fit on a page; at most 6."""
    return int(np.clip((_TALLEST - _FOOTER) // _item_height(num_types), 1, 6))


def _item_height(num_types: int) -> float:
    return _HEADER + max(_SMALLEST_PATCH, _MODEL_HEADER + bars.height(num_types)) + 2.5


@style.applied()
def draw(
    pairs: Sequence[Pair], thresholds: Thresholds, counts: dict[str, dict[str, int]], seed: int
) -> Figure:
    """One row per region: the patch, then A's bars and B's; the rule and all counts below.

    Args:
        pairs: regions with A right and B wrong.
        thresholds: of both models.
        counts: `agreement` over all_regions and over mixed_regions.
        seed: of the choice.
    """
    item = _item_height(len(thresholds.names))
    footer = [
        line for text in _footer(len(pairs), counts, seed) for line in style.wrap(text, style.WIDTH)
    ]
    below = len(footer) * style.line_height() + 2.0
    page = style.Page(max(len(pairs) * item, 6.0) + below)
    for number, pair in enumerate(pairs):
        page.title(0, number * item + 0.5, LETTERS[number])
        _draw_pair(page, number * item, pair, thresholds)
    if not pairs:
        page.text(0, 1, "there is no region with A right and B wrong", style="italic")
    page.lines(0, page.height - below + 2.0, footer)
    return page.figure


def _footer(num_shown: int, counts: dict[str, dict[str, int]], seed: int) -> list[str]:
    every, mixed = counts["all_regions"], counts["mixed_regions"]
    return [
        bars.LEGEND,
        f"{count(num_shown, 'region')}, {RULE} (seed {seed}).",
        f"Of {count(sum(every.values()), 'region')} completely labelled: {_in_words(every)}.",
        f"Of {sum(mixed.values()):,} of several cells and several types: {_in_words(mixed)}.",
    ]


def _draw_pair(page: style.Page, top: float, pair: Pair, thresholds: Thresholds) -> None:
    names, region = thresholds.names, pair[0]
    truth = type_list(region.labels == PRESENT, names)
    header = f"true: {truth}; {count(region.num_cells, 'cell')}, image {region.image}"
    page.text(4, top + 0.8, style.shorten(header, style.WIDTH - 4))
    top += _HEADER
    side = min(_item_height(len(names)) - _HEADER - 2.5, _LARGEST_PATCH)
    page.picture(region.patch, 0, top, side, side).set_anchor("NW")
    place = (side + 2.0, top + _MODEL_HEADER, style.WIDTH - side - 2.0)
    known = (names, region.labels, thresholds.values)
    columns = bars.draw(page, *place, *known, *(patch.probabilities for patch in pair))
    for model, patch, (left, width) in zip("AB", pair, columns, strict=True):
        predicted = type_list(patch.predicted(thresholds.values), names)
        header = style.shorten(f"Model {model}: {predicted}", width, bold=True)
        page.text(left, top, header, fontweight="bold")


def caption(
    pairs: Sequence[Pair],
    thresholds: Thresholds,
    counts: dict[str, dict[str, int]],
    source: Source,
    folds: int,
) -> Caption:
    """The rule of choice, the number that qualify, and the number of the reverse; as drawn."""
    every, mixed = counts["all_regions"], counts["mixed_regions"]
    text = (
        f"{count(len(pairs), 'region')} that Model A (trained on single-cell and multi-cell "
        "regions) predicts exactly right and Model B (trained on single-cell regions alone) does "
        f"not, {RULE} (seed {source.seed}). From a cross-validation of {folds} folds over "
        f"{source.dataset}: every region was scored by models whose training held no region of its "
        f"fold. Thresholds: {thresholds}. Over all {sum(every.values()):,} completely labelled "
        f"regions: {_in_words(every)}. Over the {sum(mixed.values()):,} of several cells and "
        f"several types: {_in_words(mixed)}."
    )
    facts = {"dataset": source.dataset, "seed": source.seed, "folds": folds, "rule": RULE}
    facts |= {"thresholds": thresholds.facts(), **counts}
    facts["regions"] = [_facts(pair, thresholds.names) for pair in pairs]
    return Caption(6, "Regions where Model A is right and Model B is wrong", text, facts)


def _facts(pair: Pair, names: Sequence[str]) -> dict:
    a, b = pair
    return {
        "image": a.image,
        "num_cells": a.num_cells,
        "true": type_list(a.labels == PRESENT, names),
        "A": np.asarray(a.probabilities),
        "B": np.asarray(b.probabilities),
    }
