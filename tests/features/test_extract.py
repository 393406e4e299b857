import dataclasses
import multiprocessing
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.data.dataset import IMAGES_HEADER, REGIONS_HEADER
from rbc_tf.data.regions import RegionConfig
from rbc_tf.features import cache, extract
from rbc_tf.features.crops import CropConfig, cut_patches
from rbc_tf.features.extract import ExtractionConfig, ExtractionError, extract_features
from tests import builders

CONFIG = ExtractionConfig("random", CropConfig(size=32))

# image, box, types, num_cells, complete
REGIONS = [
    ("a", (0, 0, 20, 30), "Oval", 1, True),
    ("a", (10.5, 20, 40, 50), "Elon;Oval", 2, False),
    ("a", (30, 0, 50, 20), "other", 1, True),  # no example
    ("b", (5, 5, 45, 45), "Stom", 1, True),
    ("c", (0, 0, 10, 10), "", 1, False),  # no example
]


def load_mean_colour(weights, patch_size, seed, name):
    """Its features are known without the software."""
    return builders.pooling_backbone(np.eye(3) * (1 + seed), patch_size)


@pytest.fixture(autouse=True)
def mean_colour_backbone(monkeypatch):
    monkeypatch.setattr(extract, "load_backbone", load_mean_colour)


def write_image(root, name, seed):
    image_io.write_png(root / "images" / f"{name}.png", builders.noise_image(50, 60, seed))


def write_regions(root, regions):
    rows = [builders.region_row(*region) for region in regions]
    files.write_csv(root / "regions.csv", REGIONS_HEADER, rows)


def write_dataset(root):
    return builders.write_dataset(
        root,
        {name: builders.noise_image(50, 60, seed) for seed, name in enumerate("abc")},
        splits=[("a", "slide", "train"), ("b", "other", "test")],
        regions=REGIONS,
    )


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "dataset")


@pytest.fixture
def features(tmp_path):
    return tmp_path / "features"


def shard_times(folder):
    return {p.name: p.stat().st_mtime_ns for p in (folder / "shards").iterdir()}


def test_rows_are_the_examples_in_the_order_of_the_dataset(dataset, features):
    table = extract_features(dataset, features, CONFIG)
    assert table.images.tolist() == ["a", "a", "b"]
    assert table.groups.tolist() == ["slide", "slide", "other"]
    assert table.splits.tolist() == ["train", "train", "test"]
    assert table.boxes.tolist() == [[0, 0, 20, 30], [10.5, 20, 40, 50], [5, 5, 45, 45]]
    assert table.num_cells.tolist() == [1, 2, 1]
    assert table.complete.tolist() == [True, False, True]
    # Oval, Elon, Reti, Gran, Echi, Stom; what an incomplete region may hold beside is unknown.
    assert table.labels.tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, -1, -1, -1, -1],
        [0, 0, 0, 0, 0, 1],
    ]
    assert cache.load_cell_types(features) == CellTypes.load(features / "cell_types.yaml")
    types = {field.name: getattr(table, field.name).dtype for field in dataclasses.fields(table)}
    assert types["features"] == types["boxes"] == np.float32
    assert types["labels"] == np.int8
    assert types["num_cells"] == np.int32


def test_features_are_those_of_the_patches(dataset, features):
    table = extract_features(dataset, features, CONFIG)
    for row in range(3):
        image = image_io.read_image(dataset / "images" / f"{table.images[row]}.png")
        patch = cut_patches(image, table.boxes[row : row + 1], CONFIG.crop).numpy()[0]
        np.testing.assert_allclose(table.features[row], patch.mean(axis=(0, 1)), rtol=1e-4)


def test_batches_change_no_feature(dataset, features, tmp_path):
    expected = extract_features(dataset, features, CONFIG).features
    one_by_one = dataclasses.replace(CONFIG, batch_size=1)
    found = extract_features(dataset, tmp_path / "again", one_by_one).features
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_records_can_be_read_by_others(dataset, features):
    extract_features(dataset, features, CONFIG)
    records = tf.data.TFRecordDataset(str(features / "shards" / "a.tfrecord"))
    examples = [tf.train.Example.FromString(r) for r in records.as_numpy_iterator()]
    assert [e.features.feature["image"].bytes_list.value[0] for e in examples] == [b"a", b"a"]
    assert list(examples[1].features.feature["box"].float_list.value) == [10.5, 20, 40, 50]
    assert len(examples[1].features.feature["features"].float_list.value) == 3


