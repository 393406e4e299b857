"""What a bundle says of its data: counts by split, and which images were learnt from."""

import json
import zipfile

import numpy as np
import pytest

from rbc_tf.features import cache
from rbc_tf.inference import assemble
from rbc_tf.manifest.records import BackboneRecord, SplitCounts
from tests import builders

_TYPES = builders.DISC_AND_BURR

# image, group, split, labels, cells, completely labelled
_ROWS = [
    ("a", "one", "train", (1, 0), 1, True),
    ("a", "one", "train", (1, 1), 2, True),
    ("b", "one", "train", (1, -1), 2, False),
    ("c", "two", "validation", (0, 1), 1, True),
    ("d", "three", "test", (0, 1), 1, True),
    ("e", "four", "", (0, 1), 1, True),
]


@pytest.fixture
def features_dir(tmp_path):
    images, groups, splits, labels, cells, complete = zip(*_ROWS, strict=True)
    table = builders.feature_table(
        np.zeros((len(_ROWS), 3)),
        labels,
        images=images,
        groups=groups,
        splits=splits,
        num_cells=cells,
        complete=complete,
    )
    # An image without regions, f, is in the fingerprint alone.
    entries = {name: cache.ImageEntry(f"hash of {name}", "0") for name in "abcdef"}
    written = cache.FeatureCache(tmp_path)
    fingerprint = cache.Fingerprint({"feature_dim": 3}, entries, dataset="my_smears")
    written.prepare(fingerprint, overwrite=True)
    written.write_table(table, _TYPES)
    return tmp_path


def test_splits_are_counted(features_dir):
    found = assemble.describe_data(features_dir, _TYPES, "Giemsa")
    assert (found.dataset, found.description) == ("my_smears", "Giemsa")
    assert list(found.splits) == ["train", "validation", "test"]
    assert found.splits["train"] == SplitCounts(
        images=2,
        groups=1,
        patches=3,
        single_cell=1,
        completely_labelled=2,
        types={"disc": 3, "burr": 1},
    )
    assert found.splits["test"].types == {"disc": 0, "burr": 1}
    assert found.learnt_images == ("hash of a", "hash of b", "hash of c")


def test_of_composed_images_those_that_their_cells_are_of_are_learnt_from_too(features_dir):
    path = features_dir / "fingerprint.json"
    values = json.loads(path.read_text())
    values["sources"] = {"a": ["hash of x", "hash of y"], "d": ["hash of z"]}
    path.write_text(json.dumps(values))
    arrays = dict(np.load(features_dir / "table.npz"))
    del arrays["beside"]  # which names the fingerprint as it was
    np.savez(features_dir / "table.npz", **arrays)
    found = assemble.describe_data(features_dir, _TYPES, "Giemsa")
    # d is scored, not learnt from.
    assert found.learnt_images == tuple(f"hash of {name}" for name in "abcxy")


def test_features_of_earlier_versions_do_not_name_their_dataset(features_dir):
    path = features_dir / "fingerprint.json"
    values = json.loads(path.read_text())
    del values["dataset"]
    path.write_text(json.dumps(values))
    # Nor does their table say which fingerprint it belongs to.
    arrays = dict(np.load(features_dir / "table.npz"))
    del arrays["beside"]
    np.savez(features_dir / "table.npz", **arrays)
    assert assemble.describe_data(features_dir, _TYPES, "").dataset == ""


def test_rows_are_read_without_their_features(features_dir):
    # There are no shards to read.
    rows = cache.FeatureCache(features_dir).load_rows()
    assert (len(rows), rows.features.shape) == (6, (6, 0))
    assert rows.images.tolist() == list("aabcde")


def test_of_the_images_of_a_fine_tuned_backbone_the_number_is_kept(tmp_path):
    record = {"regions": "all", "images": {"a": "1", "b": "2"}, "num_patches": {"train": 9}}
    with zipfile.ZipFile(tmp_path / "backbone.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
        archive.writestr("rbc_tf_record.json", json.dumps(record))
    assert assemble.describe_backbone(tmp_path) == BackboneRecord(
        regions="all", num_patches={"train": 9}, num_images=2
    )
    with zipfile.ZipFile(tmp_path / "backbone.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    assert assemble.describe_backbone(tmp_path) is None
