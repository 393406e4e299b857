"""A feature cache is read whole and as it was written, or not at all."""

import json
import shutil

import numpy as np
import pytest

from rbc_tf.core.cell_types import CellType, CellTypes
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
