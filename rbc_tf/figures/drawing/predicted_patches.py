"""Patches with their true types, their probabilities and the types predicted."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rbc_tf.core.types import PRESENT
from rbc_tf.figures.drawing import bars, captions, style
from rbc_tf.metrics.classified import decide
from rbc_tf.metrics.multilabel import exactly_right

MOST = 6  # of a page
LETTERS = "abcdefghij"

_COLUMNS = 2
_GAP = 6.0
_WIDTH = (style.WIDTH - _GAP * (_COLUMNS - 1)) / _COLUMNS
_PATCH = 30.0
_HEADER = 4.6
_FOOTER = 4.0  # the key below all


@dataclasses.dataclass(frozen=True, eq=False)
class PredictedPatch:
    """One region: what it is, and what is predicted of it.

    Attributes:
        patch: uint8 [S, S', 3].
        image: name of its image.
        num_cells: how many cells it holds.
        labels: int8 [T], 1 present, 0 absent, -1 unknown.
        probabilities: float [T].
        at_least_one: where no type is above its threshold, that of highest probability counts.
    """

    patch: np.ndarray
    image: str
    num_cells: int
    labels: np.ndarray
    probabilities: np.ndarray
    at_least_one: bool = False

    def predicted(self, thresholds: np.ndarray) -> np.ndarray:
        """bool [T], the types that are predicted at thresholds [T]."""
        probabilities = np.asarray(self.probabilities)[None]
        return decide(probabilities, np.asarray(thresholds), self.at_least_one)[0]

    def is_right(self, thresholds: np.ndarray) -> bool:
        """Whether exactly its types are predicted."""
        truth = np.asarray(self.labels) == PRESENT
        return bool(exactly_right(self.predicted(thresholds)[None], truth[None])[0])


def type_list(chosen: np.ndarray, names: Sequence[str]) -> str:
    """Names of the chosen types, 'none' where there is none."""
    return " + ".join(name for name, value in zip(names, chosen, strict=True) if value) or "none"


@style.applied()
def draw(patches: Sequence[PredictedPatch], names: Sequence[str], thresholds: np.ndarray) -> Figure:
    """Two columns of regions, at most `MOST`, in the order given."""
    patches = list(patches)[:MOST]
    texts = [_texts(patch, names, thresholds) for patch in patches]
    lines = max((len(text) for text in texts), default=0) * style.line_height()
    item = _HEADER + max(_PATCH + 1.5 + lines, bars.height(len(names))) + 3.5
    page = style.Page(max(1, -(-len(patches) // _COLUMNS)) * item + _FOOTER)
    for number, (patch, text) in enumerate(zip(patches, texts, strict=True)):
        row, column = divmod(number, _COLUMNS)
        left, top = column * (_WIDTH + _GAP), row * item
        page.title(left, top + 0.5, LETTERS[number])
        _draw_patch(page, left, top, patch, text, names, thresholds)
    if not patches:
        page.text(0, 1, "no completely labelled region in these images", style="italic")
    page.text(0, page.height - 3.0, bars.LEGEND)
    return page.figure


def _texts(patch: PredictedPatch, names: Sequence[str], thresholds: np.ndarray) -> list[str]:
    """The lines below a patch."""
    truth = style.wrap(f"true: {type_list(patch.labels == PRESENT, names)}", _PATCH)
    predicted = type_list(patch.predicted(thresholds), names)
    return truth + style.wrap(f"predicted: {predicted}", _PATCH)


def _draw_patch(page: style.Page, left, top, patch, text, names, thresholds) -> None:
    right = patch.is_right(thresholds)
    mark = f"{style.RIGHT} exactly right" if right else f"{style.WRONG} not right"
    header = f"{mark}; {captions.count(patch.num_cells, 'cell')}, image {patch.image}"
    page.text(left + 4, top + 0.8, style.shorten(header, _WIDTH - 4))
    top += _HEADER
    page.picture(patch.patch, left, top, _PATCH, _PATCH).set_anchor("NW")
    page.lines(left, top + _PATCH + 1.5, text)
    place = (left + _PATCH + 2.0, top, _WIDTH - _PATCH - 2.0)
    bars.draw(page, *place, names, patch.labels, thresholds, patch.probabilities)
