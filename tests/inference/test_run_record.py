"""Results are added to a folder only where they belong to those that are there."""

import json

import pytest

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.inference import run_record
from rbc_tf.inference.results_folder import RUN, ResultsFolder, result_name
from rbc_tf.inference.run_config import RunConfig

_RUN = {
    "bundle": "models/a",
    "bundle_sha256": "ab" * 32,
    "thresholds": [0.5, 0.4],
    "threshold_objective": "f1",
    "at_least_one": False,
    "tiles": None,
    "scale": "none",
    "light": "none",
    "rotations": 1,
    "precision": "float32",
    "versions": {"rbc_tf": "0.1.0"},
}


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Prepares one folder for a run like `_RUN` but for what is given.

    Its earlier record is left as it is where none is given.
    """

    def prepare(earlier=_RUN, overwrite=False, **changed):
        folder = ResultsFolder(tmp_path / "out")
        if earlier is not None:
            folder.write_json(RUN, earlier)
        monkeypatch.setattr(run_record, "_record", lambda *args: {**_RUN, **changed})
        run_record.prepare(
            folder,
            None,
            RunConfig(precision="float32"),
            {"a.png": tmp_path / "a.png"},
            overwrite=overwrite,
        )
        return folder.read_json(RUN)

    return prepare


def test_the_same_is_gone_on_with(prepare):
    assert prepare(bundle="moved/a", versions={"rbc_tf": "0.2.0"}) == _RUN


def test_results_without_a_record_are_refused(prepare, tmp_path):
    """What made them is not known: they would count as this run's."""
    folder = ResultsFolder(tmp_path / "out")
    folder.write_json(result_name("a.png"), {})
    with pytest.raises(StaleError, match=r"run\.json is missing, .* 1 results .*--overwrite"):
        prepare(None)
    assert folder.done() == {"a.png"}
    assert folder.read_json(RUN) is None
    assert prepare(None, overwrite=True) == _RUN
    assert folder.done() == set()


def test_before_there_was_a_choice_all_was_float32_and_as_it_came(prepare):
    old = {
        k: value
        for k, value in _RUN.items()
        if k not in ("precision", "scale", "light", "rotations", "tiles")
    }
    assert prepare(old) == old
    with pytest.raises(StaleError, match=r"(?s)'float32', is now 'bfloat16'.*--precision=float32"):
        prepare(old, precision="bfloat16")
    with pytest.raises(StaleError, match=r"(?s)'none', is now 'auto'.*--scale=none"):
        prepare(old, scale="auto")
    with pytest.raises(StaleError, match=r"(?s)'none', is now 'auto'.*--light=none"):
        prepare(old, light="auto")
    with pytest.raises(StaleError, match=r"(?s)Give --scale=none --light=none, or --overwrite"):
        prepare(old, scale="auto", light="auto")
    with pytest.raises(StaleError, match=r"Give --overwrite to replace"):
        prepare(old, scale="auto", tiles={"height": 480})
    with pytest.raises(StaleError, match=r"(?s)rotations was 1, is now 4.*--rotations=1"):
        prepare(old, rotations=4)


@pytest.mark.parametrize(
    "damage",
    [
        {"intensity": 5},
        {"intensity": {"low": "x"}},
        {"intensity": {"low": 9, "high": 3, "source": "given"}},
        {"intensity": {}},
        {"thresholds": [float("nan"), 0.4]},
        {"scale": float("inf")},
    ],
)
def test_values_that_make_no_sense_are_damage(prepare, tmp_path, damage):
    text = json.dumps({**_RUN, **damage})
    for overwrite in (False, True):
        folder = ResultsFolder(tmp_path / "out")
        folder.write(RUN, text.encode())
        if overwrite:
            assert prepare(None, overwrite=True) == _RUN
        else:
            with pytest.raises(StaleError, match=r"run\.json: the file is damaged.*--overwrite"):
                prepare(None)


@pytest.mark.parametrize("key", ["bundle_sha256", "thresholds"])
def test_a_record_that_does_not_say_what_made_the_results_is_refused(prepare, key):
    earlier = {name: value for name, value in _RUN.items() if name != key}
    with pytest.raises(StaleError, match=rf"(?s){key} was None, is now.*--overwrite"):
        prepare(earlier)
    assert prepare(earlier, overwrite=True) == _RUN


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"bundle_sha256": "cd" * 32}, r"bundle_sha256 was 'abababababab\.\.\.'"),
        ({"thresholds": [0.5, 0.5]}, r"thresholds was \[0\.5, 0\.4\], is now \[0\.5, 0\.5\]"),
        ({"tiles": {"height": 480}}, "tiles was None, is now {'height': 480}"),
    ],
)
def test_anything_else_is_refused_or_overwritten(prepare, changed, difference):
    with pytest.raises(StaleError, match=difference) as raised:
        prepare(**changed)
    assert "bundle models/a" in str(raised.value)
    assert "--overwrite" in str(raised.value)
    assert prepare(overwrite=True, **changed) == {**_RUN, **changed}
