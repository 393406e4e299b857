"""From the folders that training leaves to a bundle."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tqdm

from rbc_tf.classification.calibration import PLAIN
from rbc_tf.classification.classifier import Classifier
from rbc_tf.core import boxes, config, image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import PRESENT, FeatureTable
from rbc_tf.core.unseen import SEEN_SPLITS
from rbc_tf.data import regions
from rbc_tf.data.dataset import Dataset
from rbc_tf.detection import record
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.features import backbone_spec, cache
from rbc_tf.features.backbone import read_record
from rbc_tf.features.crops import CropConfig
from rbc_tf.inference import appearance
from rbc_tf.inference import bundle as bundles
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.manifest.records import (
    BackboneRecord,
    DataRecord,
    FeaturesRecord,
    Metrics,
    Network,
    Provenance,
    SplitCounts,
)
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

# Which thresholds a bundle gets: those that training chose on validation, or 0.5 for every type.
TUNED = "tuned"
THRESHOLDS = (TUNED, PLAIN)


def export_bundle(
    detector_dir: str | pathlib.Path,
    features_dir: str | pathlib.Path,
    classifier_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    score_threshold: float = 0.5,
    thresholds: str = TUNED,
    data_description: str = "",
    datasets: Sequence[Dataset] = (),
) -> bundles.Bundle:
    """Puts a detector, the backbone of a feature cache and a classifier into one folder.

    Args:
        detector_dir: what rbc_tf export-detector wrote.
        features_dir: what rbc_tf extract-features wrote; holds the backbone and crop settings.
        classifier_dir: what rbc_tf train-classifier wrote, from these very features.
        output_dir: the bundle to write; an existing bundle there is replaced.
        score_threshold: detections below are dropped in analysis.
        thresholds: 'tuned', those that training chose on validation, or 'plain', 0.5 for every
            type, as in the paper. The temperatures of training are in the bundle either way.
        data_description: of the smears, for the model card: source, stain, consent.
        datasets: what the parts learnt from, to record how these images look: analysis warns of
            those that look otherwise. Without any, it does not.

    Raises:
        ValueError: `thresholds` is neither, a part is missing or damaged, or the classifier was
            trained on other features.
    """
    if thresholds not in THRESHOLDS:
        raise ValueError(
            f"`thresholds` must be one of {', '.join(THRESHOLDS)}. Received: {thresholds!r}"
        )
    features_dir, detector_dir = pathlib.Path(features_dir), pathlib.Path(detector_dir)
    fingerprint = cache.load_fingerprint(features_dir)
    classifier = Classifier.load(classifier_dir)
    if classifier.record["features"]["settings"] != fingerprint.settings:
        raise bundles.BundleError(
            f"{classifier_dir}: was trained on other features than those in {features_dir}; "
            "train it on them, or name the folder of its own"
        )
    detector_record = _detector_record(detector_dir)
    manifest = Manifest(
        cell_types=classifier.cell_types,
        crop=config.from_dict(CropConfig, fingerprint.settings["crop"]),
        calibration=classifier.calibration,
        threshold_objective=classifier.record["calibration"]["objective"],
        score_threshold=score_threshold,
        abnormal_threshold=PLAIN_THRESHOLD,
        backbone=fingerprint.weights,
        network=Network(
            fingerprint.backbone,
            backbone_spec.find(fingerprint.backbone).title,
            fingerprint.settings["feature_dim"],
        ),
        appearance=appearance.ranges(_measured(datasets)),
        metrics=_metrics(detector_record, classifier.record),
        provenance=Provenance(
            detector=detector_record,
            features=FeaturesRecord(fingerprint.sha256, fingerprint.settings),
            data=_data(features_dir, classifier, data_description),
            backbone=describe_backbone(features_dir),
            classifier=classifier.record["config"],
        ),
    )
    if thresholds == PLAIN:
        manifest = manifest.with_plain_thresholds()
    parts = bundles.Parts(
        detector_dir, features_dir / cache.BACKBONE_FILE, pathlib.Path(classifier_dir)
    )
    return bundles.write_bundle(output_dir, parts, manifest)


def _measured(datasets: Sequence[Dataset]) -> Iterator[dict[str, float]]:
    """How the training images look, with their true regions."""
    for dataset in datasets:
        for sample in tqdm.tqdm(dataset.in_split("train"), desc="appearance", unit="image"):
            found = boxes.as_boxes([region.box for region in regions.find_regions(sample)])
            yield appearance.measure(
                image_io.read_image(sample.image_path, sample.intensity), found
            )


def _data(features_dir: pathlib.Path, classifier: Classifier, description: str) -> DataRecord:
    """As `describe_data`; splits may have changed since the classifier was trained."""
    found = describe_data(features_dir, classifier.cell_types, description)
    learnt = classifier.record.get("learnt_images")  # not recorded by version 0.1.0
    return found if learnt is None else dataclasses.replace(found, learnt_images=tuple(learnt))


def describe_data(
    features_dir: str | pathlib.Path, cell_types: CellTypes, description: str
) -> DataRecord:
    """Counts by split, and which images were learnt from; of images with labelled regions only."""
    fingerprint = cache.load_fingerprint(features_dir)
    rows = cache.FeatureCache(features_dir).load_rows()
    learnt = np.unique(rows.images[np.isin(rows.splits, SEEN_SPLITS)]).tolist()
    return DataRecord(
        dataset=fingerprint.dataset,
        description=description,
        splits={
            split: _counts(rows.select(rows.splits == split), cell_types)
            for split in (*SEEN_SPLITS, "test")
            if (rows.splits == split).any()
        },
        learnt_images=tuple(sorted(fingerprint.seen_in(learnt))),
    )


def describe_backbone(features_dir: str | pathlib.Path) -> BackboneRecord | None:
    """How a fine-tuned backbone was made; of its images, their number. None for others."""
    found = dict(read_record(pathlib.Path(features_dir) / cache.BACKBONE_FILE))
    if not found:
        return None
    found["num_images"] = len(found.pop("images"))
    return config.from_dict(BackboneRecord, found, ignore_unknown=True)


def _metrics(detector_record: DetectorRecord, classifier_record: Mapping) -> Metrics:
    """The scores on validation."""
    found = {
        "detector_validation": detector_record.validation,
        "heads_validation": classifier_record["heads"],
        "calibration_validation": classifier_record["calibration"],
        "abnormality_validation": classifier_record["abnormality"],
    }
    return config.from_dict(Metrics, found, ignore_unknown=True)


def _counts(rows: FeatureTable, cell_types: CellTypes) -> SplitCounts:
    present = (rows.labels == PRESENT).sum(axis=0).tolist()
    return SplitCounts(
        images=len(np.unique(rows.images)),
        groups=len(np.unique(rows.groups)),
        patches=len(rows),
        single_cell=int((rows.num_cells == 1).sum()),
        completely_labelled=int(rows.complete.sum()),
        types=dict(zip(cell_types.names, present, strict=True)),
    )


def _detector_record(detector_dir: pathlib.Path) -> DetectorRecord:
    try:
        if not (detector_dir / record.FILE).is_file():
            raise FileNotFoundError("it does not exist")
        found = record.load(detector_dir)
        record.check_files(detector_dir, found)
        # They lie in the bundle under hashes of its own.
        return dataclasses.replace(found, files={})
    except (OSError, ValueError) as error:
        raise bundles.BundleError(
            f"{detector_dir / record.FILE}: cannot be used ({error}); rbc_tf export-detector "
            "writes it"
        ) from error