def test_settings_are_those_of_the_first_version(dataset, features):
    """Of ResNet-50 in float32 as rbc_tf 0.1.0 wrote them, so that its caches are not stale."""
    table = extract_features(dataset, features, CONFIG)
    settings = cache.load_fingerprint(features).settings
    assert len(settings.pop("weights_sha256")) == 64
    assert settings == {
        "format_version": 1,
        "crop_version": 1,
        "crop": {
            "mode": "stretch",
            "size": 32,
            "context": 0.0,
            "window": None,
            "supersample": 1,
        },
        "regions": {"connectivity": 8, "min_area": 30},
        "feature_dim": table.features.shape[1],
    }
    assert cache.load_fingerprint(features).backbone == "resnet50"


def test_second_run_reuses_everything(dataset, features, monkeypatch):
    first = extract_features(dataset, features, CONFIG)
    before = shard_times(features)
    monkeypatch.setattr(extract, "_extract", None)
    second = extract_features(dataset, features, CONFIG)
    assert shard_times(features) == before
    np.testing.assert_array_equal(second.features, first.features)


def test_labels_and_splits_may_change_without_new_features(dataset, features):
    first = extract_features(dataset, features, CONFIG)
    before = shard_times(features)
    corrected = [("a", (0, 0, 20, 30), "Reti", 1, True), *REGIONS[1:]]
    write_regions(dataset, corrected)
    files.write_csv(dataset / "images.csv", IMAGES_HEADER, [("a", "slide", "validation")])
    second = extract_features(dataset, features, CONFIG)
    assert shard_times(features) == before
    assert second.labels[0].tolist() == [0, 0, 1, 0, 0, 0]
    assert second.splits.tolist() == ["validation", "validation", ""]
    np.testing.assert_array_equal(second.features, first.features)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"crop": CropConfig("letterbox", 32)}, "crop.mode was 'stretch', is now 'letterbox'"),
        ({"crop": CropConfig(size=48)}, "crop.size was 32, is now 48"),
        ({"regions": RegionConfig(min_area=99)}, "regions.min_area was 30, is now 99"),
        ({"seed": 1}, "weights_sha256 was"),
    ],
)
def test_changed_setting_is_told_and_stale_features_are_kept(dataset, features, changed, told):
    extract_features(dataset, features, CONFIG)
    before = shard_times(features)
    with pytest.raises(StaleError, match=r"--overwrite") as raised:
        extract_features(dataset, features, dataclasses.replace(CONFIG, **changed))
    assert told in str(raised.value)
    assert shard_times(features) == before
    assert len(cache.load_features(features)) == 3


def test_overwrite_takes_changed_settings(dataset, features):
    first = extract_features(dataset, features, CONFIG)
    old_backbone = (features / "backbone.keras").read_bytes()
    doubled = dataclasses.replace(CONFIG, seed=1)
    second = extract_features(dataset, features, doubled, overwrite=True)
    np.testing.assert_allclose(second.features, 2 * first.features, rtol=1e-5)
    assert (features / "backbone.keras").read_bytes() != old_backbone
    extract_features(dataset, features, doubled)  # and is not stale


def test_changed_image_is_told_and_alone_computed_again(dataset, features):
    extract_features(dataset, features, CONFIG)
    before = shard_times(features)
    write_image(dataset, "b", seed=77)
    with pytest.raises(StaleError, match="image b: its file changed"):
        extract_features(dataset, features, CONFIG)
    extract_features(dataset, features, CONFIG, overwrite=True)
    after = shard_times(features)
    assert {name for name in after if after[name] != before[name]} == {"b.tfrecord"}


