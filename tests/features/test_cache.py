"""A feature cache is read whole and as it was written, or not at all."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.core.types import FeatureTable
from rbc_tf.features import cache

_TYPES = CellTypes((CellType("disc", "Disc", False), CellType("burr", "Burr", True)))
_REORDERED = CellTypes(_TYPES.types[::-1])


def _table():
    return FeatureTable(
        features=np.ones((2, 3), np.float32),
        labels=np.array([[1, 0], [0, 1]], np.int8),
        images=np.array(["a", "b"]),
        groups=np.array(["g", "g"]),
        splits=np.array(["train", "test"]),
        boxes=np.array([[0, 0, 5, 5], [1, 1, 4, 4]], np.float32),
        num_cells=np.array([1, 1], np.int32),
        complete=np.array([True, True]),
    )


@pytest.fixture
def folder(tmp_path):
    made = cache.FeatureCache(tmp_path / "features")
    entries = {name: cache.ImageEntry("0" * 64, "1" * 64) for name in "ab"}
    made.prepare(cache.Fingerprint({"feature_dim": 3}, entries), overwrite=False)
    table = _table()
    for row, name in enumerate("ab"):
        made.write_shard(name, table.boxes[row : row + 1], table.features[row : row + 1])
    (made.folder / cache.BACKBONE_FILE).write_bytes(b"a network")
    made.write_table(table, _TYPES)
    return made.folder


def test_a_cache_comes_back(folder):
    assert cache.load_features(folder).features.tolist() == [[1.0] * 3] * 2
    assert cache.load_cell_types(folder) == _TYPES


@pytest.mark.parametrize("name", ["cell_types.yaml", "fingerprint.json", "backbone.keras"])
def test_another_file_beside_the_table_is_refused(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    # Who needs the types alone is not made to hash a network.
    is_types = name == "cell_types.yaml"
    for load in (cache.load_features, *([cache.load_cell_types] if is_types else ())):
        with pytest.raises(cache.CacheError, match=rf"{name} is not the file that table\.npz was"):
            load(folder)
    path.unlink()
    with pytest.raises(cache.CacheError, match=f"{name} is not the file"):
        cache.load_features(folder)


def test_killed_between_types_and_table_the_folder_is_unfinished(folder, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        cache.FeatureCache(folder).write_table(_table(), _REORDERED)
    for load in (cache.load_features, cache.load_cell_types):
        with pytest.raises(cache.CacheError, match="has no table"):
            load(folder)


def test_a_flipped_bit_in_the_table_is_refused(folder):
    path = folder / "table.npz"
    content = bytearray(path.read_bytes())
    content[content.index(np.array("train").tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(cache.CacheError, match=r"table\.npz"):
        cache.load_features(folder)


def test_a_cache_of_version_0_1_0_is_read(folder):
    """Its table says nothing of the files beside it."""
    arrays = dict(np.load(folder / "table.npz"))
    assert set(json.loads(str(arrays.pop("beside")))) == {
        *("cell_types.yaml", "fingerprint.json", "backbone.keras")
    }
    np.savez(folder / "table.npz", **arrays)
    assert cache.load_cell_types(folder) == _TYPES
    assert len(cache.load_features(folder)) == 2


def test_a_copied_cache_is_read(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert len(cache.load_features(tmp_path / "copy")) == 2


def _other_cache(folder, **settings):
    """Of the same images and boxes, made otherwise."""
    made = cache.FeatureCache(folder)
    entries = {name: cache.ImageEntry("0" * 64, "1" * 64) for name in "ab"}
    made.prepare(cache.Fingerprint({"feature_dim": 3} | settings, entries), overwrite=False)
    table = _table()
    for row, name in enumerate("ab"):
        made.write_shard(name, table.boxes[row : row + 1], np.full((1, 3), 7, np.float32))
    return made


def _fingerprint(folder, **images):
    entries = {name: cache.ImageEntry("0" * 64, "1" * 64) for name in "ab"} | images
    return cache.Fingerprint(cache.load_fingerprint(folder).settings, entries)


def test_a_shard_of_another_folder_is_refused_and_made_again(folder, tmp_path):
    other = _other_cache(tmp_path / "other", weights_sha256="of another network")
    mixed = cache.FeatureCache(folder)
    shutil.copy(other.shard_path("b"), mixed.shard_path("b"))
    with pytest.raises(cache.CacheError, match=r"b\.tfrecord was made with other weights"):
        cache.load_features(folder)
    asked = _fingerprint(folder)
    with pytest.raises(StaleError, match="image b: its features are of other weights"):
        mixed.prepare(asked, overwrite=False)
    mixed.prepare(asked, overwrite=True)
    assert mixed.shard_path("a").exists()
    assert not mixed.shard_path("b").exists()


def test_a_shard_of_another_state_of_its_image_is_refused(folder, tmp_path):
    changed = cache.FeatureCache(tmp_path / "changed")
    changed.prepare(_fingerprint(folder, b=cache.ImageEntry("2" * 64, "1" * 64)), overwrite=False)
    table = _table()
    changed.write_shard("b", table.boxes[1:], table.features[1:])
    shutil.copy(changed.shard_path("b"), cache.FeatureCache(folder).shard_path("b"))
    with pytest.raises(cache.CacheError, match="or from another image"):
        cache.load_features(folder)


def test_shards_stay_valid_when_images_come_and_go(folder):
    grown = cache.FeatureCache(folder)
    grown.prepare(_fingerprint(folder, c=cache.ImageEntry("3" * 64, "1" * 64)), overwrite=False)
    assert grown.shard_path("a").exists()
    assert grown.shard_path("b").exists()


def test_shards_that_say_nothing_of_their_origin_are_read_and_kept(folder, monkeypatch):
    """As version 0.1.0 wrote them."""
    made = cache.FeatureCache(folder)
    record = cache._record
    monkeypatch.setattr(cache, "_record", lambda *values: _without_origin(record(*values)))
    asked = _fingerprint(folder)
    made.prepare(asked, overwrite=False)
    table = _table()
    for row, name in enumerate("ab"):
        made.write_shard(name, table.boxes[row : row + 1], table.features[row : row + 1])
    made.write_table(table, _TYPES)
    assert len(cache.load_features(folder)) == 2
    made.prepare(asked, overwrite=False)
    assert len(cache.load_features(folder)) == 2


def _without_origin(record):
    example = tf.train.Example.FromString(record)
    del example.features.feature[cache.MADE_FROM]
    return example.SerializeToString()


def test_shards_without_a_fingerprint_are_of_unknown_origin(folder):
    asked = _fingerprint(folder)
    (folder / "fingerprint.json").unlink()
    with pytest.raises(StaleError, match="image a has features of unknown origin"):
        cache.FeatureCache(folder).prepare(asked, overwrite=False)


def test_nothing_is_written_for_an_image_that_was_not_prepared_for(folder):
    table = _table()
    with pytest.raises(ValueError, match=r"must be prepared for what is written\. Received: a"):
        cache.FeatureCache(folder).write_shard("a", table.boxes[:1], table.features[:1])


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x10" + b"\0" * 40])
def test_a_damaged_shard_is_refused_when_it_is_loaded(folder, content):
    made = cache.FeatureCache(folder)
    made.shard_path("b").write_bytes(content)
    made.prepare(_fingerprint(folder), overwrite=False)
    with pytest.raises(cache.CacheError, match="are damaged"):
        cache.load_features(folder)


def test_pipes_and_devices_are_no_shards(folder):
    path = cache.FeatureCache(folder).shard_path("b")
    for make in (os.mkfifo, lambda place: os.symlink("/dev/zero", place)):
        path.unlink()
        make(path)
        with pytest.raises(cache.CacheError, match=r"b\.tfrecord must be a file"):
            cache.load_features(folder)
        with pytest.raises(cache.CacheError, match=r"b\.tfrecord must be a file"):
            cache.FeatureCache(folder).prepare(_fingerprint(folder), overwrite=False)
