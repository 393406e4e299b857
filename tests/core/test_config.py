import dataclasses
import itertools

import pytest

from rbc_tf.core import config


@dataclasses.dataclass(frozen=True)
class _Settings:
    rate: float = 0.1
    steps: int = 3
    names: tuple[str, ...] = ("a",)

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"`steps` must be at least 1. Received: {self.steps}")


def test_what_is_left_out_keeps_its_default(tmp_path):
    (tmp_path / "s.yaml").write_text("rate: 1e-5\nnames: [x, y]\n")  # YAML reads 1e-5 as text
    loaded = config.load(_Settings, tmp_path / "s.yaml")
    assert loaded == _Settings(rate=1e-5, names=("x", "y"))
    assert config.from_dict(_Settings, config.to_dict(loaded)) == loaded


# Each alias stands for nine of the one before.
_ALIASES = ", ".join(
    f"&{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise("abcdefgh")
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat: 1", "rat.*Known settings: rate, steps, names"),
        ("steps: 1.5", "steps"),
        ("steps: many", "steps"),
        ("rate: true", "a number is required"),
        ("steps: true", "a whole number is required"),
        ("rate: '1_5'", "a number is required"),
        (f"rate: {'9' * 400}", "a number is required"),
        ("rate: 1\nrate: 2", "'rate' is given twice"),
        (f"rate: [&a [x, x], {_ALIASES}]", "at most 20,000 values"),
        ("steps: 0", "at least 1"),
        ("names:", "NoneType.*Known settings: rate, steps, names"),
        ("names: 3", "int.*Known settings: rate, steps, names"),
        ("[1]", "a mapping"),
        ("rate: {", "s.yaml"),
    ],
)
def test_unknown_and_wrong_settings_are_named(tmp_path, text, message):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        config.load(_Settings, tmp_path / "s.yaml")
    assert "s.yaml" in str(caught.value)


def test_a_text_is_no_list_of_letters():
    for values in ({"names": "ab"}, {"inner": {"names": "ab"}}):
        with pytest.raises(ValueError, match=r"names must be a list\. Received: 'ab'"):
            config.from_dict(_Grown if "inner" in values else _Settings, values)
    assert config.from_dict(_Settings, {"names": ["ab"]}).names == ("ab",)


def test_settings_that_come_with_the_package_have_names():
    path = config.find("demo_r18_fpn")
    assert path.parent.name == "object_detection_configs"
    assert "backbone" in path.read_text(encoding="utf-8")
    assert config.find("demo_r18_fpn.yaml") == path
    assert config.find("object_detection_configs/demo_r18_fpn.yaml").samefile(path)


def test_a_file_of_that_name_is_taken_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "demo_r18_fpn.yaml"
    own.write_text("steps: 5\n")
    assert config.find(own.name).resolve() == own
    assert config.load_layers(_Settings, [own.name]).steps == 5


@pytest.mark.parametrize("name", ["demo_r18_fnp", "elsewhere/demo_r18_fpn", "demo_r18_fpn.json"])
def test_other_names_are_answered_with_those_there_are(name):
    with pytest.raises(FileNotFoundError, match=rf"chula_r101.*Received: {name}.*demo_r18_fpn\?"):
        config.find(name)


@dataclasses.dataclass(frozen=True)
class _Grown:
    steps: int = 3
    colour: tuple[float, float] = dataclasses.field(default=(1, 2), metadata=config.ADDED_LATER)
    inner: _Settings = _Settings()


def test_a_field_that_came_later_is_written_only_where_it_differs():
    before = {"steps": 3, "inner": {"rate": 0.1, "steps": 3, "names": ["a"]}}
    assert config.to_dict(_Grown()) == before
    assert config.from_dict(_Grown, before) == _Grown()
    grown = _Grown(colour=(5.0, 6.0))
    assert config.to_dict(grown) == {**before, "colour": [5.0, 6.0]}
    assert config.from_dict(_Grown, config.to_dict(grown)) == grown
