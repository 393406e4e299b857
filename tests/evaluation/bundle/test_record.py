"""Scores go into a bundle only for images that none of it has learnt from."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest

from rbc_tf.core import files
from rbc_tf.core.score import one, select
from rbc_tf.core.types import Detections, Region, Sample
from rbc_tf.core.unseen import SeenError
from rbc_tf.data.dataset import Dataset
from rbc_tf.detection.record import DetectorRecord, UsedSplit
from rbc_tf.evaluation.bundle import record as held_out
from rbc_tf.evaluation.bundle import seen
from rbc_tf.evaluation.bundle.scores import EvaluatedImage, score_chain
from rbc_tf.inference import bundle as bundles
from rbc_tf.manifest.records import DataRecord, Metrics, Provenance
from rbc_tf.metrics.classified import ClassifiedRegions
from tests import builders

_TYPES = builders.DISC_AND_BURR


@pytest.fixture
def dataset(tmp_path):
    """Four images: train 'a', test 'b' of another group, test 'c' of a's group, and test 'd'."""
    root = tmp_path / "smears"
    root.mkdir()
    samples = []
    for name, group, split in (
        ("a", "one", "train"),
        ("b", "two", "test"),
        ("c", "one", "other"),
        ("d", "two", "test"),
    ):
        path = root / f"{name}.png"
        path.write_bytes(name.encode())
        samples.append(Sample(name, path, None, group, split))
    return Dataset(root, tuple(samples), _TYPES)


@pytest.fixture
def bundle(tmp_path, dataset):
    learnt = (files.sha256_of_file(dataset.sample("a").image_path),)
    manifest = builders.manifest(
        _TYPES,
        metrics=Metrics(detector_validation={"AP50": 0.5}),
        provenance=Provenance(data=DataRecord(learnt_images=learnt)),
    )
    parts = builders.bundle_parts(tmp_path / "parts")
    _write_backbone(parts.backbone)
    return bundles.write_bundle(tmp_path / "bundle", parts, manifest)


