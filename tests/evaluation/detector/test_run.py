"""Scores of a detector on a dataset folder: results, resuming, failures, with a pretended model."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.core import files, image_io
from rbc_tf.core import score as score_lib
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.core.types import Detections
from rbc_tf.core.unseen import SeenError
from rbc_tf.detection import record
from rbc_tf.detection.record import DetectorRecord, UsedSplit
from rbc_tf.evaluation.detector import detections
from rbc_tf.evaluation.detector.run import Source, evaluate_detector
from rbc_tf.evaluation.detector.scores import ScoringConfig
from tests import builders

_ROOT = pathlib.Path(__file__).parents[3]
_SCORING = ScoringConfig(recalls=(0.5, 0.9), num_resamples=50)


class _Detector:
    """Finds the left one of two cells in every image, and one where there is nothing."""

    loads, seen = 0, []

    def __init__(self, folder, score_threshold):
        assert score_threshold == 0
        _Detector.loads += 1

    def predict(self, image):
        _Detector.seen.append(int(image[0, 0, 0]))
        boxes = np.array([[5, 5, 25, 25], [40, 40, 50, 60]], np.float32)
        return Detections(boxes, np.array([0.9, 0.6], np.float32))


@pytest.fixture(autouse=True)
def _pretended(monkeypatch):
    _Detector.loads, _Detector.seen = 0, []
    monkeypatch.setattr(detections, "DetectorPredictor", _Detector)


@pytest.fixture
def source(tmp_path):
    """Three test images of 60 x 80 with two cells each, grey 200, 201 and 202, and one other."""
    mask = np.zeros((60, 80), bool)
    mask[5:25, 5:25] = mask[5:25, 50:70] = True
    folder = builders.write_dataset(
        tmp_path / "smears",
        {name: builders.grey_image(60, 80, 200 + n) for n, name in enumerate("abcd")},
        masks=dict.fromkeys("abcd", mask),
        splits=[(c, f"slide {n}", "train" if c == "d" else "test") for n, c in enumerate("abcd")],
        cells=[("a", 10, 10, "Oval"), ("a", 60, 10, "Oval")],
    )
    detector = tmp_path / "export"
    detector.mkdir()
    (detector / "saved_model.pb").write_bytes(b"graph")
    (detector / "detector.json").write_text('{"step": 7}')
    return Source(detector, folder)


_one = score_lib.one


def test_everything_is_written(source, tmp_path):
    out = tmp_path / "out"
    outcome = evaluate_detector(source, out, _SCORING)
    # In each image one cell is found of two, and one detection of two is right.
    for name, support in {"recall": 6, "precision": 6, "points_inside": 2}.items():
        score = _one(outcome.scores, name, score_threshold="0.5")
        assert (score.value, score.support) == (0.5, support), name
    assert outcome.failed == {}
    stored = builders.read_json(out / "scores.json")
    assert score_lib.from_json(stored["scores"]) == outcome.scores
    assert _one(outcome.scores, "ap50").value == 0.5
    assert _one(outcome.scores, "false_positives_per_image", at_recall="0.9").value is None
    assert _one(outcome.scores, "recall", score_threshold="0.5", subset="multi_cell").value is None
    # Everything is in every file.
    table = builders.read_csv(out / "scores.csv")
    assert [row["score"] for row in table] == [score.name for score in outcome.scores]
    assert (out / "scores.md").read_text().count("\n| ") == 2 + len(table)
    recalls = [row for row in table if row["score"] == "recall" and not row["subset"]]
    assert float(recalls[0]["value"]) == 0.5
    assert "| recall at score 0.5 | 0.500 |" in (out / "scores.md").read_text()
    assert (out / "precision_recall.png").stat().st_size
    assert (out / "precision_recall.svg").stat().st_size
    assert builders.read_csv(out / "images.csv")[0] == {
        "image": "a", "group": "slide 0", "regions": "2", "found": "1", "missed": "1",
        "false_positives": "1",
    }  # fmt: skip


def test_the_curves_are_those_of_three_ious(source, tmp_path):
    evaluate_detector(source, tmp_path / "out", _SCORING)
    rows = builders.read_csv(tmp_path / "out" / "precision_recall.csv")
    # Boxes that agree exactly are right at every IoU: at score 0.9 all kept are right, at 0.6 half.
    expected = [(iou, p, fp) for iou in (0.5, 0.75, 0.9) for p, fp in ((1, 0), (0.5, 1))]
    found = [("iou", "precision", "false_positives_per_image")]
    found = [tuple(float(row[name]) for name in found[0]) for row in rows]
    assert found == expected


def test_the_record_says_what_was_scored(source, tmp_path):
    out = tmp_path / "out"
    evaluate_detector(source, out, _SCORING)
    record = json.loads((out / "run.json").read_text())
    assert record["detector"] == {"step": 7}
    assert (record["split"], record["num_images"]) == ("test", 3)
    assert record["scoring"]["recalls"] == [0.5, 0.9]
    assert "tensorflow" in record["versions"]
    mask = image_io.read_mask(source.dataset_dir / "masks" / "a.png")
    mask[30:50, 30:50] = True
    image_io.write_mask(source.dataset_dir / "masks" / "a.png", mask)
    evaluate_detector(source, out, _SCORING)
    changed = json.loads((out / "run.json").read_text())
    assert changed["truth_sha256"] != record["truth_sha256"]
    assert changed["images_sha256"] == record["images_sha256"]
    assert changed["detector_sha256"] == record["detector_sha256"]


def test_what_was_detected_is_not_detected_again(source, tmp_path):
    out = tmp_path / "out"
    evaluate_detector(source, out, _SCORING)
    assert (_Detector.loads, _Detector.seen) == (1, [200, 201, 202])
    first = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    evaluate_detector(source, out, _SCORING)
    assert _Detector.loads == 1  # the model is not even loaded
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == first
    image_io.write_png(source.dataset_dir / "images" / "b.png", np.full((60, 80, 3), 9, np.uint8))
    evaluate_detector(source, out, _SCORING)
    assert _Detector.seen == [200, 201, 202, 9]
    evaluate_detector(source, out, _SCORING, overwrite=True)
    assert _Detector.seen[4:] == [200, 9, 202]


def test_a_killed_run_goes_on(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    whole = _Detector.predict

    def stop_at_third(self, image):
        if image[0, 0, 0] == 202:
            raise KeyboardInterrupt
        return whole(self, image)

    monkeypatch.setattr(_Detector, "predict", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        evaluate_detector(source, out, _SCORING)
    assert not (out / "scores.json").exists()
    monkeypatch.setattr(_Detector, "predict", whole)
    outcome = evaluate_detector(source, out, _SCORING)
    assert _Detector.seen == [200, 201, 202]
    assert _one(outcome.scores, "num_images").value == 3
    assert not list(out.rglob(".*"))


def test_another_detector_needs_another_folder(source, tmp_path):
    out = tmp_path / "out"
    evaluate_detector(source, out, _SCORING)
    (source.detector_dir / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(StaleError, match="detector_sha256 was"):
        evaluate_detector(source, out, _SCORING)
    evaluate_detector(source, out, _SCORING, overwrite=True)
    assert _Detector.seen == [200, 201, 202] * 2


def test_a_broken_image_is_named_and_the_rest_scored(source, tmp_path):
    path = source.dataset_dir / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:-20])  # its header is whole, so the folder loads
    outcome = evaluate_detector(source, tmp_path / "out", _SCORING)
    assert _one(outcome.scores, "num_images").value == 2
    assert "b.png: the image is damaged" in outcome.failed["b"]
    stored = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert list(stored["failed"]) == ["b"]


def test_nothing_that_can_be_scored(source, tmp_path):
    for path in (source.dataset_dir / "images").iterdir():
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"no image .*\n.*a\.png: .* dam"):
        evaluate_detector(source, tmp_path / "out", _SCORING)


def test_missing_detector_and_split(source, tmp_path):
    nowhere = Source(tmp_path / "nowhere", source.dataset_dir)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate_detector(nowhere, tmp_path / "out")
    validation = Source(source.detector_dir, source.dataset_dir, "validation")
    with pytest.raises(ValueError, match="split 'validation'"):
        evaluate_detector(validation, tmp_path / "out")


class _SavedDetector(tf.Module):
    """A SavedModel that finds the left cell in every image."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")])
    def detect(self, inputs):
        del inputs
        return {
            "detection_boxes": tf.constant([[[5.0, 5.0, 25.0, 25.0]]]),
            "detection_scores": tf.constant([[0.9]]),
            "num_detections": tf.constant([1]),
            "image_info": tf.constant([[[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]),
        }


def test_the_command(source, tmp_path):
    saved = _SavedDetector()
    signatures = {"serving_default": saved.detect}
    tf.saved_model.save(saved, str(source.detector_dir), signatures=signatures)
    path = source.dataset_dir / "images" / "c.png"
    path.write_bytes(path.read_bytes()[:-20])
    done = subprocess.run(
        [
            sys.executable, str(_ROOT / "tools" / "evaluate_detector.py"),
            f"--detector_dir={source.detector_dir}", f"--dataset_dir={source.dataset_dir}",
            f"--output_dir={tmp_path / 'out'}", "--resamples=20", "--recall=0.5",
        ],
        env=os.environ | {"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]  # one image is broken
    assert "Detection on the test images of smears" in done.stdout
    assert "2 of 4 regions" in done.stdout
    assert "not scored" in done.stdout
    assert "recall 0.5" in done.stdout
    assert "recall 0.9" not in done.stdout


def _say_seen(source, *names):
    """Lets the detector say that it was trained on these images."""
    hashes = [files.sha256_of_file(source.dataset_dir / "images" / f"{n}.png") for n in names]
    used = UsedSplit("train", len(hashes), 1, 1, tuple(hashes))
    record.save(source.detector_dir, DetectorRecord(step=7, records={"train": used}))


def test_images_that_the_detector_has_seen_are_refused(source, tmp_path):
    _say_seen(source, "a", "d")
    with pytest.raises(SeenError, match="the detector has seen 1 image of group slide 0"):
        evaluate_detector(source, tmp_path / "out", _SCORING)
    assert _Detector.loads == 0
    assert not (tmp_path / "out").exists()


def test_what_the_detector_has_not_seen_needs_no_note(source, tmp_path):
    _say_seen(source, "d")
    assert evaluate_detector(source, tmp_path / "out", _SCORING).notes == ()


def test_a_detector_of_0_1_0_is_scored_with_a_note(source, tmp_path):
    outcome = evaluate_detector(source, tmp_path / "out", _SCORING)
    assert outcome.notes == ("Which images the detector has seen is not recorded.",)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["notes"] == list(outcome.notes)


def test_training_images_are_scored_on_purpose_with_a_note(source, tmp_path):
    _say_seen(source, "d")
    trained_on = dataclasses.replace(source, split="train")
    (note,) = evaluate_detector(trained_on, tmp_path / "out", _SCORING).notes
    assert "'train' are not held out: the detector has seen 1 image of group slide 3" in note
