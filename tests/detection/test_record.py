"""detector.json of this version and of 0.1.0, which does not say which images were used."""

import json

import pytest

from rbc_tf.detection import record
from rbc_tf.detection.record import DetectorRecord, UsedSplit

# As version 0.1.0 wrote it.
_OLD = {
    "experiment": "rbc_fasterrcnn_resnet_fpn",
    "params_sha256": "ab" * 32,
    "checkpoint": "ckpt-90",
    "step": 90,
    "validation": {"AP": 0.5, "AP50": 0.75, "best_ckpt_global_step": 90},
    "init_checkpoint": "random weights",
    "input_type": "image_tensor",
    "input_image_size": [288, 512],
    "max_num_detections": 400,
    "training_image_size": [288, 512],
    "largest_training_region": [90, 121],
    "records": {
        "train": {"split": "train", "num_images": 28, "num_boxes": 1156, "max_boxes": 54},
        "validation": {"split": "validation", "num_images": 8, "num_boxes": 285, "max_boxes": 47},
    },
    "versions": {"rbc_tf": "0.1.0"},
}


def test_a_record_of_0_1_0_is_read_and_written_as_it_was(tmp_path):
    (tmp_path / "detector.json").write_text(json.dumps(_OLD))
    old = record.load(tmp_path)
    assert old.training_image_size == (288, 512)
    assert old.records["train"] == UsedSplit("train", 28, 1156, 54)
    assert old.images is None
    assert old.to_json() == _OLD
    assert json.dumps(old.to_json()) == json.dumps(_OLD)  # in the same order


def test_images_of_all_roles_are_those_seen(tmp_path):
    splits = {
        "train": UsedSplit("train", 2, 3, 2, ("a", "b")),
        "validation": UsedSplit("validation", 1, 1, 1, ("c",)),
    }
    record.save(tmp_path, DetectorRecord(step=3, records=splits))
    loaded = record.load(tmp_path)
    assert loaded == DetectorRecord(step=3, records=splits)
    assert loaded.images == {"a", "b", "c"}
    assert "checkpoint" not in loaded.to_json()


def test_images_of_one_role_alone_are_not_all():
    splits = {"train": UsedSplit("train", 1, 1, 1, ("a",)), "validation": UsedSplit("v", 1, 1, 1)}
    assert DetectorRecord(records=splits).images is None


def test_a_saved_model_without_record_says_nothing(tmp_path):
    assert record.load(tmp_path) == DetectorRecord()
    assert DetectorRecord().images is None


def test_what_a_newer_version_adds_is_left_out():
    assert DetectorRecord.from_json({"step": 3, "colour": "red"}) == DetectorRecord(step=3)


@pytest.mark.parametrize(
    "content",
    [
        '{"step": "three"}',
        "[1]",
        '{"step":',
        '{"records": {"a": 1}}',
        '{"training_image_size": [0, 0]}',
        '{"training_image_size": [1, 1]}',
        '{"training_image_size": [-5, 480]}',
        '{"largest_training_region": [0, 9]}',
    ],
)
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "detector.json").write_text(content)
    with pytest.raises(ValueError, match=r"detector\.json must be the record"):
        record.load(tmp_path)


def test_files_of_an_exported_detector_are_those_that_were_exported(tmp_path):
    (tmp_path / "variables").mkdir()
    for name in ("saved_model.pb", "variables/data"):
        (tmp_path / name).write_text(name)
    exported = record.DetectorRecord(files=record.hash_files(tmp_path))
    record.save(tmp_path, exported)
    assert set(exported.files) == {"saved_model.pb", "variables/data"}
    record.check_files(tmp_path, record.load(tmp_path))
    record.check_files(tmp_path, record.DetectorRecord())  # as earlier versions recorded it
    (tmp_path / "variables" / "data").write_text("other")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"added or changed: notes\.txt, variables/data"):
        record.check_files(tmp_path, record.load(tmp_path))


def test_who_rewrites_files_has_the_record_name_them(tmp_path):
    (tmp_path / "saved_model.pb").write_text("graph")
    record.save(tmp_path, record.DetectorRecord(step=3, files=record.hash_files(tmp_path)))
    (tmp_path / "saved_model.pb").write_text("another")
    record.note_files(tmp_path)
    record.check_files(tmp_path, record.load(tmp_path))
    assert record.load(tmp_path).step == 3
    record.save(tmp_path, record.DetectorRecord())
    record.note_files(tmp_path)
    assert record.load(tmp_path).files == {}  # as earlier versions recorded it
