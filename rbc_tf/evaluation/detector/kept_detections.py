"""Detections of images, kept on disk: what was detected once is not detected again.

FOLDER/NAME.npz    boxes, scores, seconds, and the hashes of the detector and the image
"""

import dataclasses
import pathlib
import zipfile

import numpy as np

from rbc_tf.core import files as artifacts
from rbc_tf.core.types import Detections


@dataclasses.dataclass(frozen=True, eq=False)
class KeptDetections:
    """What a detector found in one image, and how long that took (float, wall-clock seconds)."""

    detections: Detections
    seconds: float


def detector_sha256(detector_dir: str | pathlib.Path) -> str:
    """Hash of all files of an exported detector, by their names and contents.

    Raises:
        FileNotFoundError: the folder holds no SavedModel.
    """
    folder = pathlib.Path(detector_dir)
    if not (folder / "saved_model.pb").is_file():
        raise FileNotFoundError(
            f"A detector must be a folder with saved_model.pb. Received: {folder}"
        )
    files = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    hashes = {p.relative_to(folder).as_posix(): artifacts.sha256_of_file(p) for p in files}
    return artifacts.sha256_of_json(hashes)


def write(
    folder: str | pathlib.Path, name: str, kept: KeptDetections, detector: str, image: str
) -> None:
    """Keeps the detections of the image of that name; `detector` and `image` are hashes."""
    with artifacts.atomic_path(pathlib.Path(folder) / f"{name}.npz") as temporary:
        np.savez(
            temporary,
            boxes=kept.detections.boxes,
            scores=kept.detections.scores,
            seconds=kept.seconds,
            hashes=np.array([detector, image]),
        )


def read(folder: str | pathlib.Path, name: str, detector: str, image: str) -> KeptDetections | None:
    """What is kept of an image; None where nothing is, or of another detector or image."""
    try:
        with np.load(pathlib.Path(folder) / f"{name}.npz", allow_pickle=False) as kept:
            if kept["hashes"].tolist() != [detector, image]:
                return None
            detections = Detections(kept["boxes"], kept["scores"])
            return KeptDetections(detections, float(kept["seconds"]))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None  # absent or damaged: detected anew
