"""Analysis of images with a bundle: per image a JSON and an overlay, for the run a table.

    OUTPUT_DIR/run.json               the bundle and settings that made everything here
    OUTPUT_DIR/images/NAME.json       regions of one image
    OUTPUT_DIR/overlays/NAME.png      the image with its regions drawn
    OUTPUT_DIR/regions.csv            one row per region of all images
    OUTPUT_DIR/summary.json           counts of the run, and the images that failed with reasons
    OUTPUT_DIR/report.html            all of it in one file to open in a browser

NAME is the image's path below the input folder, extension included. An image is done when its
JSON is there, which is written last; a second run does what is left and what failed.

Runs that share the work (`Shard`) write their tables as regions-00000-of-00010.csv and
summary-00000-of-00010.json beside the same images and overlays; `merge` then makes those of all.
"""

import collections
import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator

import tqdm
from absl import logging

from rbc_tf import artifacts, config, image_io
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.pipeline import results, sharding
from rbc_tf.pipeline.bundle import Bundle
from rbc_tf.pipeline.chain import Chain
from rbc_tf.pipeline.sharding import Shard
from rbc_tf.report import overlay
from rbc_tf.report.html import page
from rbc_tf.report.html.overview import Run

_RUN, _SUMMARY, _REGIONS, _REPORT = "run.json", "summary.json", "regions.csv", "report.html"
_IMAGES, _OVERLAYS = "images", "overlays"


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What became of a run; `failed` maps names of images to reasons.

    `report_path` is None where no report was asked for.
    """

    analyzed: int
    skipped: int
    failed: dict[str, str]
    summary_path: pathlib.Path
    report_path: pathlib.Path | None = None


def analyze(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    overwrite: bool = False,
    report_image_size: int | None = page.DEFAULT_IMAGE_SIZE,
    tiling_config: TilingConfig = TilingConfig(),
    shard: Shard = Shard(),
    retry_failed: bool = True,
) -> RunSummary:
    """Analyses one image, or every image in a folder and its subfolders.

    One image that cannot be read is noted and the rest go on.

    Args:
        bundle: the trained parts.
        input_path: an image or a folder.
        output_dir: where the results go.
        overwrite: analyse again what is done already.
        report_image_size: longer side of the pictures in report.html, in pixels; 0: a report
            without pictures; None: no report.
        tiling_config: how large images are cut for detection.
        shard: the share of the images to do. A share makes no report.
        retry_failed: try again what failed in an earlier run; otherwise it is listed as it was.

    Raises:
        ValueError: there is no image, `output_dir` holds results of another bundle, at other
            thresholds or with other tiles, or a share is to overwrite those of the others.
        OSError: `output_dir` cannot be written.
    """
    if overwrite and shard.count > 1:
        raise ValueError("A shard cannot overwrite: it would delete what the others have done")
    output_dir = pathlib.Path(output_dir)
    images = find_images(pathlib.Path(input_path), output_dir)
    images = {name: path for name, path in images.items() if shard.holds(name)}
    _prepare(output_dir, bundle, tiling_config, overwrite)
    done = {} if overwrite else {n: p for n, p in images.items() if _is_done(output_dir, n, p)}
    failed = {} if retry_failed else sharding.earlier_failures(output_dir, _SUMMARY)
    failed = {name: failed[name] for name in images if name in failed and name not in done}
    todo = {name: images[name] for name in images if name not in done and name not in failed}
    if todo:
        failed |= _analyze_images(bundle, tiling_config, todo, output_dir)
    analyzed = len(images) - len(done) - len(failed)
    if shard.count == 1:
        return _finish(bundle, images, failed, analyzed, output_dir, report_image_size)
    summary_path = _write_tables(bundle, _others(images, failed), failed, output_dir, shard)
    return RunSummary(analyzed, len(done), failed, summary_path)


def merge(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    report_image_size: int | None = page.DEFAULT_IMAGE_SIZE,
    tiling_config: TilingConfig = TilingConfig(),
) -> RunSummary:
    """Makes the tables and the report from the results of all shards, and analyses nothing.

    An image without a result is listed as failed, with the reason of its shard where there is one.

    Raises:
        ValueError: there is no image or no result, or those of another bundle, at other
            thresholds or with other tiles.
        OSError: `output_dir` cannot be written.
    """
    output_dir = pathlib.Path(output_dir)
    if not (output_dir / _RUN).is_file():
        raise ValueError(f"{output_dir}: holds no results to merge (it has no {_RUN})")
    images = find_images(pathlib.Path(input_path), output_dir)
    _prepare(output_dir, bundle, tiling_config, overwrite=False)
    known = sharding.earlier_failures(output_dir, _SUMMARY)
    failed = {
        name: known.get(name, f"{path}: {sharding.NOT_ANALYSED}")
        for name, path in images.items()
        if not _is_done(output_dir, name, path)
    }
    return _finish(bundle, images, failed, 0, output_dir, report_image_size)


def _finish(
    bundle: Bundle,
    images: dict[str, pathlib.Path],
    failed: dict[str, str],
    analyzed: int,
    output_dir: pathlib.Path,
    report_image_size: int | None,
) -> RunSummary:
    names = _others(images, failed)
    summary_path = _write_tables(bundle, names, failed, output_dir, Shard())
    report_path = _write_report(
        bundle, {name: images[name] for name in names}, output_dir, report_image_size
    )
    return RunSummary(analyzed, len(names) - analyzed, failed, summary_path, report_path)


def _others(images: dict[str, pathlib.Path], failed: dict[str, str]) -> list[str]:
    return sorted(images.keys() - failed.keys())


def find_images(input_path: pathlib.Path, output_dir: pathlib.Path) -> dict[str, pathlib.Path]:
    """{name: path} of the images to analyse; `output_dir` is left out where it lies inside.

    Raises ValueError where there is none.
    """
    if input_path.is_file():
        return {input_path.name: input_path}
    if not input_path.is_dir():
        raise ValueError(f"{input_path}: there is no such image or folder")
    output_dir = output_dir.resolve()
    images = {}
    for folder in sorted([input_path, *(p for p in input_path.rglob("*") if p.is_dir())]):
        if output_dir in (folder.resolve(), *folder.resolve().parents):
            continue
        for path in image_io.list_images(folder):
            images[path.relative_to(input_path).as_posix()] = path
    if not images:
        extensions = ", ".join(image_io.EXTENSIONS)
        raise ValueError(f"{input_path}: holds no image ({extensions})")
    return images


def _prepare(
    output_dir: pathlib.Path, bundle: Bundle, tiling_config: TilingConfig, overwrite: bool
) -> None:
    """Writes run.json, or holds it against this run's bundle, thresholds and tiles."""
    tiles = tiling_config.resolve(bundle.manifest.provenance.get("detector", {}))
    run = {
        "bundle": str(bundle.path),
        "bundle_sha256": bundle.sha256,
        "cell_types": list(bundle.manifest.cell_types.names),
        "thresholds": list(bundle.manifest.thresholds),
        "threshold_objective": bundle.manifest.threshold_objective,
        "tiles": None if tiles is None else config.to_dict(tiles),
        "versions": artifacts.versions(),
    }
    path = output_dir / _RUN
    if path.exists() and overwrite:
        # All of them first: a run that is killed must leave none among its own.
        for result in (output_dir / _IMAGES).rglob("*.json"):
            result.unlink()
    elif path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if earlier.get("bundle_sha256") != bundle.sha256:
            raise ValueError(
                f"{output_dir}: holds results of another bundle ({earlier.get('bundle')}). "
                "Choose another output folder, or give --overwrite"
            )
        if earlier["thresholds"] != run["thresholds"]:
            raise ValueError(
                f"{output_dir}: holds results at other thresholds "
                f"({earlier['threshold_objective']}, not {run['threshold_objective']}). "
                "Choose another output folder, or give --overwrite"
            )
        if earlier.get("tiles") != run["tiles"]:
            raise ValueError(
                f"{output_dir}: holds results with other tiles ({_told(earlier.get('tiles'))}, "
                f"not {_told(run['tiles'])}). Choose another output folder, or give --overwrite"
            )
        return
    try:
        artifacts.write_json(path, run)
    except OSError as error:
        raise OSError(f"{output_dir}: results cannot be written there ({error})") from error


