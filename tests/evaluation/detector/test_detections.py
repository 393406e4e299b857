"""Kept detections come back as they were, and only for what they were made from."""

import numpy as np
import pytest

from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.types import Detections
from rbc_tf.evaluation.detector import detections
from rbc_tf.evaluation.detector.detections import KeptDetections


def _hashes(detector, image):
    return Fingerprint({"detector": detector, "image": image})


def _kept(count):
    boxes = np.arange(4 * count, dtype=np.float32).reshape(count, 4) / 3
    return KeptDetections(Detections(boxes, np.linspace(1, 0, count, dtype=np.float32)), 0.25)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_written_and_read(tmp_path, count):
    kept = _kept(count)
    detections.write(tmp_path / "new", "a b.c é", kept, _hashes("detector", "image"))
    back = detections.read(tmp_path / "new", "a b.c é", _hashes("detector", "image"))
    np.testing.assert_array_equal(back.detections.boxes, kept.detections.boxes)
    np.testing.assert_array_equal(back.detections.scores, kept.detections.scores)
    assert back.detections.boxes.dtype == back.detections.scores.dtype == np.float32
    assert back.seconds == 0.25


def test_what_0_1_0_kept_is_read(tmp_path):
    arrays = {"boxes": np.ones((1, 4), np.float32), "scores": np.ones(1, np.float32)}
    np.savez(tmp_path / "a.npz", seconds=0.5, hashes=np.array(["d", "i"]), **arrays)
    assert detections.read(tmp_path, "a", _hashes("d", "i")).seconds == 0.5
    assert detections.read(tmp_path, "a", _hashes("i", "d")) is None


def test_of_something_else_is_not_read(tmp_path):
    detections.write(tmp_path, "a", _kept(1), _hashes("detector", "image"))
    assert detections.read(tmp_path, "a", _hashes("other", "image")) is None
    assert detections.read(tmp_path, "a", _hashes("detector", "other")) is None
    assert detections.read(tmp_path, "b", _hashes("detector", "image")) is None
    assert detections.read(tmp_path, "a", _hashes("detector", "image")) is not None


@pytest.mark.parametrize("damage", [lambda b: b[:-30], lambda b: b"", lambda b: b"no archive"])
def test_a_damaged_file_counts_as_none(tmp_path, damage):
    detections.write(tmp_path, "a", _kept(2), _hashes("detector", "image"))
    path = tmp_path / "a.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert detections.read(tmp_path, "a", _hashes("detector", "image")) is None


def _detector(folder, weights=b"weights"):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(weights)
    return folder


def test_hash_of_a_detector(tmp_path):
    first = detections.hash_detector(_detector(tmp_path / "first"))
    copy = _detector(tmp_path / "copy")
    assert detections.hash_detector(copy) == first
    (copy / ".hidden").write_text("left by a file browser")
    assert detections.hash_detector(copy) == first
    other = _detector(tmp_path / "other", b"other weights")
    assert detections.hash_detector(other) != first
    (copy / "variables" / "data").rename(copy / "variables" / "moved")
    assert detections.hash_detector(copy) != first


def test_no_detector(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb"):
        detections.hash_detector(tmp_path)