def _write_backbone(path, *images):
    """The file of a backbone with nothing but its record, of fine-tuning on these images."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        if images:
            hashes = {str(image): files.sha256_of_file(image) for image in images}
            record = {"images": hashes, "regions": "all"}
            archive.writestr("rbc_tf_record.json", json.dumps(record))


def _with_detector(bundle, *images):
    """The bundle with a detector that says on which images it was trained."""
    hashes = tuple(sorted(files.sha256_of_file(image) for image in images))
    trained = UsedSplit("train", len(hashes), 1, 1, hashes)
    provenance = dataclasses.replace(
        bundle.manifest.provenance, detector=DetectorRecord(records={"train": trained})
    )
    return bundles.replace_manifest(
        bundle, dataclasses.replace(bundle.manifest, provenance=provenance)
    )


def _scores(score=0.9):
    """Of one image with one burr cell, found where `score` is 0.5 or more; no disc anywhere."""
    box = np.array([[0, 0, 10, 10]], np.float32)
    known = {
        "names": _TYPES.names,
        "labels": np.array([[0, 1]], np.int8),
        "num_cells": np.array([1]),
        "groups": np.array(["two"]),
        "probabilities": np.array([[0.1, 0.7]], np.float32),
        "thresholds": np.array([0.5, 0.5]),
    }
    image = EvaluatedImage(
        group="two",
        detections=Detections(box, np.array([score], np.float32)),
        truth=(Region((0, 0, 10, 10), ("burr",), complete=True),),
        points=np.array([[5, 5]]),
        on_truth=ClassifiedRegions(**known),
        on_detections=ClassifiedRegions(**known, found=np.array([score >= 0.5])),
    )
    return score_chain([image], score_threshold=0.5)


def test_scores_are_kept_with_what_they_were_made_on(bundle, dataset):
    after = held_out.record_scores(bundle, dataset, "test", _scores())
    assert bundles.load_bundle(bundle.path).sha256 == after.sha256 != bundle.sha256
    assert after.manifest.created == bundle.manifest.created
    assert after.manifest.metrics.detector_validation == {"AP50": 0.5}
    (entry,) = after.manifest.metrics.held_out
    assert (entry.dataset, entry.split, entry.images, entry.groups) == ("smears", "test", 2, 1)
    assert entry.origin == ""
    at = {"stage": "detector", "score_threshold": "0.5"}
    assert one(entry.scores, "recall", **at).value == 1
    assert one(entry.scores, "recall", subset="multi_cell", **at).value is None
    assert "NaN" not in (bundle.path / bundles.MANIFEST).read_text()
    positive = select(entry.scores, "n_positive")
    assert [(score.of["type"], score.value) for score in positive] == [("disc", 0), ("burr", 1)]
    of_types = {"stage": "classifier", "subset": "all"}
    assert one(entry.scores, "num_regions", **of_types).value == 1
    assert one(entry.scores, "recall", type="burr", **of_types).value == 1
    assert one(entry.scores, "exact_match", **of_types).value == 1
    assert one(entry.scores, "exact_match", stage="chain", subset="all").value == 1
    card = (bundle.path / bundles.MODEL_CARD).read_text()
    assert "split 'test' of `smears`, 2 images in 1 group" in card
    assert (bundle.path / "detector" / "saved_model.pb").read_bytes() == b"graph"


def test_the_same_images_are_scored_anew_and_others_beside(bundle, dataset, tmp_path):
    first = held_out.record_scores(bundle, dataset, "test", _scores())
    again = held_out.record_scores(first, dataset, "test", _scores(score=0.4))
    (entry,) = again.manifest.metrics.held_out
    recall = one(entry.scores, "recall", stage="detector", score_threshold="0.5")
    assert recall.value == 0
    path = tmp_path / "e.png"
    path.write_bytes(b"e")
    other = Dataset(tmp_path, (Sample("e", path, None, "three", "test"),), _TYPES)
    both = held_out.record_scores(again, other, "test", _scores())
    assert [entry.images for entry in both.manifest.metrics.held_out] == [2, 1]


@pytest.mark.parametrize("split", ["train", "other"])
def test_groups_that_were_learnt_from_are_refused(bundle, dataset, split):
    """Nothing was learnt from image c, but it lies in the group of one that was."""
    with pytest.raises(ValueError, match="the classifier has seen 1 image of group one"):
        held_out.record_scores(bundle, dataset, split, _scores())
    assert bundles.load_bundle(bundle.path).sha256 == bundle.sha256


def test_renaming_hides_nothing(bundle, dataset):
    path = dataset.root / "renamed.png"
    path.write_bytes(b"a")
    samples = (*dataset.samples, Sample("renamed", path, None, "two", "test"))
    with pytest.raises(SeenError, match="of group two"):
        seen.check_held_out(bundle, dataclasses.replace(dataset, samples=samples), "test")


def test_a_bundle_that_cannot_tell_is_refused(bundle, dataset):
    old = bundles.replace_manifest(
        bundle, dataclasses.replace(bundle.manifest, provenance=Provenance())
    )
    with pytest.raises(bundles.BundleError, match=r"rbc_tf export-bundle"):
        held_out.record_scores(old, dataset, "test", _scores())


def test_groups_that_the_detector_has_seen_are_refused(bundle, dataset):
    trained = _with_detector(bundle, dataset.sample("d").image_path)
    with pytest.raises(SeenError, match="the detector has seen 1 image of group two"):
        held_out.record_scores(trained, dataset, "test", _scores())
    with pytest.raises(SeenError, match="the detector has seen 1 image of group two"):
        seen.notes(trained, dataset, "test")


def test_groups_that_the_backbone_has_seen_are_refused(bundle, dataset):
    _write_backbone(bundle.path / bundles.BACKBONE, dataset.sample("b").image_path)
    with pytest.raises(SeenError, match="the backbone has seen 1 image of group two"):
        seen.check_held_out(bundle, dataset, "test")


def test_what_the_detector_has_not_seen_is_recorded_as_such(bundle, dataset):
    trained = _with_detector(bundle, dataset.sample("a").image_path)
    assert seen.notes(trained, dataset, "test") == []
    after = held_out.record_scores(trained, dataset, "test", _scores())
    (entry,) = after.manifest.metrics.held_out
    assert entry.unseen_by == ("detector", "backbone", "classifier")
    card = (bundle.path / bundles.MODEL_CARD).read_text()
    assert "the detector, the features and the classifier have learnt from none" in card
    assert "rests on the use of the same splits" not in card


def test_of_a_detector_of_0_1_0_it_is_not_known(bundle, dataset):
    assert seen.notes(bundle, dataset, "test") == [
        "Which images the detector has seen is not recorded."
    ]
    after = held_out.record_scores(bundle, dataset, "test", _scores())
    (entry,) = after.manifest.metrics.held_out
    assert entry.unseen_by == ("backbone", "classifier")
    card = (bundle.path / bundles.MODEL_CARD).read_text()
    assert "the detector has not seen them rests on the use of the same splits" in card


def test_training_images_are_scored_on_purpose_but_not_recorded(bundle, dataset):
    trained = _with_detector(bundle, dataset.sample("a").image_path)
    (note,) = seen.notes(trained, dataset, "train")
    assert "'train' are not held out" in note
    assert "the detector has seen 1 image of group one" in note
    assert "the classifier has seen 1 image of group one" in note
    with pytest.raises(SeenError, match="the detector has seen"):
        seen.check_held_out(trained, dataset, "train")


def test_of_images_without_splits_it_is_said_that_the_detector_has_seen_them(bundle, dataset):
    paths = [dataset.sample(name).image_path for name in "abd"]
    trained = _with_detector(bundle, dataset.sample("b").image_path)
    (note,) = seen.notes_of_detection(trained, paths)
    assert note.startswith("The detector has seen 1 of 3 images, b.png:")
    (note,) = seen.notes_of_detection(bundle, paths)
    assert "not recorded" in note


def test_a_bundle_is_compared_on_what_it_has_seen_with_a_note(bundle, dataset):
    learnt, unknown = seen.notes_of_comparison(bundle, dataset, "train")
    assert learnt.startswith("The classifier has seen 1 of 1 image, a:")
    assert "detector" in unknown
    assert seen.notes_of_comparison(bundle, dataset, "test") == [unknown]
