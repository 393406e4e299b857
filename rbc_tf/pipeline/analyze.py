"""Analysis of images with a bundle: per image a JSON and an overlay, for the run a table.

    OUTPUT_DIR/run.json               the bundle and settings that made everything here
    OUTPUT_DIR/images/NAME.json       regions of one image
    OUTPUT_DIR/overlays/NAME.png      the image with its regions drawn
    OUTPUT_DIR/regions.csv            one row per region of all images
    OUTPUT_DIR/summary.json           counts of the run, and the images that failed with reasons

NAME is the image's path below the input folder, extension included. An image is done when its
JSON is there, which is written last; a second run does what is left and what failed.
"""

import collections
import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator

import tqdm
from absl import logging

from rbc_tf import artifacts, image_io
from rbc_tf.pipeline import results
from rbc_tf.pipeline.bundle import Bundle
from rbc_tf.pipeline.chain import Chain
from rbc_tf.report import overlay

_RUN, _SUMMARY, _REGIONS = "run.json", "summary.json", "regions.csv"
_IMAGES, _OVERLAYS = "images", "overlays"


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What became of a run; `failed` maps names of images to reasons."""

    analyzed: int
    skipped: int
    failed: dict[str, str]
    summary_path: pathlib.Path


def analyze(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    overwrite: bool = False,
) -> RunSummary:
    """Analyses one image, or every image in a folder and its subfolders.

    One image that cannot be read is noted and the rest go on.

    Raises:
        ValueError: there is no image, or `output_dir` holds results of another bundle or at
            other thresholds.
        OSError: `output_dir` cannot be written.
    """
    output_dir = pathlib.Path(output_dir)
    images = find_images(pathlib.Path(input_path), output_dir)
    _prepare(output_dir, bundle, overwrite)
    done = {} if overwrite else {n: p for n, p in images.items() if _is_done(output_dir, n, p)}
    todo = {name: path for name, path in images.items() if name not in done}
    failed = _analyze_images(bundle, todo, output_dir) if todo else {}
    _write_tables(bundle, sorted(images.keys() - failed.keys()), failed, output_dir)
    return RunSummary(len(todo) - len(failed), len(done), failed, output_dir / _SUMMARY)


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


def _prepare(output_dir: pathlib.Path, bundle: Bundle, overwrite: bool) -> None:
    """Writes run.json, or holds it against this run's bundle and thresholds."""
    run = {
        "bundle": str(bundle.path),
        "bundle_sha256": bundle.sha256,
        "cell_types": list(bundle.manifest.cell_types.names),
        "thresholds": list(bundle.manifest.thresholds),
        "threshold_objective": bundle.manifest.threshold_objective,
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
        return
    try:
        artifacts.write_json(path, run)
    except OSError as error:
        raise OSError(f"{output_dir}: results cannot be written there ({error})") from error


def _is_done(output_dir: pathlib.Path, name: str, image_path: pathlib.Path) -> bool:
    """Whether a result is there and the image has not changed since."""
    path = _json_path(output_dir, name)
    if not path.exists():
        return False
    result = json.loads(path.read_text(encoding="utf-8"))
    return result["image_sha256"] == artifacts.sha256_of_file(image_path)


def _analyze_images(
    bundle: Bundle, images: dict[str, pathlib.Path], output_dir: pathlib.Path
) -> dict[str, str]:
    """Analyses the images; returns {name: reason} of those that failed."""
    chain = Chain(bundle)
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
    bundle: Bundle, names: list[str], failed: dict[str, str], output_dir: pathlib.Path
) -> None:
    """Writes regions.csv and summary.json from the JSON files, one image in memory at a time."""
    cell_types = bundle.manifest.cell_types
    totals, by_type = collections.Counter(), collections.Counter()
    with (
        artifacts.atomic_path(output_dir / _REGIONS) as temporary,
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
        output_dir / _SUMMARY,
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


def _load_results(output_dir: pathlib.Path, names: list[str]) -> Iterator[dict]:
    for name in names:
        yield json.loads(_json_path(output_dir, name).read_text(encoding="utf-8"))


def _json_path(output_dir: pathlib.Path, name: str) -> pathlib.Path:
    return output_dir / _IMAGES / f"{name}.json"
