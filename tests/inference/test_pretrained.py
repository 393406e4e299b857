"""Bundles by name, file and folder."""

import dataclasses
import os
import shutil

import pytest

import rbc_tf
from rbc_tf.core import files
from rbc_tf.inference import pretrained
from rbc_tf.inference.bundle import (
    BundleError,
    finish,
    load_bundle,
    replace_manifest,
    rewriting,
)
from rbc_tf.inference.packed import packing
from rbc_tf.model_card import card
from tests import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def shipped(bundle, tmp_path, monkeypatch):
    """An installation that came with the bundle 'tiny'."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    packing.pack(bundle, folder / "tiny.rbc")
    monkeypatch.setattr(pretrained, "_FOLDER", folder)
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder / "tiny.rbc"


def test_by_name(shipped):
    assert pretrained.names() == ("tiny",)
    found = pretrained.find("tiny")
    assert found.manifest.weight_bits == 8
    assert found.source == str(shipped)
    assert "# Model card" in pretrained.card("tiny")
    assert pretrained.summary("tiny").startswith("6 types: Oval, ")
    assert rbc_tf.load("tiny").cell_types.names[0] == "Oval"


def test_by_file_and_by_folder(shipped, bundle, tmp_path):
    elsewhere = shutil.copy(shipped, tmp_path / "mine.rbc")
    assert pretrained.find(elsewhere).sha256 == pretrained.find("tiny").sha256
    assert pretrained.find(bundle.path).sha256 == bundle.sha256


def test_it_is_unpacked_once(shipped, tmp_path):
    first = pretrained.find("tiny")
    written = (first.path / "manifest.json").stat().st_mtime_ns
    assert first.path.is_relative_to(tmp_path / "cache")
    assert (pretrained.find("tiny").path / "manifest.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("name", pretrained.names())
def test_cards_that_come_with_rbc_tf_are_as_they_are_written_now(name):
    assert pretrained.card(name) == card.render(pretrained._manifest(name))


def test_bundles_that_were_not_used_for_long_leave_the_cache(shipped, tmp_path):
    folder = pretrained.find("tiny").path.parent
    weeks = 14 * 24 * 3600
    now = folder.stat().st_mtime
    ages = {"a" * 64: 1, "b" * 64: 2, "c" * 64: 3600, "d" * 64: weeks, "own": weeks}
    for name, age in ages.items():
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text("{}")
        os.utime(folder / name, (now - age, now - age))
    kept = pretrained.find("tiny").path
    # The three that were used last, what is of the last week, and what is no bundle of ours.
    assert {path.name for path in folder.iterdir()} == {kept.name, *list(ages)[:3], "own"}
    for name, age in (("a", 5), ("b", weeks - 9), ("c", weeks)):
        os.utime(folder / (name * 64), (now - age, now - age))
    pretrained.find("tiny")
    assert {path.name for path in folder.iterdir()} == {kept.name, "a" * 64, "b" * 64, "own"}


def test_a_damaged_copy_in_the_cache_is_made_anew(shipped):
    first = pretrained.find("tiny")
    (first.path / "backbone.keras").write_bytes(b"damaged")
    assert pretrained.find("tiny").sha256 == first.sha256


@pytest.mark.parametrize("where", ["", "file/below"])
def test_without_a_cache_it_is_unpacked_for_the_process(shipped, monkeypatch, tmp_path, where):
    (tmp_path / "file").write_text("no folder can be here")
    monkeypatch.setenv(files.CACHE_VARIABLE, where and str(tmp_path / where))
    found = pretrained.find("tiny")
    assert found.manifest.weight_bits == 8
    assert not found.path.is_relative_to(tmp_path)


def test_a_name_that_is_also_a_folder_is_refused(shipped, bundle, tmp_path):
    shutil.copytree(bundle.path, tmp_path / "tiny")
    with pytest.raises(BundleError, match=f"both.*{os.path.join('.', 'tiny')}"):
        pretrained.find("tiny")
    assert pretrained.find("./tiny").sha256 == bundle.sha256


def test_unknown_names_are_answered_with_those_there_are(shipped):
    with pytest.raises(BundleError, match=r"a name \(tiny\)\. Received: tini"):
        pretrained.find("tini")


def test_nothing_is_written_into_what_was_packed(shipped):
    found = pretrained.find("tiny")
    with pytest.raises(BundleError, match=r"tiny\.rbc: nothing can be written"):
        replace_manifest(found, found.manifest)


def test_a_run_of_grey_images_is_told_of_a_bundle_for_them(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "_FOLDER", tmp_path)

    def manifest(*colour):
        seen = {"colour": colour} if colour else {}
        return dataclasses.replace(bundle.manifest, appearance=seen)

    stained = manifest(0.1, 0.3)
    assert pretrained.for_grey_images(stained, 3, 4) is None  # there is none for them
    with rewriting(bundle, tmp_path / "grey") as folder:
        finish(folder, manifest(0.0, 0.001))
    packing.pack(load_bundle(tmp_path / "grey"), tmp_path / "grey6.rbc")
    (tmp_path / "damaged.rbc").write_bytes(b"")
    text = pretrained.for_grey_images(stained, 3, 4)
    assert text.startswith("3 of 4 images are grey")
    assert "--bundle=grey6" in text
    assert pretrained.for_grey_images(stained, 2, 4) is None
    assert pretrained.for_grey_images(manifest(0.0, 0.001), 4, 4) is None
    assert pretrained.for_grey_images(manifest(), 4, 4) is None
