"""What is written of a whole run, from the JSON of each image: tables, summary, report."""

import collections
import contextlib
import dataclasses
import pathlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TextIO

import tqdm
from absl import logging

from rbc_tf.core import csv_text, exposure, image_io
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.core.names import listed, printable
from rbc_tf.graphs import frozen
from rbc_tf.inference import (
    analysis,
    appearance,
    cell_scale,
    image_analysis,
    image_table,
    light,
    pretrained,
)
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.group_shares import Grouping, GroupShares
from rbc_tf.inference.report import page
from rbc_tf.inference.report.overview import Run
from rbc_tf.inference.results_folder import (
    GROUPS,
    IMAGE_TABLE,
    REGIONS,
    REPORT,
    RUN,
    SCALE,
    SUMMARY,
    ResultsFolder,
    result_name,
)
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.sharding import Shard
from rbc_tf.inference.view_config import AUTO
from rbc_tf.manifest.manifest import Manifest

# An image's path is a URL where images do not lie on this machine.
ImagePath = str | pathlib.Path


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What became of a run; `failed` maps names of images to reasons.

    `num_regions` is None of a share of the images;
    `report_path` is None where no report was asked for; `intensity` says the range of values of
    more than 8 bits, '' where no image leaves it open; `scaled` and `brightened` how many images
    were, '' where none was.
    """

    analyzed: int
    skipped: int
    failed: dict[str, str]
    summary_path: ImagePath
    num_regions: int | None = None
    report_path: ImagePath | None = None
    report_bytes: int = 0
    intensity: str = ""
    scaled: str = ""
    brightened: str = ""
    warnings: tuple[str, ...] = ()

    def text(self) -> str:
        """What a tool prints in the end."""
        lines = [
            f"analysed: {self.analyzed}, done before: {self.skipped}, failed: {len(self.failed)}",
            *(f"  {reason}" for reason in self.failed.values()),
            *([] if self.num_regions is None else [f"regions: {self.num_regions:,}"]),
            *([f"images of more than 8 bits: {self.intensity}"] if self.intensity else []),
            *filter(None, (self.scaled, self.brightened)),
            *(f"warning: {warning}" for warning in self.warnings),
            f"results: {posixpath.dirname(str(self.summary_path)) or '.'}",
        ]
        if self.report_path:
            lines.append(f"report: {self.report_path} ({self.report_bytes / 1e6:.1f} MB)")
        return "\n".join(lines)


def finish(
    bundle: Bundle,
    images: Mapping[str, ImagePath],
    failed: dict[str, str],
    analyzed: int,
    folder: ResultsFolder,
    config: RunConfig,
    read: Callable[[ImagePath], bytes] = image_io.read_bytes,
    sha256_of: Callable[[ImagePath], str | None] | None = None,
    warnings: tuple[str, ...] = (),
) -> RunSummary:
    """Writes the tables, summary.json and report.html; deletes results of others.

    An image that has been changed or taken away since it was analysed counts as failed: its
    regions would stand beside another picture.

    Args:
        bundle: that made the results.
        images: {name: path} of all images.
        failed: {name: reason} of those that have no result.
        analyzed: how many were analysed in this run.
        folder: of the results.
        config: how images were analysed and are shown.
        read: gives the content of an image's file, for its picture; raises ImageError.
        sha256_of: hash of an image's file; None where it cannot be read. Left out, changes are
            only noticed where pictures are made, and these left out.
        warnings: what there is to say of the input.
    """
    if sha256_of is not None:
        types = bundle.manifest.cell_types.names
        changed = _changed(folder, images, failed, sha256_of, types)
        failed, analyzed = failed | changed, max(0, analyzed - len(changed))
    names = sorted(images.keys() - failed.keys())
    # Not of those without a result: another shard may be writing it.
    gone = folder.keep_only(images)
    if gone:
        logging.warning("Results of %d images that are gone were deleted", gone)
    write_tables(bundle, names, failed, folder, grouping=config.grouping, warnings=warnings)
    size = 0
    if config.report_image_size is None:
        # One of an earlier run would show other results than those beside it.
        folder.delete(REPORT)
    else:
        found = {name: images[name] for name in names}
        size = _write_report(bundle, found, folder, config, read)
    summary = folder.read_json(SUMMARY) or {}
    return RunSummary(
        analyzed=analyzed,
        skipped=len(names) - analyzed,
        failed=failed,
        summary_path=folder.place(SUMMARY),
        num_regions=summary["num_regions"],
        report_path=None if config.report_image_size is None else folder.place(REPORT),
        report_bytes=size,
        intensity=summary["intensity"],
        scaled=summary["scaled"],
        brightened=summary["brightened"],
        warnings=tuple(summary["warnings"]),
    )


def _changed(
    folder: ResultsFolder,
    images: Mapping[str, ImagePath],
    failed: Mapping[str, str],
    sha256_of: Callable[[ImagePath], str | None],
    type_names: Sequence[str],
) -> dict[str, str]:
    """{name: reason} of images whose files are not those that were analysed."""
    changed = {}
    for name in images.keys() - failed.keys():
        analyzed = image_analysis.analyzed_sha256(folder, name, type_names)
        now = sha256_of(images[name])
        if now is None or analyzed != now:
            changed[name] = (
                f"{images[name]}: it, or its result, has been changed or taken away since it was "
                "analysed"
            )
            logging.error("%s", changed[name])
    return changed


def write_tables(
    bundle: Bundle,
    names: list[str],
    failed: dict[str, str],
    folder: ResultsFolder,
    shard: Shard = Shard(),
    grouping: Grouping = Grouping(),
    warnings: tuple[str, ...] = (),
) -> ImagePath:
    """Writes all tables (CSV) and summary.json, one image's JSON in memory at a time.

    Returns the path of the summary.
    """
    manifest = bundle.manifest
    cell_types = manifest.cell_types
    totals, by_type = collections.Counter(), collections.Counter()
    shares, remarks = GroupShares(cell_types, grouping), _Remarks()
    with (
        _table(folder, shard.file_name(REGIONS), analysis.csv_header(cell_types)) as regions,
        _table(folder, shard.file_name(IMAGE_TABLE), image_table.header(cell_types)) as images,
    ):
        for result in _load_results(folder, names):
            regions.writelines(map(csv_text.line, analysis.csv_rows(result)))
            images.write(csv_text.line(image_table.row(result, grouping)))
            totals["regions"] += result["num_regions"]
            totals["abnormal"] += result["num_abnormal_regions"]
            by_type.update(result["num_regions_by_type"])
            shares.add(result)
            remarks.add(result)
    with _table(folder, shard.file_name(GROUPS), shares.header()) as groups:
        groups.writelines(map(csv_text.line, shares.rows()))
    run = folder.read_json(RUN) or {}
    one_by_one = run.get("scale") == AUTO and not folder.exists(SCALE)
    summary_name = shard.file_name(SUMMARY)
    folder.write_json(
        summary_name,
        {
            "num_images": len(names),
            "num_failed": len(failed),
            "num_regions": totals["regions"],
            "num_regions_by_type": {name: by_type[name] for name in cell_types.names},
            "num_abnormal_regions": totals["abnormal"],
            **shares.to_json(),
            "thresholds": dict(zip(cell_types.names, manifest.thresholds, strict=True)),
            "threshold_objective": manifest.threshold_objective,
            "backbone": manifest.backbone,
            "precision": run.get("precision", frozen.FLOAT32),
            "intensity": _intensity(run),
            "scaled": cell_scale.note(
                remarks.scales, len(names), is_given=run.get("scale") != AUTO
            ),
            "brightened": light.note(remarks.gains, len(names)),
            "grouped_by": grouping.pattern,
            "warnings": [*warnings, *remarks.warnings(manifest, run, one_by_one)],
            "failed": failed,
        },
    )
    return folder.place(summary_name)


class _Remarks:
    """Collects what is to be said of the images of a run, one after the other."""

    def __init__(self):
        self.scales: dict[str, float] = {}
        self.gains: dict[str, float] = {}
        self._unlike: dict[str, Mapping[str, str]] = {}
        self._exposures: dict[str, str | None] = {}
        self._measured: list[float] = []  # factors of images that tell the size of their cells
        self._empty: list[str] = []
        self._images_of_file: dict[str, list[str]] = collections.defaultdict(list)
        self._num_grey = 0

    def add(self, result: Mapping) -> None:
        """Of one image, its JSON (`Analysis.to_json`)."""
        image = result["image"]
        self._exposures[image] = result.get("exposure")
        self._images_of_file[result["image_sha256"]].append(image)
        self._num_grey += result.get("grey", False)
        for kind, kept in (("unlike", self._unlike), ("scale", self.scales), ("gain", self.gains)):
            if kind in result:
                kept[image] = result[kind]
        if not result["num_regions"]:
            self._empty.append(image)
        size = result["height"], result["width"]
        if appearance.cell_size(analysis.boxes(result), *size) is not None:
            self._measured.append(result.get("scale", 1.0))

    def warnings(self, manifest: Manifest, run: Mapping, one_by_one: bool) -> list[str]:
        """A line for each thing to warn of.

        Args:
            manifest: of the bundle.
            run: the content of run.json.
            one_by_one: a scale was looked for, and each image has its own.
        """
        total = len(self._exposures)
        found = (
            _copies(self._images_of_file.values(), total),
            exposure.warning(self._exposures, total, has_range=bool(run.get("intensity"))),
            _nothing_found(self._empty, total),
            appearance.warning(self._unlike, total),
            cell_scale.warning_of_unlike(self._measured) if one_by_one else None,
            pretrained.for_grey_images(manifest, self._num_grey, total),
        )
        return [warning for warning in found if warning]


@contextlib.contextmanager
def _table(folder: ResultsFolder, name: str, header: Sequence[str]) -> Iterator[TextIO]:
    """A table to write rows to, with its header; it appears when the block ends."""
    with (
        folder.writing(name) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        file.write(csv_text.line(header))
        yield file


def _copies(same: Iterable[Sequence[str]], total: int) -> str | None:
    """One line of the images that are another one's file again; None where there are none.

    Args:
        same: names of the images of each file, in the order in which they were given.
        total: number of images.
    """
    copies = sorted((copy, first) for first, *others in same for copy in others)
    if not copies:
        return None
    shown = listed([f"{copy} of {first}" for copy, first in copies])
    return (
        f"{len(copies)} of {total} images are copies of others ({shown}), and intervals take "
        "them for independent"
    )


def _nothing_found(empty: Sequence[str], total: int) -> str | None:
    """One line of the images without regions; None where there are none."""
    if not empty:
        return None
    return f"no region was found in {len(empty)} of {total} images ({listed(empty)})"


def _intensity(run: Mapping) -> str:
    """The range of values of more than 8 bits in words; '' where no image leaves it open."""
    recorded = run.get("intensity")
    return str(IntensityRange.from_json(recorded)) if recorded else ""


def _write_report(
    bundle: Bundle,
    images: dict[str, ImagePath],
    folder: ResultsFolder,
    config: RunConfig,
    read: Callable[[ImagePath], bytes],
) -> int:
    """Writes report.html from the JSON files and images, one at a time; its size in bytes."""
    manifest, record = bundle.manifest, folder.read_json(RUN) or {}
    run = Run(
        cell_types=manifest.cell_types,
        thresholds=manifest.thresholds,
        threshold_objective=manifest.threshold_objective,
        score_threshold=manifest.score_threshold,
        abnormal_threshold=manifest.abnormal_threshold,
        summary=folder.read_json(SUMMARY),
        input=posixpath.basename(record.get("input", "").rstrip("/")),
        version=record.get("versions", {}).get("rbc_tf", ""),
        bundle=printable(bundle.source or bundle.path),
        bundle_sha256=bundle.sha256,
        bundle_created=manifest.created,
        bundle_versions=manifest.versions,
        backbone=manifest.backbone,
        at_least_one=manifest.calibration.at_least_one,
        held_out=manifest.metrics.held_out,
    )
    pairs = zip(_load_results(folder, list(images)), images.values(), strict=True)
    progress = tqdm.tqdm(pairs, desc="report", unit="image", total=len(images))
    with folder.writing(REPORT) as temporary:
        page.write_report(
            temporary, run, progress, config.report_image_size, config.intensity, read
        )
        return temporary.stat().st_size


def _load_results(folder: ResultsFolder, names: list[str]) -> Iterator[dict]:
    for name in names:
        result = folder.read_json(result_name(name))
        if result is None:
            raise ValueError(
                f"{folder.place(result_name(name))}: has been removed since it was written. Run "
                "again: what is missing is made anew"
            )
        yield result
