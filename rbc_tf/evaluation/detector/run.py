"""Scores of an exported detector on the images of a dataset folder.

    OUTPUT_DIR/run.json                      detector, data, settings and versions
    OUTPUT_DIR/detections/NAME.npz           what was found in each image (`kept_detections`)
    OUTPUT_DIR/scores.{json,md,csv}          all scores
    OUTPUT_DIR/precision_recall.csv          the curves at IoU 0.5, 0.75 and 0.9, by threshold
    OUTPUT_DIR/precision_recall.{png,svg}    their picture
    OUTPUT_DIR/images.csv                    regions found and missed, image by image

Detections are kept: a run that was killed goes on where it stopped, and the scores of another
threshold or of changed masks take seconds.
"""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Sequence

import numpy as np
import tqdm
from absl import logging

from rbc_tf.core import config, files, image_io, text_table
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset, regions
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.evaluation.detector import curves, kept_detections
from rbc_tf.evaluation.detector import tables as detector_table
from rbc_tf.evaluation.detector.scores import (
    DetectedImage,
    DetectorScores,
    ScoringConfig,
    score_detector,
)
from rbc_tf.metrics import detection, operating_points

CURVE_IOUS = (0.5, 0.75, 0.9)

_RUN, _DETECTIONS = "run.json", "detections"
_CURVE_HEADER = (
    "iou",
    "score_threshold",
    "precision",
    "recall",
    "false_positives_per_image",
)
_IMAGES_HEADER = ("image", "group", "regions", "found", "missed", "false_positives")


@dataclasses.dataclass(frozen=True)
class Source:
    """What is scored: an exported detector (or a bundle's), and images of a dataset folder."""

    detector_dir: pathlib.Path
    dataset_dir: pathlib.Path
    split: str = "test"
    region_config: regions.RegionConfig = dataclasses.field(default_factory=regions.RegionConfig)

    @property
    def title(self) -> str:
        """For tables."""
        return f"Detection on the {self.split} images of {self.dataset_dir.resolve().name}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The scores, and {name of image: reason} of those that could not be scored."""

    scores: DetectorScores
    failed: dict[str, str]


def evaluate_detector(
    source: Source,
    output_dir: str | pathlib.Path,
    scoring: ScoringConfig = ScoringConfig(),
    overwrite: bool = False,
) -> Outcome:
    """Detects, scores and writes everything of the module's heading.

    An image or mask that cannot be read is noted and the rest are scored.

    Args:
        source: what is scored.
        output_dir: for the results.
        scoring: what is scored, and how.
        overwrite: detect again what is kept, also of another detector.

    Raises:
        DatasetError: the dataset folder has problems.
        FileNotFoundError: there is no detector.
        ValueError: no image of the split can be scored, or `output_dir` holds the scores of
            another detector.
    """
    output_dir = pathlib.Path(output_dir)
    sha256 = kept_detections.detector_sha256(source.detector_dir)
    _check_output(output_dir, sha256, overwrite)
    samples = dataset.load_dataset(source.dataset_dir).in_split(source.split)
    run = _Run(source, output_dir / _DETECTIONS, sha256, overwrite)
    images = run.detect(samples)
    if not images:
        reasons = "\n  ".join(run.failed.values())
        raise ValueError(f"{source.dataset_dir}: no image could be scored\n  {reasons}")
    scores = score_detector(images, scoring)
    files.write_json(output_dir / _RUN, run.record(images, scoring))
    _write_scores(output_dir, scores, source.title, run.failed)
    _write_curves(output_dir, images, scores)
    _write_images(output_dir, images, scoring.score_threshold)
    return Outcome(scores, run.failed)


