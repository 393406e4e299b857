"""The first part of the page: counts, thresholds and failures of a run, readable without scripts.

Whatever comes from files (names, types, reasons, paths) passes through `_text`.
"""

import dataclasses
import html
from collections.abc import Iterable, Mapping, Sequence

from rbc_tf.core import names
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.inference.group_shares import ABNORMAL
from rbc_tf.manifest.records import HeldOutScores
from rbc_tf.metrics.classified import ALL
from rbc_tf.metrics.region_scores import BOOSTING

_MOST_GROUPS = 200
_RANDOM = "random"


_AT_LEAST_ONE = (
    "Where none is above, that of highest probability is predicted, and the region is in doubt."
)
_OR_NONE = "Where none is above, it has none."


@dataclasses.dataclass(frozen=True)
class Run:
    """What the page says of a run besides its images.

    Attributes:
        cell_types: the T types.
        thresholds: of the types.
        threshold_objective: what they were chosen for.
        score_threshold: detections below were dropped.
        abnormal_threshold: above it a region counts as abnormal.
        summary: the run's summary.json; of it the counts and the failed images are used.
        input: name of the folder, or the image, that was analysed.
        version: of rbc_tf, that analysed it.
        bundle: where the bundle lies.
        bundle_sha256: hash of its manifest.
        bundle_created: when it was made.
        bundle_versions: of the packages that made it.
        backbone: where the features' weights come from.
        at_least_one: a region of which no type is above its threshold has the most probable one.
        held_out: how the bundle did on images that it has not seen.
    """

    cell_types: CellTypes
    thresholds: tuple[float, ...]
    threshold_objective: str
    score_threshold: float
    abnormal_threshold: float
    summary: Mapping
    input: str = ""
    version: str = ""
    bundle: str = ""
    bundle_sha256: str = ""
    bundle_created: str = ""
    bundle_versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    backbone: str = ""
    at_least_one: bool = False
    held_out: Sequence[HeldOutScores] = ()


def fragments(run: Run) -> dict[str, str]:
    """The pieces of HTML that page.html puts in place, by the name of their place."""
    summary = run.summary
    images = names.number(summary["num_images"], "image")
    return {
        "title": _text(f"Report: {f'{run.input}, ' if run.input else ''}{images}"),
        "headline": _headline(run),
        "warning": _warning(run),
        "errors": _errors(run.held_out),
        "at_least_one": _AT_LEAST_ONE if run.at_least_one else _OR_NONE,
        "type_rows": "\n".join(_type_rows(run)),
        "groups": _groups(summary["groups"]),
        "bundle_rows": "\n".join(_bundle_rows(run)),
        "failed": _failed(summary["failed"]),
    }


def share_text(found: Mapping[str, float | None]) -> str:
    """'37.5 % (13.7 to 69.4)', with the interval where there is one; a dash without regions."""
    if found["share"] is None:
        return "–"
    interval = f" ({_interval(found)})" if found["low"] is not None else ""
    return f"{100 * found['share']:.1f} %{interval}"


def _interval(found: Mapping[str, float | None]) -> str:
    return f"{100 * found['low']:.1f} to {100 * found['high']:.1f}"


def _headline(run: Run) -> str:
    summary = run.summary
    total, abnormal = summary["num_regions"], summary["num_abnormal_regions"]
    failed = summary["num_failed"]
    share = "–"
    note = "no region was found"
    found = summary["shares"][ABNORMAL]
    if total:
        share = f"{100 * found['share']:.1f} %"
        is_one = found["low"] is None
        note = "no interval: one image" if is_one else f"95 % interval {_interval(found)} %"
    figures = (
        (f"{summary['num_images']:,}", "images analysed", ""),
        (f"{failed:,}", "images failed", "listed below" if failed else "none"),
        (f"{total:,}", "regions found", f"score at least {run.score_threshold:g}"),
        (f"{abnormal:,}", "abnormal regions", f"probability above {run.abnormal_threshold:g}"),
        (share, "of regions abnormal", note),
    )
    return "\n".join(
        f"<div><dt>{_text(label)}</dt><dd><b>{_text(value)}</b><span>{_text(small)}</span></dd></div>"
        for value, label, small in figures
    )