def test_changed_box_is_told(dataset, features):
    extract_features(dataset, features, CONFIG)
    write_regions(dataset, [("a", (0, 0, 20, 31), "Oval", 1, True), *REGIONS[1:]])
    with pytest.raises(StaleError, match=r"image a: .* regions changed"):
        extract_features(dataset, features, CONFIG)


def test_image_taken_out_is_told_and_image_added_is_computed(dataset, features):
    extract_features(dataset, features, CONFIG)
    write_image(dataset, "d", seed=3)
    write_regions(dataset, [*REGIONS, ("d", (0, 0, 9, 9), "Oval", 1, True)])
    assert len(extract_features(dataset, features, CONFIG)) == 4
    (dataset / "images" / "d.png").unlink()
    write_regions(dataset, REGIONS)
    with pytest.raises(StaleError, match="image d is no longer"):
        extract_features(dataset, features, CONFIG)
    assert len(extract_features(dataset, features, CONFIG, overwrite=True)) == 3


def truncate(path):
    path.write_bytes(path.read_bytes()[:2000])


def test_bad_image_is_told_at_the_end_and_the_others_are_kept(dataset, features):
    truncate(dataset / "images" / "a.png")
    with pytest.raises(ExtractionError, match=r"1 image\(s\).*\n  a: .*damaged") as raised:
        extract_features(dataset, features, CONFIG)
    assert set(raised.value.failures) == {"a"}
    assert set(shard_times(features)) == {"b.tfrecord", "c.tfrecord"}
    with pytest.raises(cache.CacheError, match="finished features"):
        cache.load_features(features)
    before = shard_times(features)
    write_image(dataset, "a", seed=0)  # repaired: nothing is stale, and only it is computed
    assert len(extract_features(dataset, features, CONFIG)) == 3
    assert shard_times(features).items() >= before.items()


def _extract_and_die(dataset, features):
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(extract, "load_backbone", load_mean_colour)
    write_shard = cache.FeatureCache.write_shard

    def die_at_b(self, image, *values):
        if image == "b":
            os.kill(os.getpid(), signal.SIGKILL)
        write_shard(self, image, *values)

    monkeypatch.setattr(cache.FeatureCache, "write_shard", die_at_b)
    extract_features(dataset, features, CONFIG)


def test_killed_run_is_continued(dataset, features):
    process = multiprocessing.get_context("spawn").Process(
        target=_extract_and_die, args=(dataset, features)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    before = shard_times(features)
    assert set(before) == {"a.tfrecord"}
    with pytest.raises(cache.CacheError, match="finished features"):
        cache.load_features(features)
    assert len(extract_features(dataset, features, CONFIG)) == 3
    assert shard_times(features)["a.tfrecord"] == before["a.tfrecord"]


def test_a_dataset_without_labels_has_no_features_to_keep(dataset, features):
    write_regions(dataset, [(image, (0, 0, 10, 10), "", 1, False) for image in "abc"])
    with pytest.raises(ValueError, match=r"of labelled regions\. Received: none in 3 images"):
        extract_features(dataset, features, CONFIG)
    assert not features.exists()


@pytest.mark.parametrize("damage", ["truncated", "swapped", "missing", "fingerprint", "table"])
def test_damaged_cache_is_told(dataset, features, damage):
    extract_features(dataset, features, CONFIG)
    shards = features / "shards"
    if damage == "truncated":
        content = (shards / "a.tfrecord").read_bytes()
        (shards / "a.tfrecord").write_bytes(content[:-10])
    elif damage == "swapped":
        (shards / "b.tfrecord").write_bytes((shards / "a.tfrecord").read_bytes())
    elif damage == "missing":
        (shards / "b.tfrecord").unlink()
    elif damage == "fingerprint":
        (features / "fingerprint.json").write_text("[]")
    else:
        (features / "table.npz").write_bytes(b"PK nonsense")
    with pytest.raises(cache.CacheError, match=str(features)):
        cache.load_features(features)


def test_folder_without_features_is_told(tmp_path):
    with pytest.raises(cache.CacheError, match="must hold finished features"):
        cache.load_features(tmp_path)
    with pytest.raises(cache.CacheError, match="must be a feature cache"):
        cache.load_fingerprint(tmp_path)
