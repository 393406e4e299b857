"""Which images a detector has seen, and how large they are."""

import json
import types

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.core.unseen import SeenError
from rbc_tf.data import dataset, detection_records
from rbc_tf.detection.garden import train, training_images
from rbc_tf.detection.record import UsedSplit


@pytest.fixture
def records(tmp_path):
    """Records of three training images and a larger one for the test, each with two regions."""
    rows = ["image,group,split"]
    sizes = {"a": (20, 40), "b": (30, 50), "c": (30, 60), "d": (90, 90)}
    for name, size in sizes.items():
        image_io.write_png(tmp_path / "images" / f"{name}.png", np.zeros((*size, 3), np.uint8))
        mask = np.zeros(size, bool)
        mask[2:10, 2:10] = True
        mask[12:19, 3:30] = True
        if name == "d":
            mask[12:80, 3:80] = True
        image_io.write_mask(tmp_path / "masks" / f"{name}.png", mask)
        rows.append(f"{name},,{'test' if name == 'd' else 'train'}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    loaded = dataset.load_dataset(tmp_path)
    detection_records.write_detection_records([loaded], tmp_path / "records", num_shards=2)
    return tmp_path / "records"


def test_sizes_are_those_of_the_training_split(records):
    # Regions of 8 x 8 and 7 x 27; the median of heights 20, 30, 30 and of widths 40, 50, 60.
    expected = {"training_image_size": (30, 50), "largest_training_region": (8, 27)}
    assert training_images.sizes(records) == expected


def test_records_that_are_gone_give_no_sizes(tmp_path):
    assert training_images.sizes("") == {}
    assert training_images.sizes(tmp_path / "moved") == {}


def _params(records_dir, evaluation_split="validation", **images):
    """Settings of a run on records with one box in each of the images; None: not recorded."""
    records_dir.mkdir(exist_ok=True)
    splits = {}
    for split, hashes in images.items():
        number = len(hashes or "abc")
        splits[split] = {"num_images": number, "num_boxes": number, "max_boxes": 1}
        splits[split] |= {"images": hashes} if hashes else {}
    (records_dir / "records.json").write_text(json.dumps({"splits": splits}))
    task = types.SimpleNamespace(
        records_dir=str(records_dir), evaluation_split=evaluation_split, init_checkpoint="imagenet"
    )
    return types.SimpleNamespace(task=task)


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "run" / "best").mkdir(parents=True)
    return tmp_path / "run"


def test_a_run_says_what_it_uses_even_when_the_records_have_changed(tmp_path, run_dir):
    params = _params(tmp_path, train=["a", "b"], validation=["c"], test=["d"])
    training_images.note(params, ("train", "validation"), str(run_dir))
    _params(tmp_path, train=["d"], validation=["c"])
    for checkpoint in (run_dir / "ckpt-2", run_dir / "best" / "ckpt-1"):
        assert training_images.used_splits(params, str(checkpoint)) == {
            "train": UsedSplit("train", 2, 2, 1, ("a", "b")),
            "validation": UsedSplit("validation", 1, 1, 1, ("c",)),
        }


def test_a_split_that_chooses_the_best_checkpoint_is_seen(tmp_path, run_dir):
    params = _params(tmp_path, "test", train=["a"], validation=["c"], test=["d"])
    training_images.note(params, ("train", "test"), str(run_dir))
    used = training_images.used_splits(params, str(run_dir / "ckpt-1"))
    assert used["validation"] == UsedSplit("test", 1, 1, 1, ("d",))


