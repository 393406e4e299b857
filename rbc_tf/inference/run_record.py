"""run.json: what made the results in a folder, so that no others are mixed with them."""

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Iterator

from rbc_tf.core import config, files, folder_intensity, image_io, names
from rbc_tf.core.fingerprint import Fingerprint, StaleError
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection.tiling import TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.results_folder import RUN, DamagedError, ResultsFolder

# What decides a result; the rest of run.json is for people.
_COMPARED = ("bundle_sha256", "thresholds", "at_least_one", "tiles", "precision", "intensity")


def choose_intensity(
    folder: ResultsFolder,
    given: IntensityRange | None,
    images: Iterable[folder_intensity.Path],
    overwrite: bool = False,
    open_image: folder_intensity.Open = image_io.open_image,
) -> IntensityRange | None:
    """The range of values of more than 8 bits: as given, of the earlier run, else of the images.

    None where no image leaves its range open. Raises OSError as `prepare`.
    """
    if given is not None:
        return given
    with _written_to(folder):
        folder.sweep()
        earlier = None if overwrite else _read(folder)
    if earlier is not None and earlier.get("intensity"):
        return IntensityRange.from_json(earlier["intensity"])
    return folder_intensity.of_folder(images, open_image)


_REPLACE = "Give --overwrite to replace them, or name another folder."


def prepare(
    folder: ResultsFolder,
    bundle: Bundle,
    tiling_config: TilingConfig,
    precision: str,
    images: Collection[str],
    intensity: IntensityRange | None = None,
    overwrite: bool = False,
) -> None:
    """Writes run.json, or holds it against this run's bundle and settings.

    With `overwrite`, results that are there are deleted.

    Args:
        folder: of the results.
        bundle, tiling_config, precision: what is to make the results.
        images: names of all images of the input.
        intensity: of `choose_intensity`.
        overwrite: begin anew.

    Raises:
        StaleError: the folder holds results of another bundle, at other thresholds, with other
            tiles, in another precision, of another range of intensities, or of other images alone,
            or run.json is damaged, and they are not to be overwritten.
        OSError: the folder cannot be written.
    """
    with _written_to(folder):
        folder.sweep()
        earlier = None if overwrite else _read(folder)
        record = _record(bundle, tiling_config, precision, intensity)
        if earlier is not None:
            needed_none = earlier.get("intensity", "") is None
            if needed_none:
                earlier["intensity"] = record["intensity"]
            _check(folder, earlier, record)
            _check_images(folder, images)
            if needed_none and intensity is not None:
                folder.write_json(RUN, earlier)
            return
        if folder.read(RUN) is not None:
            # All of them first: a run that is killed must leave none among its own.
            folder.delete_tables()
            folder.keep_only(())
        folder.write_json(RUN, record)


@contextlib.contextmanager
def _written_to(folder: ResultsFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{folder}: results cannot be written there ({error})") from error


def _read(folder: ResultsFolder) -> dict | None:
    try:
        return folder.read_json(RUN)
    except DamagedError as error:
        text = f"{error}, and what made the results there is not known. {_REPLACE}"
        raise StaleError(text) from error


def _check_images(folder: ResultsFolder, images: Collection[str]) -> None:
    """Refuses a folder that holds results of other images alone: they would be deleted as gone."""
    done = folder.done()
    if done and images and done.isdisjoint(images):
        raise StaleError(
            f"{folder}: results of the images of the input, or none, are required. It holds those "
            f"of {len(done)} others, such as {min(done)}. {_REPLACE}"
        )


def _record(
    bundle: Bundle,
    tiling_config: TilingConfig,
    precision: str,
    intensity: IntensityRange | None,
) -> dict:
    manifest = bundle.manifest
    tiles = tiling_config.resolve(manifest.provenance.detector)
    return {
        "bundle": names.printable(bundle.source or bundle.path),
        "bundle_sha256": bundle.sha256,
        "cell_types": list(manifest.cell_types.names),
        "thresholds": list(manifest.thresholds),
        "threshold_objective": manifest.threshold_objective,
        "at_least_one": manifest.calibration.at_least_one,
        "tiles": None if tiles is None else config.to_dict(tiles),
        "precision": precision,
        "intensity": None if intensity is None else dataclasses.asdict(intensity),
        "versions": files.versions(),
    }


def _check(folder: ResultsFolder, earlier: dict, run: dict) -> None:
    # Before there was a choice, all was float32.
    earlier = {"precision": frozen.FLOAT32, "at_least_one": False} | earlier
    there, asked = (
        Fingerprint({key: record.get(key) for key in _COMPARED}) for record in (earlier, run)
    )
    remedy = _REPLACE
    if {**there.values, "precision": run["precision"]} == asked.values:
        remedy = f"Give --precision={earlier['precision']}, or --overwrite, or name another folder."
    what = (
        f"the results in {folder}, of bundle {earlier.get('bundle')} "
        f"with thresholds '{earlier.get('threshold_objective')}'"
    )
    asked.check(there, what, remedy)
