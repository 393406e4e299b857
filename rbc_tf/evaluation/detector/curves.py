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
from rbc_tf.evaluation.detector.scores import DetectorScores, Share

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
    average_precision: float
    precision: np.ndarray
    recall: np.ndarray


def write_detector_curves(
    stem: str | pathlib.Path, curves: Sequence[Curve], scores: DetectorScores
) -> list[pathlib.Path]:
    """Writes the picture as STEM.png and STEM.svg and returns the paths.

    Args:
        stem: path without extension.
        curves: at most four, by IoU; the operating point of `scores` is one of the first.
        scores: of the same detections.

    Raises:
        ValueError: there is no curve, or more than four.
    """
    if not 1 <= len(curves) <= len(_STYLES):
        raise ValueError(f"1 to {len(_STYLES)} curves are required. Received: {len(curves)}")
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _draw_curves(left, curves, scores)
        _draw_recalls(right, scores)
        return [_save(figure, pathlib.Path(f"{stem}{extension}")) for extension in (".png", ".svg")]


def _draw_curves(axes: Axes, curves: Sequence[Curve], scores: DetectorScores) -> None:
    for curve, (colour, style) in zip(curves, _STYLES, strict=False):
        known = not np.isnan(curve.average_precision)
        value = f"{curve.average_precision:.3f}" if known else "nothing to find"
        label = f"IoU {curve.min_iou:.2f}: AP {value}"
        axes.plot(curve.recall, curve.precision, style, color=colour, lw=1.6, label=label)
    point = scores.threshold
    label = f"score {point.score_threshold:g} (IoU {curves[0].min_iou:.2f})"
    axes.plot(
        point.recall, point.precision, "o", ms=7, mfc="white", mec=_MARK, mew=1.6, label=label,
        zorder=3, clip_on=False,
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"{scores.summary.num_true:,} regions in {scores.summary.num_images:,} images")
    axes.grid(alpha=0.3, lw=0.6)
    axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none")


def _draw_recalls(axes: Axes, scores: DetectorScores) -> None:
    """A dot per kind of region, with its interval, the figure and the number of regions."""
    kinds = {"all": scores.recall, **scores.recall_by_kind}
    places = np.arange(len(kinds))[::-1]
    for place, share in zip(places, kinds.values(), strict=True):
        _draw_share(axes, place, share)
    axes.set_yticks(places, [f"{kind}\n({share.total:,})" for kind, share in kinds.items()])
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set(xlim=_recall_range(kinds.values()), ylim=(-0.6, len(kinds) - 0.4))
    axes.set_xlabel(_recall_label(scores))
    axes.set_title(f"Recall at score {scores.threshold.score_threshold:g}")
    axes.grid(axis="x", alpha=0.3, lw=0.6)


def _draw_share(axes: Axes, place: int, share: Share) -> None:
    if np.isnan(share.value):
        return
    colour = _STYLES[0][0]
    low, high = share.interval or (share.value, share.value)
    axes.plot((low, high), (place, place), "-", color=colour, lw=1.6)
    axes.plot(share.value, place, "o", color=colour, ms=5, clip_on=False)
    axes.annotate(
        f"{share.value:.3f}", (share.value, place), (0, 5), textcoords="offset points",
        ha="center", fontsize=8,
    )  # fmt: skip


def _recall_label(scores: DetectorScores) -> str:
    if scores.recall.interval is None:
        return "recall"
    return f"recall, with 95 % interval over {scores.num_groups} groups"


def _recall_range(shares) -> tuple[float, float]:
    """From the tenth below the lowest end of an interval, up to 1."""
    ends = [(share.interval or (share.value,))[0] for share in shares if not np.isnan(share.value)]
    lowest = min(ends, default=0.0)
    return max(0.0, np.floor(10 * lowest - 0.5) / 10), 1.0


def _save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DOTS_PER_INCH, metadata=metadata)
    return path
