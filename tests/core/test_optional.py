"""Packages of extras: imported where they are, else an error with the name of the extra."""

import json.decoder
import sys

import pytest

from rbc_tf.core import optional


def test_what_is_installed_is_imported():
    assert optional.load("json.decoder", "train") is json.decoder


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.inner.module"])
def test_what_is_missing_is_named_with_its_extra(module):
    with pytest.raises(
        optional.MissingExtraError, match=r"no_such_package .* 'rbc_tf\[serving\]'"
    ) as caught:
        optional.load(module, "serving")
    assert caught.value.name == "no_such_package"
    assert isinstance(caught.value, ModuleNotFoundError)


def test_what_an_installed_package_lacks_is_not_blamed_on_the_extra(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import needed_by_half_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="needed_by_half_there") as caught:
        optional.load("half_there", "train")
    assert not isinstance(caught.value, optional.MissingExtraError)


@pytest.mark.parametrize(
    ("package", "hidden", "extra"),
    [
        ("rbc_tf.detection.garden", "official", "train"),
        ("rbc_tf.inference.fleet", "apache_beam", "beam"),
        ("rbc_tf.inference.serving.warmup", "tensorflow_serving", "serving"),
    ],
)
def test_our_own_folders_name_theirs(monkeypatch, package, hidden, extra):
    for name in list(sys.modules):
        if name.startswith((package, hidden)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, hidden, None)  # as if it were not installed
    with pytest.raises(optional.MissingExtraError, match=rf"{hidden}.*rbc_tf\[{extra}\]"):
        __import__(package)
