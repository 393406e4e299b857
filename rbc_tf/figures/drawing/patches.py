"""Figure 5: patches with their true types, probabilities and the types named."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.types import PRESENT
from rbc_tf.figures.drawing import captions, probabilities, style

COLUMNS, MOST = 2, 6

_GAP = 6.0
_WIDTH = (style.WIDTH - _GAP * (COLUMNS - 1)) / COLUMNS
_PATCH = 30.0
_HEADER = 4.6
_FOOTER = 4.0  # the key below all


@dataclasses.dataclass(frozen=True, eq=False)
class PatchAnswer:
    """One region: what it is, and what the chain says of it.

    Attributes:
        patch: uint8 [S, S', 3].
        image: name of its image.
        num_cells: how many cells it holds.
        labels: int8 [T], 1 present, 0 absent, -1 unknown.
        probabilities: float [T].
    """

    patch: np.ndarray
    image: str
    num_cells: int
    labels: np.ndarray
    probabilities: np.ndarray

    def named(self, thresholds: np.ndarray) -> np.ndarray:
        """bool [T], the types above their thresholds."""
        return np.asarray(self.probabilities) > np.asarray(thresholds)

    def is_right(self, thresholds: np.ndarray) -> bool:
        """Whether exactly its types are named."""
        return bool((self.named(thresholds) == (np.asarray(self.labels) == PRESENT)).all())


@style.styled
def draw(answers: Sequence[PatchAnswer], names: Sequence[str], thresholds: np.ndarray) -> Figure:
    """Two columns of regions, at most `MOST`, in the order given."""
    answers = list(answers)[:MOST]
    texts = [_texts(answer, names, thresholds) for answer in answers]
    item = _item_height(len(names), texts)
    rows = -(-len(answers) // COLUMNS)
    page = style.Page(max(1, rows) * item + _FOOTER)
    for number, (answer, text) in enumerate(zip(answers, texts, strict=True)):
        left = (number % COLUMNS) * (_WIDTH + _GAP)
        top = (number // COLUMNS) * item
        _draw_item(page, left, top, "abcdefghij"[number], answer, text, names, thresholds)
    if not answers:
        page.text(0, 1, "no completely labelled region in these images", style="italic")
    page.text(0, page.height - 3.0, probabilities.LEGEND)
    return page.figure


def type_list(chosen: np.ndarray, names: Sequence[str]) -> str:
    """Names of the chosen types, 'none' where there is none."""
    return " + ".join(name for name, value in zip(names, chosen, strict=True) if value) or "none"


def _texts(answer: PatchAnswer, names: Sequence[str], thresholds: np.ndarray) -> list[str]:
    """The lines below a patch."""
    truth = style.wrap(f"true: {type_list(answer.labels == PRESENT, names)}", _PATCH)
    named = style.wrap(f"named: {type_list(answer.named(thresholds), names)}", _PATCH)
    return truth + named


def _item_height(num_types: int, texts: Sequence[list[str]]) -> float:
    lines = max((len(text) for text in texts), default=0)
    left = _PATCH + 1.5 + lines * style.line_height()
    return _HEADER + max(left, probabilities.height(num_types)) + 3.5


def _draw_item(page, left, top, letter, answer, text, names, thresholds) -> None:
    mark = style.RIGHT if answer.is_right(thresholds) else style.WRONG
    verdict = "exactly right" if answer.is_right(thresholds) else "not right"
    page.title(left, top + 0.5, letter)
    cells = captions.count(answer.num_cells, "cell")
    header = f"{mark} {verdict}; {cells}, image {answer.image}"
    page.text(left + 4, top + 0.8, style.shorten(header, _WIDTH - 4))
    top += _HEADER
    axes = page.picture(answer.patch, left, top, _PATCH, _PATCH)
    axes.set_anchor("NW")
    page.lines(left, top + _PATCH + 1.5, text)
    bars = left + _PATCH + 2.0
    names_width = probabilities.names_width(names)
    probabilities.draw_names(page, bars, top, names, answer.labels)
    width = _WIDTH - _PATCH - 2.0 - names_width
    probabilities.draw_bars(
        page,
        bars + names_width,
        top,
        width,
        answer.probabilities,
        thresholds,
        answer.labels,
    )


def caption(
    answers: Sequence[PatchAnswer],
    names: Sequence[str],
    thresholds: np.ndarray,
    source: captions.Source,
    rule: str,
    patches: str,
    objective: str = captions.PLAIN,
) -> captions.Caption:
    """Which regions these are, by which rule, and how many of them are right.

    Args:
        answers: those drawn.
        names: of the T types.
        thresholds: float [T].
        source: of the images.
        rule: by which the regions were chosen.
        patches: how they were cut, in words.
        objective: of the thresholds, see `captions.thresholds`.
    """
    answers = list(answers)[:MOST]
    right = sum(answer.is_right(thresholds) for answer in answers)
    text = (
        f"{captions.count(len(answers), 'region')} from {source}, {rule}. Patches as the networks "
        f"get them ({patches}; brown-grey is filled in), on the true boxes. Beside each, the "
        "probability of each type; a type is named above its threshold, the black line "
        f"({captions.thresholds(names, thresholds, objective)}). A dot marks true types, a cross "
        f"what is wrong. Exactly right: {right} of {len(answers)}; a choice of this size measures "
        "nothing."
    )
    facts = dataclasses.asdict(source) | {
        "rule": rule,
        "thresholds": dict(zip(names, map(float, thresholds), strict=True)),
        "right": right,
        "regions": [_facts(answer, names, thresholds) for answer in answers],
    }
    return captions.Caption(5, "Patches with their types and probabilities", text, facts)


def _facts(answer: PatchAnswer, names: Sequence[str], thresholds: np.ndarray) -> dict:
    return {
        "image": answer.image,
        "num_cells": answer.num_cells,
        "true": type_list(answer.labels == PRESENT, names),
        "named": type_list(answer.named(thresholds), names),
        "probabilities": np.asarray(answer.probabilities),
    }