def _told(tiles: dict | None) -> str:
    if tiles is None:
        return "every image whole"
    return f"{tiles['height']}x{tiles['width']}, overlap {tiles['overlap']}"


def _is_done(output_dir: pathlib.Path, name: str, image_path: pathlib.Path) -> bool:
    """Whether a result is there and the image has not changed since."""
    path = _json_path(output_dir, name)
    if not path.exists():
        return False
    result = json.loads(path.read_text(encoding="utf-8"))
    return result["image_sha256"] == artifacts.sha256_of_file(image_path)


def _analyze_images(
    bundle: Bundle,
    tiling_config: TilingConfig,
    images: dict[str, pathlib.Path],
    output_dir: pathlib.Path,
) -> dict[str, str]:
    """Analyses the images; returns {name: reason} of those that failed."""
    chain = Chain(bundle, tiling_config)
    failed = {}
    for name, path in tqdm.tqdm(images.items(), desc="analyze", unit="image"):
        try:
            _analyze_image(chain, name, path, output_dir)
        except image_io.ImageError as error:
            logging.error("%s", error)
            failed[name] = str(error)
            _json_path(output_dir, name).unlink(missing_ok=True)
    return failed


def _analyze_image(chain: Chain, name: str, path: pathlib.Path, output_dir: pathlib.Path) -> None:
    image = image_io.read_image(path)
    found = chain.analyze(image)
    manifest = chain.manifest
    labels = chain.labels(found.probabilities)
    sha256 = artifacts.sha256_of_file(path)
    result = results.image_result(
        name, sha256, image.shape, found, labels, manifest.cell_types, manifest.abnormal_threshold
    )
    picture = overlay.draw(image, result, manifest.cell_types)
    image_io.write_png(output_dir / _OVERLAYS / f"{name}.png", picture)
    artifacts.write_json(_json_path(output_dir, name), result)