class _Run:
    """Detects in the images of a split, unless their detections are kept."""

    def __init__(self, source: Source, folder: pathlib.Path, sha256: str, overwrite: bool):
        self._source = source
        self._folder = folder
        self._sha256 = sha256
        self._overwrite = overwrite
        self._detector: DetectorPredictor | None = None
        self._image_hashes: dict[str, str] = {}
        self._seconds: list[float] = []
        self.failed: dict[str, str] = {}

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

    def record(self, images: Sequence[DetectedImage], scoring: ScoringConfig) -> dict:
        """What run.json holds."""
        provenance = self._source.detector_dir / "detector.json"
        exported = json.loads(provenance.read_text("utf-8")) if provenance.is_file() else {}
        truth = {image.name: [image.true_boxes.tolist(), image.points.tolist()] for image in images}
        return {
            "detector_dir": str(self._source.detector_dir),
            "detector_sha256": self._sha256,
            "detector": exported,
            "dataset_dir": str(self._source.dataset_dir),
            "split": self._source.split,
            "num_images": len(images),
            "images_sha256": files.sha256_of_json(self._image_hashes),
            "truth_sha256": files.sha256_of_json(truth),
            "region_config": config.to_dict(self._source.region_config),
            "scoring": config.to_dict(scoring),
            "median_seconds_per_image": float(np.median(self._seconds)),
            "versions": files.versions(),
        }

    def _image(self, sample: Sample) -> DetectedImage:
        found = regions.find_regions(sample, self._source.region_config)
        kept = self._detections(sample)
        points = np.array([(cell.y, cell.x) for cell in sample.cells], float).reshape(-1, 2)
        return DetectedImage(sample.name, sample.group, kept.detections, found, points)

    def _detections(self, sample: Sample) -> kept_detections.KeptDetections:
        image_sha256 = files.sha256_of_file(sample.image_path)
        hashes = (self._sha256, image_sha256)
        kept = None
        if not self._overwrite:
            kept = kept_detections.read(self._folder, sample.name, *hashes)
        if kept is None:
            kept = self._predict(image_io.read_image(sample.image_path))
            kept_detections.write(self._folder, sample.name, kept, *hashes)
        self._image_hashes[sample.name] = image_sha256
        self._seconds.append(kept.seconds)
        return kept

    def _predict(self, image: np.ndarray) -> kept_detections.KeptDetections:
        if self._detector is None:
            self._detector = DetectorPredictor(self._source.detector_dir, score_threshold=0.0)
        start = time.perf_counter()
        found = self._detector.predict(image)
        return kept_detections.KeptDetections(found, time.perf_counter() - start)


def _check_output(output_dir: pathlib.Path, sha256: str, overwrite: bool) -> None:
    path = output_dir / _RUN
    if overwrite or not path.exists():
        return
    earlier = json.loads(path.read_text(encoding="utf-8"))
    if earlier.get("detector_sha256") != sha256:
        raise ValueError(
            f"{output_dir}: holds the scores of another detector "
            f"({earlier.get('detector_dir')}). Choose another output folder, or give --overwrite"
        )


def _write_scores(
    output_dir: pathlib.Path, scores: DetectorScores, title: str, failed: dict[str, str]
) -> None:
    content = {**dataclasses.asdict(scores), "failed": failed}
    files.write_json(output_dir / "scores.json", _without_nan(content))
    csv_rows = detector_table.csv_rows(scores)
    files.write_csv(output_dir / "scores.csv", detector_table.CSV_HEADER, csv_rows)
    table = detector_table.table(scores, title)
    with files.atomic_path(output_dir / "scores.md") as temporary:
        temporary.write_text(text_table.markdown(table), encoding="utf-8")


def _write_curves(
    output_dir: pathlib.Path, images: Sequence[DetectedImage], scores: DetectorScores
) -> None:
    drawn, csv_rows = [], []
    for min_iou in CURVE_IOUS:
        matches = _match(images, min_iou)
        curve = operating_points.threshold_curve(matches)
        average = detection.average_precision(matches)
        drawn.append(curves.Curve(min_iou, average, curve.precision, curve.recall))
        columns = [getattr(curve, name).tolist() for name in _CURVE_HEADER[1:]]
        csv_rows += [(min_iou, *values) for values in zip(*columns, strict=True)]
    files.write_csv(output_dir / "precision_recall.csv", _CURVE_HEADER, csv_rows)
    curves.write_detector_curves(output_dir / "precision_recall", drawn, scores)


def _write_images(
    output_dir: pathlib.Path, images: Sequence[DetectedImage], score_threshold: float
) -> None:
    matches = _match(images, 0.5)
    found = matches.found_score >= score_threshold
    wrong = (matches.scores >= score_threshold) & ~matches.correct
    num_found = np.bincount(matches.true_image[found], minlength=len(images)).tolist()
    num_wrong = np.bincount(matches.image[wrong], minlength=len(images)).tolist()
    rows = []
    for image, right, false in zip(images, num_found, num_wrong, strict=True):
        total = len(image.regions)
        rows.append((image.name, image.group, total, right, total - right, false))
    files.write_csv(output_dir / "images.csv", _IMAGES_HEADER, rows)


def _match(images: Sequence[DetectedImage], min_iou: float) -> detection.Matches:
    detections = [image.detections for image in images]
    return detection.match(detections, [image.true_boxes for image in images], min_iou)


def _without_nan(value):
    """None in the place of nan, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value
