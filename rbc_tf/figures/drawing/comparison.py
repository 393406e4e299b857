"""Figure 6: regions where one model is right and another wrong, with both probabilities."""

import dataclasses

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.types import PRESENT
from rbc_tf.figures.drawing import captions, choice, probabilities, style
from rbc_tf.figures.drawing.patches import PatchAnswer, type_list

_LARGEST_PATCH, _SMALLEST_PATCH = 34.0, 26.0
_HEADER = 4.6
_TALLEST = 225.0  # of a page, with room for the caption
_MODEL_HEADER = 3.6
_FOOTER = 18.0  # about what is printed below all


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How often each model names exactly the true types, over the same complete regions."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int

    @property
    def total(self) -> int:
        return self.both_right + self.only_a + self.only_b + self.both_wrong

    def __str__(self) -> str:
        return (
            f"A right and B wrong: {self.only_a:,}; B right and A wrong: {self.only_b:,}; "
            f"both right: {self.both_right:,}; both wrong: {self.both_wrong:,}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """One region with the answers of both models; the fields are those of `PatchAnswer`."""

    a: PatchAnswer
    b: PatchAnswer


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What is drawn, and what it was drawn from.

    Attributes:
        regions: those chosen, all with A right and B wrong.
        names: of the T types.
        thresholds: float [T], of both models.
        all_regions: agreement over all complete regions.
        mixed_regions: the same over those of several cells and several types.
    """

    regions: tuple[Compared, ...]
    names: tuple[str, ...]
    thresholds: np.ndarray
    all_regions: Agreement
    mixed_regions: Agreement


RULE = (
    "drawn at random among the regions with A right and B wrong, those of several cells and "
    "several types before those of several cells of one type, and these before single cells"
)


def right(probabilities_of: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """bool [N], whether exactly the true types are named; float [N, T], int8 [N, T], float [T]."""
    return ((probabilities_of > thresholds) == (labels == PRESENT)).all(axis=1)


def agreement(a: np.ndarray, b: np.ndarray, counted: np.ndarray) -> Agreement:
    """Counts over bool [N] each: whether A is right, whether B is, which regions count."""
    return Agreement(
        both_right=int((a & b & counted).sum()),
        only_a=int((a & ~b & counted).sum()),
        only_b=int((~a & b & counted).sum()),
        both_wrong=int((~a & ~b & counted).sum()),
    )


def choose(
    a: np.ndarray,
    b: np.ndarray,
    labels: np.ndarray,
    num_cells: np.ndarray,
    complete: np.ndarray,
    count: int,
    seed: int,
) -> np.ndarray:
    """Regions to draw, by `RULE`.

    Args:
        a, b: bool [N], whether each model is right.
        labels: int8 [N, T].
        num_cells: int [N].
        complete: bool [N]; the others are never scored, nor drawn.
        count: how many at most.
        seed: of the choice.

    Returns:
        int64 [<= count], indices.
    """
    return choice.by_tier(choice.cell_tiers(num_cells, labels, a & ~b & complete), count, seed)


def most(num_types: int) -> int:
    """How many regions of so many types fit on a page; at most 6."""
    return int(np.clip((_TALLEST - _FOOTER) // _item_height(num_types), 1, 6))


@style.styled
def draw(comparison: Comparison, seed: int) -> Figure:
    """One row per region: the patch, then A's bars and B's; the rule and all counts below."""
    names = comparison.names
    item = _item_height(len(names))
    footer = [line for text in _footer(comparison, seed) for line in style.wrap(text, style.WIDTH)]
    below = len(footer) * style.line_height() + 2.0
    page = style.Page(max(len(comparison.regions) * item, 6.0) + below)
    for number, compared in enumerate(comparison.regions):
        _draw_item(page, number * item, "abcdefghij"[number], compared, comparison)
    if not comparison.regions:
        page.text(0, 1, "there is no region with A right and B wrong", style="italic")
    page.lines(0, page.height - below + 2.0, footer)
    return page.figure


def _footer(comparison: Comparison, seed: int) -> list[str]:
    chosen = captions.count(len(comparison.regions), "region")
    return [
        probabilities.LEGEND,
        f"{chosen}, {RULE} (seed {seed}).",
        f"Of {captions.count(comparison.all_regions.total, 'region')} completely labelled: "
        f"{comparison.all_regions}.",
        f"Of {comparison.mixed_regions.total:,} of several cells and several types: "
        f"{comparison.mixed_regions}.",
    ]


def _patch_side(num_types: int) -> float:
    """As high as the bars, within limits."""
    bars = _MODEL_HEADER + probabilities.height(num_types)
    return float(np.clip(bars, _SMALLEST_PATCH, _LARGEST_PATCH))


def _item_height(num_types: int) -> float:
    bars = _MODEL_HEADER + probabilities.height(num_types)
    return _HEADER + max(_patch_side(num_types), bars) + 2.5


def _draw_item(page, top, letter, compared: Compared, comparison: Comparison) -> None:
    names, region = comparison.names, compared.a
    cells = captions.count(region.num_cells, "cell")
    truth = type_list(region.labels == PRESENT, names)
    page.title(0, top + 0.5, letter)
    header = f"true: {truth}; {cells}, image {region.image}"
    page.text(4, top + 0.8, style.shorten(header, style.WIDTH - 4))
    top += _HEADER
    side = _patch_side(len(names))
    page.picture(region.patch, 0, top, side, side).set_anchor("NW")
    left = side + 2.0
    names_width = probabilities.names_width(names)
    width = (style.WIDTH - left - names_width - 4.0) / 2
    probabilities.draw_names(page, left, top + _MODEL_HEADER, names, region.labels)
    models = (("Model A", compared.a, style.BLUE), ("Model B", compared.b, style.ORANGE))
    for place, (model, answer, colour) in enumerate(models):
        start = left + names_width + place * (width + 4.0)
        named = type_list(answer.named(comparison.thresholds), names)
        header = style.shorten(f"{model}: {named}", width, bold=True)
        page.text(start, top, header, fontweight="bold")
        probabilities.draw_bars(
            page,
            start,
            top + _MODEL_HEADER,
            width,
            answer.probabilities,
            comparison.thresholds,
            answer.labels,
            colour,
        )


def caption(comparison: Comparison, source: captions.Source, folds: int) -> captions.Caption:
    """The rule of choice, the number that qualify, and the number of the reverse.

    Args:
        comparison: what is drawn.
        source: of the images.
        folds: of the cross-validation.
    """
    names, thresholds = comparison.names, comparison.thresholds
    text = (
        f"{captions.count(len(comparison.regions), 'region')} that Model A (trained on single-cell "
        "and multi-cell regions) names exactly right and Model B (trained on single-cell regions "
        f"alone) does not, {RULE} (seed {source.seed}). From a cross-validation of {folds} folds "
        f"over {source.dataset}: every region was scored by models whose training held no "
        f"region of its fold. Thresholds: {captions.thresholds(names, thresholds)}. "
        f"Over all {comparison.all_regions.total:,} completely labelled regions: "
        f"{comparison.all_regions}. Over the {comparison.mixed_regions.total:,} of several cells "
        f"and several types: {comparison.mixed_regions}."
    )
    facts = {
        "dataset": source.dataset,
        "seed": source.seed,
        "folds": folds,
        "rule": RULE,
        "thresholds": dict(zip(names, map(float, thresholds), strict=True)),
        "all_regions": dataclasses.asdict(comparison.all_regions),
        "mixed_regions": dataclasses.asdict(comparison.mixed_regions),
        "regions": [_facts(compared, names) for compared in comparison.regions],
    }
    return captions.Caption(6, "Regions where Model A is right and Model B is wrong", text, facts)


def _facts(compared: Compared, names: tuple[str, ...]) -> dict:
    return {
        "image": compared.a.image,
        "num_cells": compared.a.num_cells,
        "true": type_list(compared.a.labels == PRESENT, names),
        "A": np.asarray(compared.a.probabilities),
        "B": np.asarray(compared.b.probabilities),
    }
