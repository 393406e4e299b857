"""The work on one image, the same wherever it is done: decode, find and classify, write."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.core import files, image_io
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.report import overlay
from rbc_tf.inference.results_folder import ResultsFolder, overlay_name, result_name


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


def decode(name: str, path: str | pathlib.Path, content: bytes) -> SourceImage:
    """The image in the content of a file; raises ImageError, which names the path."""
    pixels = image_io.decode_image(content, path)
    return SourceImage(name, files.sha256_of_bytes(content), pixels)


def analyze(chain: Chain, image: SourceImage) -> Analysis:
    """Finds and classifies the regions of an image."""
    found = chain.analyze(image.pixels)
    return Analysis.from_arrays(
        image.name,
        image.sha256,
        image.pixels.shape,
        found,
        chain.labels(found.probabilities),
        chain.manifest.cell_types,
        chain.manifest.abnormal_threshold,
    )


def write(folder: ResultsFolder, image: SourceImage, analysis: Analysis) -> None:
    """Writes the overlay and then the JSON, which says that the image is done."""
    result = analysis.to_json()
    picture = overlay.draw(image.pixels, result, analysis.cell_types)
    folder.write(overlay_name(image.name), image_io.encode_png(picture, image.name))
    folder.write_json(result_name(image.name), result)


def analyzed_sha256(folder: ResultsFolder, name: str) -> str | None:
    """Hash of the file that an image was when it was analysed; None where it was not yet."""
    result = folder.read_json(result_name(name))
    return None if result is None else result["image_sha256"]
