"""A run goes on with what it was begun with, and from checkpoints that are whole."""

import json
import pathlib

import pytest
import tensorflow as tf

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.detection.garden import checkpoints, experiments, parameters, run_record
from tests import tiny_detector


def _params(records, **changes):
    settings = json.loads(json.dumps(tiny_detector.SETTINGS))
    for path, value in changes.items():
        *parents, name = path.split("__")
        inner = settings
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
    return parameters.build(
        parameters.Sources(
            experiments.FPN, params_override=json.dumps(settings), records_dir=str(records)
        )
    )


def _records(folder, **splits):
    folder.mkdir()
    about = {
        name: {"num_images": len(images), "num_boxes": 3, "max_boxes": 2, "images": images}
        for name, images in splits.items()
    }
    (folder / "records.json").write_text(json.dumps({"splits": about}))
    return folder


@pytest.fixture
def records(tmp_path):
    return _records(tmp_path / "records", train=["a", "b"], validation=["c"])


@pytest.fixture
def run(tmp_path, records):
    folder = tmp_path / "run"
    folder.mkdir()
    run_record.note(_params(records), ("train", "validation"), str(folder))
    return str(folder)


def test_the_same_goes_on_and_may_be_made_longer(run, records, tmp_path):
    moved = records.rename(tmp_path / "moved")
    longer = _params(moved, trainer__train_steps=9, trainer__checkpoint_interval=3)
    run_record.check(longer, ("train", "validation"), run)
    run_record.check(longer, ("train",), run)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"task__model__input_size": [128, 128, 3]}, "input_size"),
        ({"trainer__optimizer_config__warmup__linear__warmup_steps": 2}, "warmup_steps"),
        ({"task__model__rpn_head__num_filters": 8}, "num_filters"),
        ({"runtime__mixed_precision_dtype": "bfloat16"}, "precision was 'float32'"),
    ],
)
def test_other_settings_are_refused_with_what_differs(run, records, change, difference):
    with pytest.raises(StaleError, match=rf"(?s)the training in .*{difference}.*--overwrite"):
        run_record.check(_params(records, **change), ("train",), run)


def test_other_records_are_refused(run, tmp_path):
    other = _records(tmp_path / "other", train=["a", "x"], validation=["c"])
    with pytest.raises(StaleError, match=r"records\.train was"):
        run_record.check(_params(other), ("train",), run)


def test_a_run_of_version_0_1_0_is_held_against_its_settings(run, records):
    recorded = pathlib.Path(run) / run_record.FILE
    settings = _params(records).as_dict()
    recorded.unlink()
    (pathlib.Path(run) / "params.yaml").write_text(json.dumps(settings))  # JSON is YAML
    run_record.check(_params(records), ("train",), run)
    with pytest.raises(StaleError, match="num_filters"):
        run_record.check(_params(records, task__model__rpn_head__num_filters=8), ("train",), run)


def test_a_run_is_deleted_and_nothing_else(run):
    folder = pathlib.Path(run)
    for name in ("checkpoint", "ckpt-2.index", "params.yaml", "thesis.txt"):
        (folder / name).write_text("")
    (folder / "best").mkdir()
    run_record.delete(run)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_half_written_checkpoints_are_swept(run):
    folder = pathlib.Path(run)
    (folder / "ckpt-2_temp").mkdir()
    (folder / "ckpt-2_temp" / "part").write_text("half")
    (folder / "best").mkdir()
    (folder / "best" / "ckpt-1.data-00000-of-00001.tempstate123").write_text("half")
    run_record.sweep(run)
    assert not list(folder.rglob("*temp*"))


@pytest.fixture
def saved(tmp_path):
    """A folder with checkpoints of steps 1 and 2."""
    folder = tmp_path / "saved"
    weight = tf.Variable(tf.range(1000))
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(weight=weight), str(folder), max_to_keep=5
    )
    manager.save()
    manager.save()
    return folder


def test_the_latest_whole_checkpoint_is_found(saved, tmp_path):
    assert checkpoints.latest(str(saved)) == f"{saved}/ckpt-2"
    assert checkpoints.latest_whole(str(saved)) == f"{saved}/ckpt-2"
    for path in saved.glob("ckpt-2.*"):
        path.unlink()
    assert checkpoints.latest(str(saved)) == f"{saved}/ckpt-1"
    (saved / "checkpoint").unlink()  # as when killed after the first one was saved
    assert checkpoints.latest(str(saved)) == f"{saved}/ckpt-1"
    assert checkpoints.latest(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("ckpt-2.data-00000-of-00001", None), ("ckpt-2.index", b"rubbish"), ("ckpt-2.index", b"")],
)
def test_a_damaged_checkpoint_is_an_error_that_names_it_and_the_one_before(saved, name, content):
    path = saved / name
    if content is None:
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
    path.write_bytes(content)
    message = r"ckpt-2: the checkpoint is damaged.*to go on from .*ckpt-1"
    with pytest.raises(checkpoints.CheckpointError, match=message):
        checkpoints.latest_whole(str(saved))


@pytest.mark.parametrize("content", [b"rubbish", b"", b"\xff\xfe"])
def test_checkpoints_are_never_begun_over_where_their_list_is_damaged(saved, content):
    (saved / "checkpoint").write_bytes(content)
    with pytest.raises(checkpoints.CheckpointError, match="must list the checkpoints"):
        checkpoints.latest(str(saved))
