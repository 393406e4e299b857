"""What a detector finds in the images of a dataset folder; what is kept is not detected again.

FOLDER/NAME.npz    boxes, scores, seconds, and the hashes of the detector and the image
"""

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import numpy as np
import tqdm
from absl import logging

from rbc_tf.core import archives, files, image_io
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.types import Detections, Sample
from rbc_tf.data import regions
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.evaluation.detector.scores import DetectedImage

# Parts of a fingerprint, in the order of `hashes` in a file.
_HASHED = ("detector", "image")


@dataclasses.dataclass(frozen=True, eq=False)
class KeptDetections:
    """What a detector found in one image, and how long that took (float, wall-clock seconds)."""

    detections: Detections
    seconds: float


class DetectionRun:
    """Detects in images, unless their detections are kept.

    Attributes:
        detector_sha256: hash of the detector.
        image_sha256: by name, the hash of each image of which there are detections.
        seconds: what each of these took when it was detected.
        failed: {name of image: reason} of those that cannot be read.
    """

    def __init__(
        self,
        detector_dir: str | pathlib.Path,
        folder: str | pathlib.Path,
        region_config: regions.RegionConfig,
        overwrite: bool = False,
    ):
        """Opens a detector; it is loaded when it is first needed.

        Args:
            detector_dir: an exported detector.
            folder: of kept detections.
            region_config: how the true regions are found.
            overwrite: detect again what is kept.

        Raises:
            FileNotFoundError: there is no detector.
        """
        self.detector_sha256 = hash_detector(detector_dir)
        self.image_sha256: dict[str, str] = {}
        self.seconds: list[float] = []
        self.failed: dict[str, str] = {}
        self._detector_dir, self._folder = detector_dir, folder
        self._region_config, self._overwrite = region_config, overwrite
        self._detector: DetectorPredictor | None = None

    def detect(self, samples: Sequence[Sample]) -> list[DetectedImage]:
        """What was found in each image that can be read; the others are in `failed`."""
        images = []
        for sample in tqdm.tqdm(samples, desc="detect", unit="image"):
            try:
                images.append(self._image(sample))
            except (image_io.ImageError, OSError) as error:
                logging.error("%s", error)
                self.failed[sample.name] = str(error)
        return images

    def _image(self, sample: Sample) -> DetectedImage:
        true_regions = regions.find_regions(sample, self._region_config)
        kept = self._detections(sample)
        points = np.array([(cell.y, cell.x) for cell in sample.cells], float).reshape(-1, 2)
        return DetectedImage(sample.name, sample.group, kept.detections, true_regions, points)

    def _detections(self, sample: Sample) -> KeptDetections:
        image_sha256 = files.sha256_of_file(sample.image_path)
        fingerprint = Fingerprint({"detector": self.detector_sha256, "image": image_sha256})
        kept = None if self._overwrite else read(self._folder, sample.name, fingerprint)
        if kept is None:
            kept = self._predict(image_io.read_image(sample.image_path, sample.intensity))
            write(self._folder, sample.name, kept, fingerprint)
        self.image_sha256[sample.name] = image_sha256
        self.seconds.append(kept.seconds)
        return kept

    def _predict(self, image: np.ndarray) -> KeptDetections:
        if self._detector is None:
            self._detector = DetectorPredictor(self._detector_dir, score_threshold=0.0)
        start = time.perf_counter()
        found = self._detector.predict(image)
        return KeptDetections(found, time.perf_counter() - start)


def hash_detector(detector_dir: str | pathlib.Path) -> str:
    """Hash of all files of an exported detector, by their names and contents.

    Raises:
        FileNotFoundError: the folder holds no SavedModel.
    """
    folder = pathlib.Path(detector_dir)
    if not (folder / "saved_model.pb").is_file():
        raise FileNotFoundError(
            f"A detector must be a folder with saved_model.pb. Received: {folder}"
        )
    paths = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    return files.sha256_of_json(
        {path.relative_to(folder).as_posix(): files.sha256_of_file(path) for path in paths}
    )


def write(
    folder: str | pathlib.Path, name: str, kept: KeptDetections, fingerprint: Fingerprint
) -> None:
    """Keeps the detections of the image of that name; `fingerprint` has 'detector' and 'image'."""
    with files.atomic_path(pathlib.Path(folder) / f"{name}.npz") as temporary:
        np.savez(
            temporary,
            boxes=kept.detections.boxes,
            scores=kept.detections.scores,
            seconds=kept.seconds,
            hashes=np.array([fingerprint.values[key] for key in _HASHED]),
        )


def read(folder: str | pathlib.Path, name: str, fingerprint: Fingerprint) -> KeptDetections | None:
    """What is kept of an image; None where nothing is, or of another detector or image."""
    try:
        kept = archives.load_npz(pathlib.Path(folder) / f"{name}.npz")
        earlier = dict(zip(_HASHED, kept["hashes"].tolist(), strict=True))
        if Fingerprint(earlier) != fingerprint:
            return None
        detections = Detections(kept["boxes"], kept["scores"])
        return KeptDetections(detections, float(kept["seconds"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None  # absent or damaged: detected anew
