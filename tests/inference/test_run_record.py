"""Results are added to a folder only where they belong to those that are there."""

import dataclasses
import json

import pytest

from rbc_tf.core import files, folder_intensity
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.data import dataset
from rbc_tf.inference import analysis, image_table, run_record
from rbc_tf.inference.results_folder import RUN, SCALE, SUMMARY, ResultsFolder, result_name
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
    plain = {"thresholds": [0.5, 0.5], "threshold_objective": "plain"}
    with pytest.raises(StaleError, match=r"(?s)Give --thresholds=bundle, or --overwrite"):
        prepare({**old, "at_least_one": True}, **plain)
    with pytest.raises(StaleError, match=r"(?s)Give --thresholds=plain --rotations=1, or"):
        prepare({**old, **plain}, at_least_one=True, rotations=4)
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


_NOTE = {"common": {"factor": 0.5, "size": 40.0}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Prepares one folder for a run over a folder of images; its range is 0 to `high`."""

    def run(source, overwrite=False, high=4095, while_looking=lambda: None):
        def of_folder(paths, open_image):
            while_looking()
            return IntensityRange(0, high, "estimated")

        def record(bundle, config):
            return {**_RUN, "intensity": dataclasses.asdict(config.intensity)}

        monkeypatch.setattr(folder_intensity, "of_folder", of_folder)
        monkeypatch.setattr(run_record, "_record", record)
        folder = ResultsFolder(tmp_path / "out")
        images = {path.name: path for path in source.iterdir()}
        config = RunConfig(precision="float32")
        config = run_record.prepare(folder, None, config, images, overwrite, input_path=source)
        return folder, config.intensity.high

    return run


def _images(folder, content=b"x"):
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(content)
    return folder


def _result(folder, name, image):
    folder.write_json(result_name(name), {"image_sha256": files.sha256_of_file(image)})


def test_who_begins_while_another_looks_at_images_does_not_delete_its_results(run, tmp_path):
    images = _images(tmp_path / "in")

    def another():
        folder, _ = run(images, high=255)
        folder.write_json(SCALE, _NOTE)
        _result(folder, "a.png", images / "a.png")

    folder, high = run(images, while_looking=another)
    assert folder.done() == {"a.png"}
    assert folder.read_json(SCALE) == _NOTE
    assert high == 255  # theirs


def test_what_belongs_to_no_result_does_not_decide_for_another_input(run, tmp_path):
    """A run was killed before its first result; then other images come to its folder."""
    folder, _ = run(_images(tmp_path / "in"), high=4095)
    folder.write_json(SCALE, _NOTE)
    other = _images(tmp_path / "other")
    _, high = run(other, high=65535)
    assert high == 65535
    assert folder.read_json(RUN)["intensity"]["high"] == 65535
    assert folder.read_json(RUN)["input"] == str(other)
    assert not folder.exists(SCALE)


def test_the_same_input_goes_on_as_it_was_begun(run, tmp_path):
    images = _images(tmp_path / "in")
    folder, _ = run(images)
    folder.write_json(SCALE, _NOTE)
    assert run(images, high=65535)[1] == 4095
    assert folder.read_json(SCALE) == _NOTE


def test_results_are_replaced_with_all_that_speaks_of_them(run, tmp_path):
    images = _images(tmp_path / "in")
    folder, _ = run(images)
    _result(folder, "a.png", images / "a.png")
    folder.write_json(SCALE, _NOTE)
    own = ("images/notes.txt", "regions-of-mine.csv", "summary-1.json")
    for name in (
        *("regions-00000-of-00002.csv", "images-00000-of-00002.csv", "groups-00001-of-00002.csv"),
        *("summary-00001-of-00002.json", "regions.csv", "images.csv", "groups.csv", SUMMARY, *own),
    ):
        folder.write(name, b"{}")
    folder.write("failed.jsonl", b"")
    _, high = run(images, overwrite=True, high=255)
    assert high == 255
    assert sorted(folder.names("")) == sorted([RUN, *own[1:]])
    assert folder.exists(own[0])


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("name", "header", "of_a_run"),
    [
        ("images.csv", dataset.IMAGES_HEADER, image_table.header(PAPER)),
        ("regions.csv", dataset.REGIONS_HEADER, analysis.csv_header(PAPER)),
    ],
)
def test_tables_of_a_dataset_are_not_replaced(run, tmp_path, name, header, of_a_run, overwrite):
    images, out = _images(tmp_path / "in"), ResultsFolder(tmp_path / "out")
    files.write_csv(tmp_path / "out" / name, header, [])
    with pytest.raises(StaleError, match=rf"Its {name} is of no analysis"):
        run(images, overwrite=overwrite)
    assert out.names("") == [name]
    # What is left of a run whose record is gone does not matter.
    files.write_csv(tmp_path / "out" / name, of_a_run, [])
    run(images, overwrite=overwrite)
    assert out.exists(RUN)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["cells.csv", "cell_types.yaml", "masks"])
def test_the_folder_of_a_dataset_is_refused(run, tmp_path, name, overwrite):
    images, out = _images(tmp_path / "in"), ResultsFolder(tmp_path / "out")
    out.write(name, b"")
    with pytest.raises(StaleError, match=rf"With its {name} it is the folder of a dataset"):
        run(images, overwrite=overwrite)
    assert out.names("") == [name]


@pytest.mark.parametrize("deletions", range(4))
def test_killed_while_replacing_what_made_the_rest_is_known(run, tmp_path, monkeypatch, deletions):
    images = _images(tmp_path / "in")
    folder, _ = run(images)
    folder.write_json(SCALE, _NOTE)
    for name in ("a.png", "b.png"):
        _result(folder, name, images / name)
    folder.write_json(SUMMARY, {})
    delete, left = ResultsFolder.delete, [deletions]

    def delete_some(self, name):
        if self.exists(name):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        delete(self, name)

    monkeypatch.setattr(ResultsFolder, "delete", delete_some)
    with pytest.raises(KeyboardInterrupt):
        run(images, overwrite=True)
    assert not folder.exists(SUMMARY) or deletions == 0
    # While there is a result, the scale at which it was made is there; and the record to the last.
    assert folder.exists(SCALE) or not folder.done()
    assert folder.exists(RUN)


def test_results_whose_namesakes_cannot_be_read_are_not_lost(run, tmp_path):
    images = _images(tmp_path / "in")
    folder, _ = run(images)
    _result(folder, "a.png", images / "a.png")
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").symlink_to(tmp_path / "gone")
    with pytest.raises(StaleError, match=r"It holds those of .*in, such as a\.png"):
        run(other)
    assert folder.done() == {"a.png"}