def _write_tables(
    bundle: Bundle,
    names: list[str],
    failed: dict[str, str],
    output_dir: pathlib.Path,
    shard: Shard,
) -> pathlib.Path:
    """Writes regions.csv and summary.json from the JSON files, one image in memory at a time.

    Returns the path of the summary.
    """
    summary_path = output_dir / shard.file_name(_SUMMARY)
    cell_types = bundle.manifest.cell_types
    totals, by_type = collections.Counter(), collections.Counter()
    with (
        artifacts.atomic_path(output_dir / shard.file_name(_REGIONS)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(results.csv_header(cell_types))
        for result in _load_results(output_dir, names):
            writer.writerows(results.csv_rows(result))
            totals["regions"] += result["num_regions"]
            totals["abnormal"] += result["num_abnormal_regions"]
            by_type.update(result["num_regions_by_type"])
    artifacts.write_json(
        summary_path,
        {
            "num_images": len(names),
            "num_failed": len(failed),
            "num_regions": totals["regions"],
            "num_regions_by_type": {name: by_type[name] for name in cell_types.names},
            "num_abnormal_regions": totals["abnormal"],
            **results.abnormal_share(totals["abnormal"], totals["regions"]),
            "thresholds": dict(zip(cell_types.names, bundle.manifest.thresholds, strict=True)),
            "threshold_objective": bundle.manifest.threshold_objective,
            "backbone": bundle.manifest.backbone,
            "failed": failed,
        },
    )
    return summary_path


def _write_report(
    bundle: Bundle,
    images: dict[str, pathlib.Path],
    output_dir: pathlib.Path,
    image_size: int | None,
) -> pathlib.Path | None:
    """Writes report.html from the JSON files and images, one at a time; its path."""
    path = output_dir / _REPORT
    if image_size is None:
        # One of an earlier run would tell of other results than those beside it.
        path.unlink(missing_ok=True)
        return None
    manifest = bundle.manifest
    run = Run(
        cell_types=manifest.cell_types,
        thresholds=manifest.thresholds,
        threshold_objective=manifest.threshold_objective,
        score_threshold=manifest.score_threshold,
        abnormal_threshold=manifest.abnormal_threshold,
        summary=json.loads((output_dir / _SUMMARY).read_text(encoding="utf-8")),
        bundle=str(bundle.path),
        bundle_sha256=bundle.sha256,
        bundle_created=manifest.created,
        bundle_versions=manifest.versions,
        backbone=manifest.backbone,
    )
    pairs = zip(_load_results(output_dir, list(images)), images.values(), strict=True)
    progress = tqdm.tqdm(pairs, desc="report", unit="image", total=len(images))
    page.write_report(path, run, progress, image_size)
    return path


def _load_results(output_dir: pathlib.Path, names: list[str]) -> Iterator[dict]:
    for name in names:
        yield json.loads(_json_path(output_dir, name).read_text(encoding="utf-8"))


def _json_path(output_dir: pathlib.Path, name: str) -> pathlib.Path:
    return output_dir / _IMAGES / f"{name}.json"
