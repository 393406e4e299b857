"""A bundle as one SavedModel in a folder of versions, as TensorFlow Serving expects it.

OUTPUT_DIR/1/saved_model.pb, variables/    the graph and its weights
OUTPUT_DIR/1/assets/rbc_tf.json            types, thresholds, versions
OUTPUT_DIR/1/assets.extra/                 the warm-up requests
"""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from absl import logging

from rbc_tf.core import config, files, image_io
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection import tiling
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Parts, load_parts
from rbc_tf.inference.serving import warmup
from rbc_tf.inference.serving.graph import ServedChain

FORMAT = "rbc_tf SavedModel"
FORMAT_VERSION = 1

DESCRIPTION = "rbc_tf.json"
_MARKER = "saved_model.pb"

REFUSE, WHOLE = "refuse", "whole"
LARGE_IMAGES = (REFUSE, WHOLE)

# Of the image to warm up with, where the size of a detector's training images is not recorded.
_WARMUP_SIZE = (480, 640)


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """How a bundle is exported.

    Attributes:
        version: number of the folder; None for one more than the highest there.
        large_images: 'refuse' returns an error for images that the chain would cut into tiles;
            'whole' detects in them as they are, scaled down further than in training.
        model_name: under which it will be served.
        warmup_image: path of the image to warm up with; '' for a synthetic smear.
        intensity: range of images of 16 bits, which the model refuses without.

    Raises:
        ValueError: a value is none of these.
    """

    version: int | None = None
    large_images: str = REFUSE
    model_name: str = "rbc_tf"
    warmup_image: str = ""
    intensity: IntensityRange | None = None

    def __post_init__(self):
        if self.version is not None and self.version < 1:
            raise ValueError(f"`version` must be 1 or more. Received: {self.version}")
        if self.large_images not in LARGE_IMAGES:
            raise ValueError(
                f"`large_images` must be one of {', '.join(LARGE_IMAGES)}. "
                f"Received: {self.large_images!r}"
            )


def export(
    bundle: Bundle, output_dir: str | pathlib.Path, export_config: ExportConfig = ExportConfig()
) -> pathlib.Path:
    """Writes OUTPUT_DIR/VERSION, whole or not at all; returns its path.

    A server that watches `output_dir` sees the folder only when it is complete.

    Raises:
        ValueError: the version is there already, or the bundle's parts do not fit.
        ImageError: the image to warm up with cannot be read, or is too large for the model.
    """
    folder = _version_folder(pathlib.Path(output_dir), export_config.version)
    parts = load_parts(bundle)
    tiles = tiling.TilingConfig().resolve(parts.detector.record)
    refuses = export_config.large_images == REFUSE and tiles is not None
    largest_image = tiles.largest_whole if refuses else None
    image = _warmup_image(export_config, parts, largest_image)
    served = ServedChain(parts, bundle.manifest, largest_image, export_config.intensity)
    with (
        tempfile.TemporaryDirectory() as scratch,
        files.atomic_folder(folder, marker=_MARKER) as temporary,
    ):
        description = pathlib.Path(scratch) / DESCRIPTION
        files.write_json(description, _describe(bundle, served))
        served.description = tf.saved_model.Asset(str(description))
        with _quiet():
            tf.saved_model.save(served, str(temporary), signatures=served.signatures())
        warmup.write_requests(temporary, image, export_config.model_name)
    return folder


def _version_folder(output_dir: pathlib.Path, version: int | None) -> pathlib.Path:
    if version is None:
        found = [int(path.name) for path in output_dir.glob("*") if path.name.isdecimal()]
        version = 1 + max(found, default=0)
    folder = output_dir / str(version)
    if folder.exists():
        raise ValueError(
            f"{folder}: exists already, and a version is never replaced. Give another number, or "
            "none for the next"
        )
    return folder


def _warmup_image(
    export_config: ExportConfig, parts: Parts, largest_image: tuple[int, int] | None
) -> np.ndarray:
    path = export_config.warmup_image
    if not path:
        return warmup.draw_image(*(parts.detector.record.training_image_size or _WARMUP_SIZE))
    image = image_io.read_image(path, export_config.intensity)
    if largest_image is not None and (np.array(image.shape[:2]) > largest_image).any():
        raise image_io.ImageError(
            f"{path}: an image of at most {largest_image[0]} x {largest_image[1]} pixels (height x "
            f"width), which the model takes, is required. Received: {image.shape[0]} x "
            f"{image.shape[1]}"
        )
    return image


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow lists on pages the names that it gives to a thousand inner values."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _describe(bundle: Bundle, served: ServedChain) -> dict:
    """What users of the model must know to read its outputs."""
    manifest = bundle.manifest
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "cell_types": manifest.cell_types.to_list(),
        "thresholds": list(manifest.thresholds),
        "threshold_objective": manifest.threshold_objective,
        "at_least_one": manifest.calibration.at_least_one,
        "temperatures": list(manifest.calibration.temperatures),
        "score_threshold": manifest.score_threshold,
        "abnormal_threshold": manifest.abnormal_threshold,
        "max_detections": served.max_detections,
        "largest_image": list(served.largest_image) if served.largest_image else None,
        "intensity": None if served.intensity is None else dataclasses.asdict(served.intensity),
        "crop": config.to_dict(manifest.crop),
        "backbone": manifest.backbone,
        "bundle_sha256": bundle.sha256,
        "bundle_created": manifest.created,
        "bundle_versions": manifest.versions,
        "versions": files.versions(),
    }
