"""The work on one image, the same wherever it is done: decode, find and classify, write."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging

from rbc_tf.core import exposure, files, image_io, names
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.inference import result_check
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.report import overlay
from rbc_tf.inference.results_folder import (
    DamagedError,
    ResultsFolder,
    overlay_name,
    result_name,
)

_LONGEST_REASON = 500


@dataclasses.dataclass(frozen=True, eq=False)
class SourceImage:
    """An image to analyse.

    Attributes:
        name: its path below the input folder.
        sha256: hash of its file; None where it comes from none.
        pixels: uint8 [H, W, 3] RGB.
    """

    name: str
    sha256: str | None
    pixels: np.ndarray


def decode(
    name: str, path: str | pathlib.Path, content: bytes, intensity: IntensityRange | None = None
) -> SourceImage:
    """The image in the content of a file; raises ImageError, which names the path."""
    pixels = image_io.decode_image(content, path, intensity)
    return SourceImage(name, files.sha256_of_bytes(content), pixels)


def analyze(chain: Chain, image: SourceImage) -> Analysis:
    """Finds and classifies the regions of an image."""
    found = chain.analyze(image.pixels)
    analysis = Analysis.from_arrays(
        image.name,
        image.sha256,
        image.pixels.shape,
        found,
        chain.labels(found.probabilities),
        chain.manifest.cell_types,
        chain.manifest.abnormal_threshold,
    )
    return dataclasses.replace(
        analysis,
        exposure=exposure.of(image.pixels),
        grey=exposure.is_grey(image.pixels),
        unlike=found.unlike,
    )


def write(folder: ResultsFolder, image: SourceImage, analysis: Analysis) -> None:
    """Writes the overlay and then the JSON, which says that the image is done.

    Raises:
        ImageError: they cannot be written, as where the disk is full or the name too long.
    """
    result = analysis.to_json()
    picture = overlay.draw(image.pixels, result, analysis.cell_types)
    try:
        folder.write(overlay_name(image.name), image_io.encode_png(picture, image.name))
        folder.write_json(result_name(image.name), result)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise image_io.ImageError(
            f"{names.printable(image.name)}: its results cannot be written ({reason})"
        ) from error


def reason(path: str | pathlib.Path, error: Exception) -> str:
    """Why an image failed, in one line; of what nobody foresaw, with the kind of error."""
    if isinstance(error, image_io.ImageError):
        return names.printable(str(error))
    text = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
    return f"{names.printable(path)}: could not be analysed ({text})"


def forget(folder: ResultsFolder, name: str) -> None:
    """Deletes the results that an image, which has failed, may have from an earlier run."""
    for result in (result_name(name), overlay_name(name)):
        # Where the name is too long, or a folder in its place, there is none.
        with contextlib.suppress(OSError, UnicodeError):
            folder.delete(result)


def analyzed_sha256(folder: ResultsFolder, name: str, type_names: Sequence[str]) -> str | None:
    """Hash of the file that an image was when it was analysed.

    Args:
        folder: of the results.
        name: of the image.
        type_names: of the bundle's types, in their order.

    Returns:
        None where it was not analysed, or what is there of it is damaged or not whole.
    """
    try:
        result = _read_result(folder, name, type_names)
        is_done = result is not None and folder.has(overlay_name(name))
    except DamagedError as error:
        logging.warning("%s: it is analysed again", error)
        return None
    except OSError:  # as of a name that is too long: writing its result will say so
        return None
    return result["image_sha256"] if result is not None and is_done else None


def _read_result(folder: ResultsFolder, name: str, type_names: Sequence[str]) -> dict | None:
    """The JSON of an image, None without one; raises DamagedError where it makes no sense."""
    place = result_name(name)
    result = folder.read_json(place)
    try:
        if result is not None:
            result_check.check(result, name, type_names)
    except ValueError as error:
        raise folder.damaged(place, error) from error
    return result
