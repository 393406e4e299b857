"""manifest.json: what is written comes back, from versions before and after too."""

import dataclasses
import json

import pytest

from rbc_tf.core import files
from rbc_tf.core.score import Score, one
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.manifest import manifest as manifests
from rbc_tf.manifest.records import (
    AbnormalityRecord,
    BackboneRecord,
    CalibrationRecord,
    DataRecord,
    FeaturesRecord,
    HeadRecord,
    HeldOutScores,
    Metrics,
    Provenance,
    SplitCounts,
    TypeCalibration,
)
from tests import builders

_FULL = builders.manifest(
    builders.DISC_AND_BURR,
    thresholds=(1 / 3, 0.6),
    metrics=Metrics(
        detector_validation={"AP50": 0.9625},
        heads_validation=(
            HeadRecord("disc", "trained", 3, (4, 2, 0), (1, 1, 1), 0.25, 0.875),
            HeadRecord("burr", "never_present"),
        ),
        calibration_validation=CalibrationRecord(
            "exact_match", (TypeCalibration("disc", 1, 1, True, True, False, True, 2, 0.5, 0.25),)
        ),
        abnormality_validation=AbnormalityRecord(False, {"abnormal": 2}, {"normal": 1}, 0.75),
        held_out=(
            HeldOutScores(
                "smears",
                "test",
                9,
                3,
                "abc",
                "2026-06-01T00:00:00+00:00",
                scores=(
                    Score("ap50", 0.5, (0.25, 0.75), {"stage": "detector"}, 7),
                    Score("recall", None, of={"stage": "classifier", "type": "disc"}),
                ),
            ),
        ),
    ),
    provenance=Provenance(
        detector=DetectorRecord(experiment="rbc", step=5, input_image_size=(64, 96)),
        features=FeaturesRecord("def", {"feature_dim": 8, "crop": {"size": 32}}),
        data=DataRecord(
            "smears", "Giemsa", {"train": SplitCounts(2, 1, 9, 8, 7, {"disc": 9})}, ("1", "2")
        ),
        backbone=BackboneRecord("all", {"train": 9}, 2, backend="jax"),
        classifier={"heads": {"hidden_units": 4}},
    ),
)


def _content(manifest):
    """As it is read from a file."""
    return json.loads(files.json_bytes(manifests.to_json(manifest)))


@pytest.mark.parametrize("manifest", [_FULL, builders.manifest()])
def test_what_is_written_comes_back(manifest):
    assert manifests.from_json(_content(manifest)) == manifest
    assert _content(manifest)["format_version"] == 4


def test_what_a_later_version_adds_is_ignored():
    content = _content(_FULL)
    content["colour"] = "blue"
    content["metrics"]["colour"] = {"blue": 1}
    content["metrics"]["heads_validation"][0]["colour"] = "blue"
    content["metrics"]["held_out"][0]["colour"] = "blue"
    content["provenance"]["colour"] = "blue"
    content["provenance"]["data"]["splits"]["train"]["colour"] = 3
    assert manifests.from_json(content) == _FULL


def test_what_an_earlier_version_did_not_write_has_its_default():
    content = _content(_FULL)
    content["metrics"] = {"heads_validation": [{"name": "disc", "status": "trained"}]}
    content["provenance"] = {"data": {}}
    manifest = manifests.from_json(content)
    assert manifest.metrics == Metrics(heads_validation=(HeadRecord("disc", "trained"),))
    assert manifest.provenance == Provenance(data=DataRecord())
    assert manifest.provenance.data.learnt_images is None


def test_what_is_of_a_wrong_type_is_refused():
    content = _content(_FULL)
    content["metrics"]["heads_validation"][0]["epoch"] = "three"
    with pytest.raises(ValueError, match=r"epoch.*three"):
        manifests.from_json(content)


def _of_version_2():
    """As 0.1.0 wrote it, with scores on one set of held-out images."""
    content = _content(_FULL) | {"format_version": 2}
    data = content["provenance"]["data"]
    data["taught_images"] = data.pop("learnt_images")
    content["provenance"]["backbone"] = {}
    types = [{"name": "disc", "present": 5, "auc": 0.8125, "threshold": 0.25}]
    types[0] |= {"recall": 0.75, "precision": None, "ece": 0.05}
    content["metrics"]["held_out"] = [
        {
            "dataset": "smears",
            "split": "test",
            "images": 9,
            "groups": 3,
            "images_sha256": "abc",
            "scored": "2026-06-01T00:00:00+00:00",
            "regions": 321,
            "detection": {
                "ap50": 0.95,
                "ap75": 0.9,
                "ap": 0.8,
                "recall": 0.85,
                "precision": None,
                "recall_single_cell": 0.9,
                "recall_multi_cell": None,
                "score_threshold": 0.6,
                "num_images": 9,
                "num_true": 400,
                "num_detected": 380,
            },
            "types": types,
            "exact_match": 0.375,
            "exact_match_plain": 0.25,
            "abnormality": {
                "accuracy": 0.625,
                "sensitivity": 0.5,
                "specificity": None,
                "auc": 0.6875,
                "num_regions": 321,
                "num_abnormal": 100,
            },
            "found_and_right": 0.3125,
        }
    ]
    return content


def test_manifests_of_version_2_are_read():
    manifest = manifests.from_json(_of_version_2())
    assert manifest.provenance == dataclasses.replace(_FULL.provenance, backbone=None)
    (entry,) = manifest.metrics.held_out
    assert dataclasses.replace(manifest.metrics, held_out=()) == dataclasses.replace(
        _FULL.metrics, held_out=()
    )
    (expected,) = _FULL.metrics.held_out
    assert dataclasses.replace(entry, scores=expected.scores) == expected
    at = {"stage": "detector", "score_threshold": "0.6"}
    assert one(entry.scores, "recall", **at).value == 0.85
    assert one(entry.scores, "recall", subset="single_cell", **at).value == 0.9
    assert one(entry.scores, "ap50_95", stage="detector").value == 0.8
    assert one(entry.scores, "precision", **at).support == 380
    assert one(entry.scores, "num_regions", stage="detector").value == 400
    everything = {"stage": "classifier", "subset": "all"}
    disc = {**everything, "type": "disc"}
    assert one(entry.scores, "n_positive", **disc).value == 5
    assert one(entry.scores, "precision", **disc).value is None
    abnormal = {**everything, "abnormality": "boosting"}
    assert one(entry.scores, "n_abnormal", **abnormal).value == 100
    assert one(entry.scores, "exact_match", stage="chain", subset="all").value == 0.3125


def test_a_manifest_of_version_2_is_written_as_one_of_today():
    manifest = manifests.from_json(_of_version_2())
    assert _content(manifest)["format_version"] == 4
    assert manifests.from_json(_content(manifest)) == manifest
