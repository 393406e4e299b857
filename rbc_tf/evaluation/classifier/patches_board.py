"""The patches that a classifier does worst on, with truth, probabilities and predictions."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from rbc_tf.core import text_table
from rbc_tf.core.types import PRESENT
from rbc_tf.figures.drawing import predicted_patches, style


@dataclasses.dataclass(frozen=True, eq=False)
class WorstPatch:
    """One region, where it is, and its loss.

    Attributes:
        predicted: the patch, its truth and what is predicted for it.
        box: (ymin, xmin, ymax, xmax) in pixels of its image.
        loss: cross-entropy by which it was chosen.
    """

    predicted: predicted_patches.PredictedPatch
    box: tuple[float, float, float, float]
    loss: float


def write_worst_patches(
    tag: str,
    worst: Sequence[WorstPatch],
    names: Sequence[str],
    thresholds: np.ndarray,
    what: str,
) -> None:
    """Writes pages of six under IMAGES and a table under TEXT with the default writer.

    Args:
        tag: of the pages, TAG/1, TAG/2, ...
        worst: highest loss first.
        names: of the T types.
        thresholds: float [T], on the calibrated probabilities.
        what: which patches these are.
    """
    for start in range(0, len(worst), predicted_patches.MOST):
        page = worst[start : start + predicted_patches.MOST]
        figure = predicted_patches.draw([w.predicted for w in page], names, thresholds)
        places = f"{start + 1} to {start + len(page)}"
        losses = f"losses {page[0].loss:.2f} to {page[-1].loss:.2f}"
        tf.summary.image(
            f"{tag}/{start // predicted_patches.MOST + 1}",
            style.pixels(figure)[None],
            step=0,
            description=f"{what}: {places}, {losses}",
        )
    if worst:
        table = _table(worst, names, thresholds, what)
        tf.summary.text(tag, text_table.markdown(table), step=0)


def _table(worst, names, thresholds, what) -> text_table.Table:
    rows = []
    for place, patch in enumerate(worst, start=1):
        shown = patch.predicted
        true = predicted_patches.type_list(shown.labels == PRESENT, names)
        predicted = predicted_patches.type_list(shown.predicted(thresholds), names)
        box = ", ".join(f"{edge:g}" for edge in patch.box)
        rows.append((str(place), shown.image, box, true, predicted, f"{patch.loss:.2f}"))
    header = ("", "image", "ymin, xmin, ymax, xmax", "true", "predicted", "loss")
    return text_table.Table(what, header, tuple(rows))
