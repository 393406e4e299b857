"""Scores of an exported detector on the images of a dataset folder.

    OUTPUT_DIR/run.json                      detector, data, settings and versions
    OUTPUT_DIR/detections/NAME.npz           what was found in each image (`detections.py`)
    OUTPUT_DIR/scores.{json,md,csv}          all scores
    OUTPUT_DIR/precision_recall.csv          the curves at IoU 0.5, 0.75 and 0.9, by threshold
    OUTPUT_DIR/precision_recall.{png,svg}    their picture
    OUTPUT_DIR/images.csv                    regions found and missed, image by image

Detections are kept: a run that was killed goes on where it stopped, and the scores of another
threshold or of changed masks take seconds.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import config, files, score_files, structured, text_table, unseen
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.score import Score
from rbc_tf.core.unseen import Seen
from rbc_tf.data import dataset, regions
from rbc_tf.data.composed import links
from rbc_tf.detection import record
from rbc_tf.evaluation.detector import curves, tables
from rbc_tf.evaluation.detector.detections import DetectionRun
from rbc_tf.evaluation.detector.scores import DetectedImage, ScoringConfig, score_detector
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
    """What was scored.

    Attributes:
        scores: of the images that could be read.
        failed: {name of image: reason} of the others.
        notes: what readers of the scores should know (see `unseen.notes`).
    """

    scores: tuple[Score, ...]
    failed: dict[str, str]
    notes: tuple[str, ...] = ()


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
        ValueError: no image of the split can be scored.
        SeenError: the detector has seen groups of the split, which is neither 'train' nor
            'validation'.
        StaleError: `output_dir` holds the scores of another detector.
    """
    output_dir = pathlib.Path(output_dir)
    folder = output_dir / _DETECTIONS
    run = DetectionRun(source.detector_dir, folder, source.region_config, overwrite)
    _check_output(output_dir, run.detector_sha256, overwrite)
    loaded = dataset.load_dataset(source.dataset_dir)
    samples = loaded.in_split(source.split)
    detector = record.load(source.detector_dir)
    notes = unseen.notes(
        [Seen(unseen.DETECTOR, detector.images)],
        unseen.of_samples(loaded, source.split, links.source_hashes(loaded)),
        [sample.name for sample in samples],
        source.split,
        str(source.dataset_dir),
    )
    images = run.detect(samples)
    if not images:
        reasons = "\n  ".join(run.failed.values())
        raise ValueError(f"{source.dataset_dir}: no image could be scored\n  {reasons}")
    scores = score_detector(images, scoring)
    files.write_json(output_dir / _RUN, {**_record(source, run, images, scoring), "notes": notes})
    _write_scores(output_dir, scores, source.title, run.failed)
    _write_curves(output_dir, images, scores, scoring.score_threshold)
    _write_images(output_dir, images, scoring.score_threshold)
    return Outcome(scores, run.failed, tuple(notes))


def _record(
    source: Source, run: DetectionRun, images: Sequence[DetectedImage], scoring: ScoringConfig
) -> dict:
    """What run.json holds."""
    truth = {image.name: [image.true_boxes.tolist(), image.points.tolist()] for image in images}
    return {
        "detector_dir": str(source.detector_dir),
        "detector_sha256": run.detector_sha256,
        "detector": record.load(source.detector_dir).to_json(),
        "dataset_dir": str(source.dataset_dir),
        "split": source.split,
        "num_images": len(images),
        "images_sha256": files.sha256_of_json(run.image_sha256),
        "truth_sha256": files.sha256_of_json(truth),
        "region_config": config.to_dict(source.region_config),
        "scoring": config.to_dict(scoring),
        "median_seconds_per_image": float(np.median(run.seconds)),
        "versions": files.versions(),
    }


def _check_output(output_dir: pathlib.Path, sha256: str, overwrite: bool) -> None:
    path = output_dir / _RUN
    if overwrite or not path.exists():
        return
    earlier = structured.load_mapping(path)
    Fingerprint({"detector_sha256": sha256}).check(
        Fingerprint({"detector_sha256": earlier.get("detector_sha256")}),
        f"the scores in {output_dir}, of {earlier.get('detector_dir')}",
        "Give --overwrite to replace them, or name another folder.",
    )


def _write_scores(
    output_dir: pathlib.Path, scores: Sequence[Score], title: str, failed: dict[str, str]
) -> None:
    score_files.write_json(output_dir / "scores.json", scores, {"failed": failed})
    score_files.write_csv(output_dir / "scores.csv", scores)
    markdown = text_table.markdown(tables.table(scores, title))
    with files.atomic_path(output_dir / "scores.md") as temporary:
        temporary.write_text(markdown, encoding="utf-8")


def _write_curves(
    output_dir: pathlib.Path,
    images: Sequence[DetectedImage],
    scores: Sequence[Score],
    score_threshold: float,
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
    curves.write_detector_curves(output_dir / "precision_recall", drawn, scores, score_threshold)


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
