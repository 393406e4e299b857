"""run.json: what made the results in a folder, so that no others are mixed with them."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping

from rbc_tf.classification.calibration import PLAIN
from rbc_tf.core import config as config_lib
from rbc_tf.core import files, folder_intensity, image_io, names
from rbc_tf.core.fingerprint import Fingerprint, StaleError
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.graphs import frozen
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.results_folder import (
    IMAGE_TABLE,
    REGIONS,
    RUN,
    SCALE,
    DamagedError,
    ResultsFolder,
    result_name,
)
from rbc_tf.inference.run_config import RunConfig
from rbc_tf.inference.view_config import NONE

# What decides a result; the rest of run.json is for people.
_COMPARED = (
    *("bundle_sha256", "thresholds", "at_least_one", "tiles", "scale", "light", "rotations"),
    *("precision", "intensity"),
)

# Tables that a dataset has too, and how those of a run begin.
_TABLES = {REGIONS: b"image,region,", IMAGE_TABLE: b"image,group,height,"}
# What a dataset has beside them.
_OF_A_DATASET = ("cells.csv", "cell_types.yaml", "masks")

# Of these, what a flag of that name gives back; and what --thresholds does, of the same bundle.
_FLAGS = ("precision", "scale", "light", "rotations")
_RULE = ("thresholds", "at_least_one")

REPLACE = "Give --overwrite to replace them, or name another folder."


def prepare(
    folder: ResultsFolder,
    bundle: Bundle,
    config: RunConfig,
    images: Mapping[str, folder_intensity.Path],
    overwrite: bool = False,
    open_image: folder_intensity.Open = image_io.open_image,
    input_path: str | pathlib.Path = "",
) -> RunConfig:
    """Writes run.json, or holds it against this run's bundle and settings.

    With `overwrite`, results that are there are deleted.

    Args:
        folder: of the results.
        bundle, config: what is to make the results.
        images: all images of the input by their names.
        overwrite: begin anew.
        open_image: opens an image's file; raises ImageError.
        input_path: of the images; where they are files of this machine, results of another image
            or folder that is still there are refused if they would be lost.

    Returns:
        The config as it comes out: the precision that this machine has, and as the range of values
        of more than 8 bits that which was given, else of the earlier run, else of the images; None
        where no image leaves it open.

    Raises:
        StaleError: the folder holds results of another bundle, at other thresholds, with other
            tiles, scale, light or rotations, in another precision, of another range of
            intensities, of another input or of other images alone, or run.json is damaged or
            missing, and they are not to be overwritten; or a table of a dataset lies there.
        ValueError: the machine does not have the precision.
        OSError: the folder cannot be written.
    """
    precision = frozen.resolve(config.precision)
    given = str(input_path)
    source = "" if not given or "://" in given else names.printable(os.path.realpath(given))
    with _written_to(folder):
        _check_tables(folder)
        folder.sweep()
        if overwrite:
            folder.clear()
        earlier = _earlier(folder, source)
    intensity = config.intensity or _intensity(earlier)
    if intensity is None:
        intensity = folder_intensity.of_folder(images.values(), open_image)
        # All images were opened: another run that shares the work may have begun meanwhile.
        with _written_to(folder):
            earlier = _earlier(folder, source) if earlier is None else earlier
        intensity = _intensity(earlier) or intensity
    config = dataclasses.replace(config, precision=precision, intensity=intensity)
    record = _record(bundle, config)
    if source:
        record["input"] = source
    with _written_to(folder):
        if earlier is None:
            folder.delete(SCALE)
            folder.write_json(RUN, record)
        else:
            _go_on(folder, earlier, record, images)
    return config


def _check_tables(folder: ResultsFolder) -> None:
    """Refuses the folder of a dataset: a run's tables have the names of those that it has, or may.

    With `overwrite` too, which speaks of results.
    """
    if folder.exists(RUN):
        return
    for name in filter(folder.exists, _OF_A_DATASET):
        raise StaleError(
            f"{folder}: results, or none, are required. With its {name} it is the folder of a "
            "dataset, whose tables those of an analysis would be taken for. Name another folder"
        )
    for name, begins in _TABLES.items():
        content = folder.read(name)
        if content and not content.startswith(begins):
            raise StaleError(
                f"{folder}: results, or none, are required. Its {name} is of no analysis, and "
                "would be replaced. Name another folder"
            )


def _go_on(folder: ResultsFolder, earlier: dict, record: dict, images: Mapping) -> None:
    done = folder.done()
    # The first images of more than 8 bits decide for the folder.
    needed_none = earlier.get("intensity", "") is None
    if needed_none:
        earlier["intensity"] = record["intensity"]
    _check(folder, earlier, record)
    _check_images(folder, images, done)
    has_moved = _has_moved(folder, earlier, record, images, done)
    if has_moved and not done:
        folder.delete(SCALE)  # of other images
    if has_moved or (needed_none and record["intensity"] is not None):
        folder.write_json(RUN, earlier)


@contextlib.contextmanager
def _written_to(folder: ResultsFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{folder}: results cannot be written there ({error})") from error


def _earlier(folder: ResultsFolder, source: str) -> dict | None:
    """The record that is there; without the range of images that are not those of `source`.

    Where there are results, they decide.
    """
    # Before the record is read: a run beside this one writes its own before its first result.
    done = folder.done()
    record = _read(folder)
    if done and record is None:
        raise StaleError(
            f"{folder}: {RUN} is missing, and what made the {len(done)} results there is not "
            f"known. {REPLACE}"
        )
    if record is not None and source and not done and record.get("input") != source:
        record["intensity"] = None
    return record


def _intensity(record: dict | None) -> IntensityRange | None:
    found = None if record is None else record.get("intensity")
    return None if found is None else IntensityRange.from_json(found)


def _read(folder: ResultsFolder) -> dict | None:
    try:
        record = folder.read_json(RUN)
        if record is not None:
            _check_values(folder, record)
        return record
    except DamagedError as error:
        text = f"{error}, and what made the results there is not known. {REPLACE}"
        raise StaleError(text) from error


def _check_values(folder: ResultsFolder, record: Mapping) -> None:
    """Raises DamagedError where what is compared with this run makes no sense."""
    try:
        if record.get("intensity") is not None:
            IntensityRange.from_json(record["intensity"])
        Fingerprint({key: record.get(key) for key in _COMPARED})  # refuses nan
    except ValueError as error:
        raise folder.damaged(RUN, error) from error


def _has_moved(
    folder: ResultsFolder, earlier: dict, record: Mapping, images: Mapping, done: set[str]
) -> bool:
    """Notes in the earlier record where the input is now; whether it was elsewhere, or unknown.

    Raises StaleError where the earlier input is still there, and results of its images would be
    deleted as gone, or would make way for those of others of the same names.
    """
    there, now = earlier.get("input"), record.get("input")
    if now is None or now == there:
        return False
    if there is not None and os.path.exists(there) and not os.path.samefile(there, now):
        lost = sorted(name for name in done if not _is_same(folder, name, images.get(name)))
        if lost:
            raise StaleError(
                f"{folder}: results of {now}, or none, are required. It holds those of {there}, "
                f"such as {lost[0]}. {REPLACE}"
            )
    earlier["input"] = now
    return True


def _is_same(folder: ResultsFolder, name: str, path: folder_intensity.Path | None) -> bool:
    """Whether a result is of the image that has its name now."""
    if path is None:
        return False
    try:
        result = folder.read_json(result_name(name)) or {}
    except DamagedError:
        return True  # nothing to be lost: it is made again
    try:
        return result.get("image_sha256") == files.sha256_of_file(path)
    except (OSError, ValueError):
        return False


def _check_images(folder: ResultsFolder, images: Mapping, done: set[str]) -> None:
    """Refuses a folder that holds results of other images alone: they would be deleted as gone."""
    if done and images and done.isdisjoint(images):
        raise StaleError(
            f"{folder}: results of the images of the input, or none, are required. It holds those "
            f"of {len(done)} others, such as {min(done)}. {REPLACE}"
        )


def _record(bundle: Bundle, config: RunConfig) -> dict:
    manifest, view_config, intensity = bundle.manifest, config.view_config, config.intensity
    tiles = config.tiling_config.resolve(manifest.provenance.detector)
    return {
        "bundle": names.printable(bundle.source or bundle.path),
        "bundle_sha256": bundle.sha256,
        "cell_types": list(manifest.cell_types.names),
        "thresholds": list(manifest.thresholds),
        "threshold_objective": manifest.threshold_objective,
        "at_least_one": manifest.calibration.at_least_one,
        "tiles": None if tiles is None else config_lib.to_dict(tiles),
        "scale": view_config.scale if view_config.factor is None else str(view_config.factor),
        "light": view_config.light,
        "rotations": view_config.rotations,
        "precision": config.precision,
        "intensity": None if intensity is None else dataclasses.asdict(intensity),
        "versions": files.versions(),
    }


def _check(folder: ResultsFolder, earlier: dict, run: dict) -> None:
    # As it was before there was a choice.
    before = {"precision": frozen.FLOAT32, "at_least_one": False, "rotations": 1}
    earlier = {**before, "scale": NONE, "light": NONE, **earlier}
    there, asked = (
        Fingerprint({key: record.get(key) for key in _COMPARED}) for record in (earlier, run)
    )
    remedy = REPLACE
    other = {key for key in _COMPARED if there.values[key] != asked.values[key]}
    if other <= {*_FLAGS, *_RULE}:
        given = " ".join(f"--{key}={earlier[key]}" for key in _FLAGS if key in other)
        if other & set(_RULE):
            plain = earlier.get("threshold_objective") == PLAIN
            given = f"--thresholds={'plain' if plain else 'bundle'} {given}".rstrip()
        remedy = f"Give {given}, or --overwrite, or name another folder."
    what = (
        f"the results in {folder}, of bundle {earlier.get('bundle')} "
        f"with thresholds '{earlier.get('threshold_objective')}'"
    )
    asked.check(there, what, remedy)
