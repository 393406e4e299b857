"""Analysis of images with a bundle: per image a JSON and an overlay, for the run a table.

`results_folder` says which files. A second run does what is left and what failed.

Runs that share the work (`Shard`) write their tables as regions-00000-of-00010.csv and
summary-00000-of-00010.json beside the same images and overlays; `merge` then makes those of all.
"""

import pathlib

import tqdm
from absl import logging

from rbc_tf.core import files, image_io
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference import image_analysis, overlap, run_record, sharding, tables
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.report import page
from rbc_tf.inference.results_folder import RUN, ResultsFolder, result_name
from rbc_tf.inference.sharding import Shard
from rbc_tf.inference.tables import RunSummary


def analyze(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    overwrite: bool = False,
    report_image_size: int | None = page.DEFAULT_IMAGE_SIZE,
    tiling_config: TilingConfig = TilingConfig(),
    shard: Shard = Shard(),
    retry_failed: bool = True,
    precision: str = frozen.AUTO,
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
        precision: one of `frozen.PRECISIONS`.

    Raises:
        ValueError: there is no image, `output_dir` holds results of another bundle, at other
            thresholds, with other tiles or in another precision, the machine does not have the
            precision, or a share is to overwrite those of the others.
        OSError: `output_dir` cannot be written.
    """
    if overwrite and shard.count > 1:
        raise ValueError("A shard cannot overwrite: it would delete what the others have done")
    folder = ResultsFolder(output_dir)
    images = find_images(pathlib.Path(input_path), pathlib.Path(output_dir))
    images = {name: path for name, path in images.items() if shard.holds(name)}
    precision = frozen.resolve(precision)
    run_record.prepare(folder, bundle, tiling_config, precision, overwrite)
    done = set() if overwrite else {name for name in images if _is_done(folder, name, images[name])}
    failed = {} if retry_failed else sharding.earlier_failures(folder)
    failed = {name: failed[name] for name in images if name in failed and name not in done}
    todo = {name: images[name] for name in images if name not in done and name not in failed}
    if todo:
        failed |= _analyze_images(Chain(bundle, tiling_config, precision), todo, folder)
    analyzed = len(images) - len(done) - len(failed)
    if shard.count == 1:
        return tables.finish(bundle, images, failed, analyzed, folder, report_image_size)
    names = sorted(images.keys() - failed.keys())
    summary_path = tables.write_tables(bundle, names, failed, folder, shard)
    return RunSummary(analyzed, len(done), failed, summary_path)


def merge(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    report_image_size: int | None = page.DEFAULT_IMAGE_SIZE,
    tiling_config: TilingConfig = TilingConfig(),
    precision: str = frozen.AUTO,
) -> RunSummary:
    """Makes the tables and the report from the results of all shards, and analyses nothing.

    An image without a result is listed as failed, with the reason of its shard where there is one.

    Raises:
        ValueError: there is no image or no result, or those of another bundle, at other
            thresholds, with other tiles or in another precision.
        OSError: `output_dir` cannot be written.
    """
    folder = ResultsFolder(output_dir)
    if folder.read(RUN) is None:
        raise ValueError(f"{folder}: holds no results to merge (it has no {RUN})")
    images = find_images(pathlib.Path(input_path), pathlib.Path(output_dir))
    run_record.prepare(folder, bundle, tiling_config, frozen.resolve(precision))
    known = sharding.earlier_failures(folder)
    failed = {
        name: known.get(name, f"{path}: {sharding.NOT_ANALYSED}")
        for name, path in images.items()
        if not _is_done(folder, name, path)
    }
    return tables.finish(bundle, images, failed, 0, folder, report_image_size)


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


def _is_done(folder: ResultsFolder, name: str, path: pathlib.Path) -> bool:
    """Whether a result is there and the image has not changed since."""
    analyzed = image_analysis.analyzed_sha256(folder, name)
    return analyzed is not None and analyzed == files.sha256_of_file(path)


def _analyze_images(
    chain: Chain, images: dict[str, pathlib.Path], folder: ResultsFolder
) -> dict[str, str]:
    """Analyses the images; returns {name: reason} of those that failed."""
    steps = overlap.overlapped(
        images.items(),
        read=lambda item: image_analysis.decode(*item, image_io.read_bytes(item[1])),
        work=lambda image: image_analysis.analyze(chain, image),
        write=lambda image, analysis: image_analysis.write(folder, image, analysis),
        expected=image_io.ImageError,
    )
    failed = {}
    for (name, _), error in tqdm.tqdm(steps, desc="analyze", unit="image", total=len(images)):
        if error is not None:
            logging.error("%s", error)
            failed[name] = str(error)
            folder.delete(result_name(name))
    return failed