def test_a_run_that_goes_on_with_other_records_has_seen_both(tmp_path, run_dir):
    first = _params(tmp_path, train=["a", "b"], validation=["c"])
    training_images.note(first, ("train", "validation"), str(run_dir))
    again = _params(tmp_path, train=["e", "b", "c"], validation=["a"])
    training_images.note(again, ("train",), str(run_dir))
    used = training_images.used_splits(again, str(run_dir / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 3, 3, 1, ("a", "b", "c", "e"))
    assert used["validation"].images == ("c",)


@pytest.mark.parametrize("start", ["run", "run/ckpt-2", "run/best", "run/best/ckpt-1"])
def test_a_run_that_starts_from_another_has_seen_its_images(tmp_path, run_dir, start):
    first = _params(tmp_path, train=["a", "b"], validation=["c"])
    training_images.note(first, ("train", "validation"), str(run_dir))
    (tmp_path / "next").mkdir()
    params = _params(tmp_path, train=["d"], validation=["e"])
    params.task.init_checkpoint = str(tmp_path / start)
    training_images.note(params, ("train", "validation"), str(tmp_path / "next"))
    used = training_images.used_splits(params, str(tmp_path / "next" / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 1, 1, 1, ("a", "b", "c", "d"))
    assert used["validation"].images == ("e",)


def test_what_a_run_of_0_1_0_that_it_starts_from_has_seen_is_not_known(tmp_path, run_dir):
    (run_dir / "params.yaml").write_text("task:\n  records_dir: records\n")
    (tmp_path / "next").mkdir()
    params = _params(tmp_path, train=["d"])
    params.task.init_checkpoint = str(run_dir / "best")
    training_images.note(params, ("train",), str(tmp_path / "next"))
    used = training_images.used_splits(params, str(tmp_path / "next" / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 1, 1, 1)


def test_what_a_run_has_seen_is_not_scored_under_another_name(tmp_path, run_dir, monkeypatch):
    params = _params(tmp_path, train=["a", "b"], validation=["c"])
    training_images.note(params, ("train", "validation"), str(run_dir))
    anew = _params(tmp_path, train=["b"], validation=["c"], test=["d", "a"])
    monkeypatch.setattr(train.checkpoints, "existing", str)
    monkeypatch.setattr(train.records, "check_shards", lambda params, splits: None)
    monkeypatch.setattr(train.records, "apply", lambda params, splits: None)
    monkeypatch.setattr(train.checkpoints, "step", lambda checkpoint: 2)
    monkeypatch.setattr(
        train, "_scored", lambda *given: dict.fromkeys(("AP", "AP50", "AP75", "AR"), 0.5)
    )
    checkpoint = str(run_dir / "ckpt-2")
    with pytest.raises(SeenError, match="detector has seen 1 image of group a"):
        train.evaluate(anew, str(run_dir), "test", checkpoint)
    # Who asks for validation images wants just these.
    assert train.evaluate(anew, str(run_dir), "validation", checkpoint)["AP"] == 0.5
    apart = _params(tmp_path, train=["a"], validation=["c"], test=["d", "e"])
    assert train.evaluate(apart, str(run_dir), "test", checkpoint)["AP"] == 0.5


def test_of_records_of_0_1_0_the_images_are_not_known(tmp_path, run_dir):
    params = _params(tmp_path, train=None, validation=None)
    training_images.note(params, ("train", "validation"), str(run_dir))
    used = training_images.used_splits(params, str(run_dir / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 3, 3, 1)
    params = _params(tmp_path, train=["a"], validation=["b"])
    training_images.note(params, ("train", "validation"), str(run_dir))
    used = training_images.used_splits(params, str(run_dir / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 1, 1, 1)


def test_of_a_run_of_0_1_0_the_images_are_not_known(tmp_path, run_dir):
    params = _params(tmp_path, train=["a"], validation=["b"])
    used = training_images.used_splits(params, str(run_dir / "ckpt-1"))
    assert used["train"] == UsedSplit("train", 1, 1, 1)
    # Nor when it goes on: what it saw before may have been anything.
    (run_dir / "checkpoint").write_text('model_checkpoint_path: "ckpt-1"')
    (run_dir / "ckpt-1.index").touch()
    training_images.note(params, ("train", "validation"), str(run_dir))
    assert training_images.used_splits(params, str(run_dir / "ckpt-2"))["train"].images is None


def test_records_that_are_gone_leave_nothing_to_say(run_dir, tmp_path):
    params = _params(tmp_path, train=["a"])
    (tmp_path / "records.json").unlink()
    assert training_images.used_splits(params, str(run_dir / "ckpt-1")) == {}


def test_a_damaged_list_of_images_is_named(run_dir, tmp_path):
    (run_dir / "images.json").write_text("[]")
    with pytest.raises(ValueError, match=r"images\.json must say"):
        training_images.used_splits(_params(tmp_path, train=["a"]), str(run_dir / "ckpt-1"))
