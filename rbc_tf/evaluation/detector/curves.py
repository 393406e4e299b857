"""Pictures of a detector's scores: precision against recall, and recall by kind of region.

Lines differ by style, which grey print keeps, as well as by colour; the colours are Okabe and
Ito's, which colour-blind people can tell apart.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rbc_tf.core import files
from rbc_tf.core import score as score_lib
from rbc_tf.core.score import Score
from rbc_tf.evaluation.detector.tables import subset_title

# (colour, line style) of the curves in their order.
_STYLES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#000000", "-."))
_MARK = "#000000"
_DOTS_PER_INCH = 200
# Text of 9 points stays readable where the picture fills the width of a page.
_SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "rbc_tf",  # the same picture gives the same file
}


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall, float64 [N] each, as the threshold falls; at one IoU.

    The curve is drawn as measured; `average_precision` is the area under the best precision at
    each recall or above.
    """

    min_iou: float
    average_precision: float | None
    precision: np.ndarray
    recall: np.ndarray


def write_detector_curves(
    stem: str | pathlib.Path,
    curves: Sequence[Curve],
    scores: Sequence[Score],
    score_threshold: float,
) -> list[pathlib.Path]:
    """Writes the picture as STEM.png and STEM.svg and returns the paths.

    Args:
        stem: path without extension.
        curves: at most four, by IoU; the operating point of `scores` is one of the first.
        scores: of the same detections.
        score_threshold: of the operating point and of recall.

    Raises:
        ValueError: there is no curve, or more than four.
    """
    if not 1 <= len(curves) <= len(_STYLES):
        raise ValueError(f"1 to {len(_STYLES)} curves are required. Received: {len(curves)}")
    at = {"score_threshold": f"{score_threshold:g}"}
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _draw_curves(left, curves, scores, at)
        _draw_recalls(right, scores, at)
        return [_save(figure, pathlib.Path(f"{stem}{extension}")) for extension in (".png", ".svg")]


def _draw_curves(
    axes: Axes, curves: Sequence[Curve], scores: Sequence[Score], at: dict[str, str]
) -> None:
    for curve, (colour, style) in zip(curves, _STYLES, strict=False):
        known = curve.average_precision is not None
        value = f"{curve.average_precision:.3f}" if known else "nothing to find"
        label = f"IoU {curve.min_iou:.2f}: AP {value}"
        axes.plot(curve.recall, curve.precision, style, color=colour, lw=1.6, label=label)
    recall, precision = (score_lib.one(scores, name, **at) for name in ("recall", "precision"))
    label = f"score {at['score_threshold']} (IoU {curves[0].min_iou:.2f})"
    if recall.value is not None and precision.value is not None:
        axes.plot(
            recall.value, precision.value, "o", ms=7, mfc="white", mec=_MARK, mew=1.6,
            label=label, zorder=3, clip_on=False,
        )  # fmt: skip
    num_images = score_lib.one(scores, "num_images").value
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"{recall.support:,} regions in {num_images:,} images")
    axes.grid(alpha=0.3, lw=0.6)
    axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none")


def _draw_recalls(axes: Axes, scores: Sequence[Score], at: dict[str, str]) -> None:
    """A dot for all regions and for each subset, with its interval, value and support."""
    recalls = score_lib.select(scores, "recall", **at)
    places = np.arange(len(recalls))[::-1]
    for place, recall in zip(places, recalls, strict=True):
        _draw_recall(axes, place, recall)
    axes.set_yticks(places, [f"{subset_title(r)}\n({r.support:,})" for r in recalls])
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set(xlim=_recall_range(recalls), ylim=(-0.6, len(recalls) - 0.4))
    num_groups = score_lib.one(scores, "num_groups").value
    interval = f", with 95 % interval over {num_groups} groups" if recalls[0].interval else ""
    axes.set_xlabel(f"recall{interval}")
    axes.set_title(f"Recall at score {at['score_threshold']}")
    axes.grid(axis="x", alpha=0.3, lw=0.6)


def _draw_recall(axes: Axes, place: int, recall: Score) -> None:
    if recall.value is None:
        return
    colour = _STYLES[0][0]
    axes.plot(recall.interval or (recall.value,) * 2, (place, place), "-", color=colour, lw=1.6)
    axes.plot(recall.value, place, "o", color=colour, ms=5, clip_on=False)
    axes.annotate(
        f"{recall.value:.3f}", (recall.value, place), (0, 5), textcoords="offset points",
        ha="center", fontsize=8,
    )  # fmt: skip


def _recall_range(recalls: Sequence[Score]) -> tuple[float, float]:
    """From the tenth below the lowest end of an interval, up to 1."""
    ends = [(r.interval or (r.value,))[0] for r in recalls if r.value is not None]
    lowest = min(ends, default=0.0)
    return max(0.0, np.floor(10 * lowest - 0.5) / 10), 1.0


def _save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DOTS_PER_INCH, metadata=metadata)
    return path
