"""Analysis of images with a bundle: per image a JSON and an overlay, for the run a table.

`results_folder` says which files. A second run does what is left and what failed.

Runs that share the work (`Shard`) write their tables as regions-00000-of-00010.csv and the like,
and summary-00000-of-00010.json, beside the same images and overlays; `merge` then makes those of
all.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import tqdm
from absl import logging

from rbc_tf.core import files, image_io, names, walk
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference import common_scale, image_analysis, overlap, run_record, sharding, tables
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.results_folder import RUN, ResultsFolder, result_name
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.sharding import Shard
from rbc_tf.inference.tables import RunSummary
from rbc_tf.inference.view_config import CommonScale


def analyze(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    config: RunConfig = RunConfig(),
    overwrite: bool = False,
    shard: Shard = Shard(),
    retry_failed: bool = True,
) -> RunSummary:
    """Analyses one image, or every image in a folder and its subfolders.

    One image that cannot be read or analysed, or whose results cannot be written, is noted and
    the rest go on.

    Args:
        bundle: the trained parts.
        input_path: an image or a folder.
        output_dir: where the results go.
        config: how images are analysed and shown.
        overwrite: analyse again what is done already.
        shard: the share of the images to do. A share makes no report.
        retry_failed: try again what failed in an earlier run; otherwise it is listed as it was.

    Raises:
        ValueError: there is no image, or one without a group, `output_dir` holds results of another
            bundle, at other thresholds, with other tiles, scale, light or rotations, in
            another precision, of another range of intensities or of another input, the machine
            does not have the precision, or a share is to overwrite those of the others.
        OSError: `output_dir` cannot be written.
    """
    if overwrite and shard.count > 1:
        raise ValueError("A shard cannot overwrite: it would delete what the others have done")
    folder = ResultsFolder(output_dir)
    found = find_images(pathlib.Path(input_path), pathlib.Path(output_dir))
    config.grouping.check(found.paths)
    images = {name: path for name, path in found.paths.items() if shard.holds(name)}
    unreadable = {n: reason for n, reason in found.unreadable.items() if shard.holds(n)}
    config = run_record.prepare(
        folder, bundle, config, found.paths, overwrite, input_path=input_path
    )
    types = bundle.manifest.cell_types.names
    done = {n for n, path in images.items() if not overwrite and _is_done(folder, n, path, types)}
    failed = {} if retry_failed else sharding.earlier_failures(folder)
    failed = {name: failed[name] for name in images if name in failed and name not in done}
    todo = {name: images[name] for name in images if name not in done and name not in failed}
    if todo:
        # Should this run be killed: those of an earlier one speak of other results.
        folder.delete_tables()
        chain = Chain(bundle, config.tiling_config, config.precision, config.view_config)
        chain = _with_common_scale(chain, bundle, folder, list(found.paths.values()), config)
        failed |= _analyze_images(chain, todo, folder, config.intensity)
    analyzed = len(images) - len(done) - len(failed)
    failed |= unreadable
    if shard.count == 1:
        warnings = found.warnings()
        return tables.finish(
            bundle, images, failed, analyzed, folder, config, sha256_of=_sha256, warnings=warnings
        )
    names_of_results = sorted(images.keys() - failed.keys())
    summary_path = tables.write_tables(
        bundle, names_of_results, failed, folder, shard, config.grouping
    )
    return RunSummary(analyzed, len(done), failed, summary_path)


def merge(
    bundle: Bundle,
    input_path: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    config: RunConfig = RunConfig(),
) -> RunSummary:
    """Makes the tables and the report from the results of all shards, and analyses nothing.

    An image without a result is listed as failed, with the reason of its shard where there is one.

    Raises:
        ValueError: there is no image, one without a group, or no result, or those of another
            bundle, at other thresholds, with other tiles, scale, light or rotations, in
            another precision, of another range of intensities or of another input.
        OSError: `output_dir` cannot be written.
    """
    folder = ResultsFolder(output_dir)
    if not folder.exists(RUN):
        raise ValueError(f"{folder}: holds no results to merge (it has no {RUN})")
    found = find_images(pathlib.Path(input_path), pathlib.Path(output_dir))
    images = found.paths
    config.grouping.check(images)
    config = run_record.prepare(folder, bundle, config, images, input_path=input_path)
    known = sharding.earlier_failures(folder)
    failed = dict(found.unreadable)
    for name, path in images.items():
        was_there = folder.has(result_name(name))
        if not _is_done(folder, name, path, bundle.manifest.cell_types.names):
            failed[name] = known.get(name, f"{path}: {sharding.NOT_ANALYSED}")
            if was_there:  # of another state of the image
                image_analysis.forget(folder, name)
    warnings = found.warnings()
    return tables.finish(
        bundle, images, failed, 0, folder, config, sha256_of=_sha256, warnings=warnings
    )


def find_images(input_path: pathlib.Path, output_dir: pathlib.Path) -> walk.Found:
    """The images to analyse, and what cannot be taken (see `walk`); without masks and `output_dir`.

    Raises ValueError where there is none, or the results would lie among the images.
    """
    if input_path.is_file():
        return _single_image(input_path)
    if not input_path.is_dir():
        raise ValueError(f"{input_path}: there is no such image or folder")
    _check_apart(input_path, output_dir)
    found = walk.find(
        input_path,
        image_io.EXTENSIONS,
        leave_out=[output_dir],
        others=image_io.OTHER_EXTENSIONS,
    ).without_masks()
    dataclasses.replace(found, unreadable={}).log()  # these are listed as failed
    if not found.paths and not found.unreadable:
        extensions = ", ".join(image_io.EXTENSIONS)
        raise ValueError(f"{input_path}: holds no image ({extensions})")
    return found


def _single_image(path: pathlib.Path) -> walk.Found:
    if not names.is_utf8(path.name):
        raise ValueError(f"{names.printable(path)}: the name must be UTF-8; rename the file")
    return walk.Found({path.name: path}, {}, ())


def _check_apart(input_path: pathlib.Path, output_dir: pathlib.Path) -> None:
    """Raises ValueError where results would be written into the folder of the images."""
    source, output = input_path.resolve(), output_dir.resolve()
    # Both hold a file or folder for each image; what is in them and is of no image is deleted.
    inside = [output / folder for folder in ("images", walk.OVERLAYS)]
    if source == output or set(inside) & {source, *source.parents}:
        raise ValueError(
            f"{output_dir}: results must lie in a folder apart from the images in {input_path}. "
            "Name another folder, such as one inside it"
        )


def _is_done(
    folder: ResultsFolder, name: str, path: pathlib.Path, type_names: Sequence[str]
) -> bool:
    """Whether a result is there and the image has not changed since."""
    analyzed = image_analysis.analyzed_sha256(folder, name, type_names)
    return analyzed is not None and analyzed == _sha256(path)


def _sha256(path: tables.ImagePath) -> str | None:
    """None where the file cannot be read: reading it again will say why."""
    try:
        return files.sha256_of_file(path)
    except (OSError, ValueError):
        return None


def _decoded_bytes(path: pathlib.Path) -> int:
    """Of the pixels of an image; 0 of what is none, which fails at once."""
    try:
        height, width = image_io.image_size(path)
    except image_io.ImageError:
        return 0
    return 3 * height * width


def _with_common_scale(
    chain: Chain,
    bundle: Bundle,
    folder: ResultsFolder,
    paths: list[pathlib.Path],
    config: RunConfig,
) -> Chain:
    """The chain as it looks at the images of this run."""

    def find() -> CommonScale | None:
        return common_scale.find(
            chain, paths, lambda path: image_io.read_image(path, config.intensity)
        )

    return chain.viewing(common_scale.of_run(folder, bundle, config.view_config, find))


def _analyze_images(
    chain: Chain,
    images: dict[str, pathlib.Path],
    folder: ResultsFolder,
    intensity: IntensityRange | None,
) -> dict[str, str]:
    """Analyses the images; returns {name: reason} of those that failed."""
    steps = overlap.overlapped(
        images.items(),
        read=lambda item: image_analysis.decode(*item, image_io.read_bytes(item[1]), intensity),
        work=lambda image: image_analysis.analyze(chain, image),
        write=lambda image, analysis: image_analysis.write(folder, image, analysis),
        num_bytes=lambda item: _decoded_bytes(item[1]),
    )
    failed = {}
    for (name, path), error in tqdm.tqdm(steps, desc="analyze", unit="image", total=len(images)):
        if error is not None:
            failed[name] = image_analysis.reason(path, error)
            logging.error("%s", failed[name])
            logging.debug("Where that happened:", exc_info=error)
            image_analysis.forget(folder, name)
    return failed
