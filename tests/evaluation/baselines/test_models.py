import json

import pytest

from rbc_tf.core.fingerprint import Fingerprint, StaleError
from rbc_tf.evaluation.baselines.models import keep_model


class Trainer:
    """Writes its word as the model, and counts how often it was asked to."""

    def __init__(self, word="model"):
        self.word, self.times = word, 0

    def __call__(self, path):
        self.times += 1
        path.write_text(self.word)
        return {"losses": (3, 2), "times": self.times}


def test_trained_once_for_the_same(tmp_path):
    path, trainer = tmp_path / "new" / "net.keras", Trainer()
    fingerprint = Fingerprint({"config": {"filters": (1, 2), "rate": 0.1}, "data": "hash"})
    for _ in range(2):
        report = keep_model(path, fingerprint, trainer)
        assert report["losses"][1] == 2
    assert trainer.times == 1
    assert json.loads((tmp_path / "new" / "net.json").read_text())["report"]["times"] == 1


def test_a_model_of_0_1_0_is_used_again(tmp_path):
    path, trainer = tmp_path / "net.keras", Trainer()
    keep_model(path, Fingerprint({"a": 1}), trainer)
    record = json.loads(path.with_suffix(".json").read_text())
    record["made_of"] = record.pop("fingerprint")
    path.with_suffix(".json").write_text(json.dumps(record))
    keep_model(path, Fingerprint({"a": 1}), trainer)
    assert trainer.times == 1


def test_a_setting_that_came_later_and_is_none_trains_nothing_again(tmp_path):
    path, trainer = tmp_path / "net.keras", Trainer()
    keep_model(path, Fingerprint({"config": {"a": 1}}), trainer)
    keep_model(path, Fingerprint({"config": {"a": 1, "later": None}}), trainer)
    assert trainer.times == 1


def test_another_model_is_neither_used_nor_overwritten_unasked(tmp_path):
    path = tmp_path / "net.keras"
    keep_model(path, Fingerprint({"config": {"rate": 1}}), Trainer("old"))
    changed = Fingerprint({"config": {"rate": 2}})
    with pytest.raises(StaleError, match=r"config\.rate was 1, is now 2"):
        keep_model(path, changed, Trainer("new"))
    assert path.read_text() == "old"
    keep_model(path, changed, Trainer("new"), overwrite=True)
    assert path.read_text() == "new"


def test_overwriting_keeps_what_is_the_same(tmp_path):
    trainer = Trainer()
    for _ in range(2):
        keep_model(tmp_path / "net.keras", Fingerprint({"a": 1}), trainer, overwrite=True)
    assert trainer.times == 1


def no_model(path):
    path.unlink()


def half_a_model(path):
    path.write_text("mod")


def no_record(path):
    path.with_suffix(".json").unlink()


def half_a_record(path):
    path.with_suffix(".json").write_text('{"fingerprint":')


@pytest.mark.parametrize("damage", [no_model, half_a_model, no_record, half_a_record])
def test_what_is_unfinished_is_made_again(tmp_path, damage):
    path, trainer = tmp_path / "net.keras", Trainer()
    keep_model(path, Fingerprint({"a": 1}), trainer)
    damage(path)
    keep_model(path, Fingerprint({"a": 1}), trainer)
    assert (trainer.times, path.read_text()) == (2, "model")


def test_a_failed_training_leaves_no_record(tmp_path):
    def fail(path):
        path.write_text("half")
        raise RuntimeError

    path = tmp_path / "net.keras"
    keep_model(path, Fingerprint({"a": 1}), Trainer("old"))
    with pytest.raises(RuntimeError):
        keep_model(path, Fingerprint({"a": 2}), fail, overwrite=True)
    trainer = Trainer("new")
    keep_model(path, Fingerprint({"a": 2}), trainer)
    assert (trainer.times, path.read_text()) == (1, "new")