def _errors(held_out: Sequence[HeldOutScores]) -> str:
    """A sentence on what intervals leave out: that the bundle errs, and how often, if known."""
    for scored in held_out:
        right = {
            score.name: f"{100 * score.value:.0f} %"
            for score in scored.scores
            if score.of.get("abnormality") == BOOSTING
            and score.of.get("subset") == ALL
            and score.value is not None
        }
        if {"sensitivity", "specificity"} <= set(right):
            kind = f"{scored.origin} " if scored.origin else ""
            return _text(
                f"They do not hold the bundle's own errors: on {scored.images:,} {kind}images of "
                f"{scored.dataset} that it had not seen, it was right about {right['sensitivity']} "
                f"of the abnormal regions and {right['specificity']} of the normal ones."
            )
    return "They do not hold the bundle's own errors, and how often it errs is not recorded."


def _warning(run: Run) -> str:
    warnings = [f"<b>Images.</b> {_text(text)}." for text in run.summary.get("warnings", ())]
    if run.backbone == _RANDOM:
        warnings.append(
            "<b>Features with random weights.</b> This bundle is for trying the software: its "
            "predictions mean little."
        )
    return "\n".join(f'<p class="warning">{warning}</p>' for warning in warnings)


def _type_rows(run: Run) -> Iterable[str]:
    total = run.summary["num_regions"]
    for cell_type, threshold in zip(run.cell_types, run.thresholds, strict=True):
        count = run.summary["num_regions_by_type"][cell_type.name]
        kind = "abnormal" if cell_type.abnormal else "normal"
        found = run.summary["shares"][cell_type.name]
        width = 100 * count / total if total else 0
        bar = (
            '<svg class="bar" width="120" height="10" viewBox="0 0 100 10" '
            f'preserveAspectRatio="none" aria-hidden="true"><rect class="{kind}" '
            f'width="{width:.2f}" height="10"/></svg>'
        )
        yield (
            f'<tr><th scope="row">{_text(cell_type.name)}</th>'
            f"<td>{_text(cell_type.display_name)}</td>"
            f'<td><span class="mark {kind}">{kind}</span></td>'
            f'<td class="n">{threshold:.3f}</td><td class="n">{count:,}</td>'
            f'<td class="n">{_text(share_text(found))}</td><td>{bar}</td></tr>'
        )


def _groups(groups: Mapping[str, Mapping]) -> str:
    """A table where there are several; the longest ones stay in groups.csv."""
    if len(groups) < 2:
        return ""
    rows = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th><td class="n">{found["num_images"]:,}</td>'
        f'<td class="n">{found["num_regions"]:,}</td>'
        f'<td class="n">{_text(share_text(found))}</td></tr>'
        for name, found in list(groups.items())[:_MOST_GROUPS]
    )
    more = len(groups) - _MOST_GROUPS
    note = f"<p>{more:,} more are in groups.csv.</p>" if more > 0 else ""
    return (
        '<h3>Groups</h3><table class="plain"><thead><tr><th scope="col">Group</th>'
        '<th scope="col" class="n">Images</th><th scope="col" class="n">Regions</th>'
        '<th scope="col" class="n">Abnormal regions (95 % interval)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{note}"
        '<p class="note">With the images of one patient in one folder, or with --group, a row is '
        "a patient's; groups.csv has the types as well.</p>"
    )


def _bundle_rows(run: Run) -> Iterable[str]:
    version = run.bundle_versions.get("rbc_tf", "")
    others = ", ".join(f"{k} {v}" for k, v in run.bundle_versions.items() if k != "rbc_tf")
    for term, value in (
        ("Analysed with", f"rbc_tf {run.version}" if run.version else ""),
        ("Bundle", run.bundle),
        ("Bundle made", run.bundle_created),
        (
            "Bundle made with",
            ", ".join(filter(None, (f"rbc_tf {version}" if version else "", others))),
        ),
        ("SHA-256 of its manifest", run.bundle_sha256),
        ("Weights of the features", run.backbone),
        ("Networks computed in", run.summary.get("precision", "")),
        ("Values of images of more than 8 bits", run.summary.get("intensity", "")),
        ("Scale", run.summary.get("scaled", "")),
        ("Light", run.summary.get("brightened", "")),
        ("Groups of images by", run.summary.get("grouped_by", "")),
        ("Thresholds of the types chosen for", run.threshold_objective.replace("_", " ")),
    ):
        if value:
            yield f"<dt>{_text(term)}</dt><dd>{_text(value)}</dd>"


def _failed(failed: Mapping[str, str]) -> str:
    if not failed:
        return "<p>None: every image was read and analysed.</p>"
    rows = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(reason)}</td></tr>'
        for name, reason in failed.items()
    )
    return (
        '<table class="plain"><thead><tr><th scope="col">Image</th><th scope="col">Reason</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _text(value: str) -> str:
    return html.escape(str(value), quote=True)
