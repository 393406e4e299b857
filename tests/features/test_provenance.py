import dataclasses

import numpy as np
import pytest

from rbc_tf.core import config, image_io
from rbc_tf.core.cell_types import PAPER, CellTypes
from rbc_tf.core.unseen import SeenError
from rbc_tf.features import backbone, cache
from rbc_tf.features.collect_patches import CollectionConfig, collect_patches
from rbc_tf.features.crops import CropConfig, cut_patches
from rbc_tf.features.extract import ExtractionConfig, extract_features
from rbc_tf.features.finetuning import FinetuningConfig, make_record
from rbc_tf.features.provenance import check_single_cell, check_unseen, joined, load_apart
from tests import builders

pytestmark = pytest.mark.usefixtures("tiny_resnet50")

CROP = CropConfig("fixed_scale", 32, window=40.0)

# image: group, split
IMAGES = {
    "a": ("one", "train"),
    "b": ("one", "train"),
    "c": ("two", "validation"),
    "d": ("three", "test"),
}

# image, box, types, num_cells, complete
REGIONS = [
    ("a", (0, 0, 20, 30), "Oval", 1, True),
    ("a", (10, 20, 40, 50), "Elon;Oval", 2, True),
    ("b", (5, 5, 45, 45), "Stom", 1, True),
    ("c", (0, 0, 20, 20), "Oval", 1, True),
    ("d", (1, 1, 30, 30), "Echi", 1, True),
]


@pytest.fixture
def dataset(tmp_path):
    return builders.write_dataset(
        tmp_path / "dataset",
        {name: builders.noise_image(50, 60, seed) for seed, name in enumerate(IMAGES)},
        splits=[(name, *where) for name, where in IMAGES.items()],
        regions=REGIONS,
    )


def collect(dataset, splits, regions="single_cell"):
    return collect_patches([dataset], CollectionConfig(CROP, splits, regions))


def finetuned(dataset, folder, regions="single_cell"):
    """A backbone that claims to be fine-tuned on the dataset; path of its file."""
    collected = collect(dataset, ("train", "validation"), regions)
    archives = [collected.in_split(split) for split in ("train", "validation")]
    record = make_record(*archives, FinetuningConfig(), [{"epoch": 1, "mean_auc": 0.5}])
    plain = backbone.load_backbone("random", CROP.size)
    backbone.Backbone(plain.model, record).save(folder / "fine.keras")
    return str(folder / "fine.keras")


def test_patches_to_train_on_are_those_of_the_features(dataset):
    archive = collect(dataset, ("train",), "single_cell")
    assert archive.images.tolist() == ["a", "b"]
    assert archive.labels.tolist() == [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    image = image_io.read_image(dataset / "images" / "b.png")
    patch = cut_patches(image, np.array([[5, 5, 45, 45]]), CROP).numpy()[0]
    np.testing.assert_allclose(archive.patches[1], patch, atol=0.5)  # rounded, no more
    assert set(archive.about["image_hashes"]) == {"a", "b"}
    assert len(collect(dataset, ("train",), "all")) == 3


def test_split_without_regions_and_divided_groups_are_refused(dataset):
    rows = (dataset / "regions.csv").read_text().replace("c,0,0,20,20,Oval", "c,0,0,20,20,")
    (dataset / "regions.csv").write_text(rows)
    with pytest.raises(ValueError, match="'validation' must have"):
        collect(dataset, ("train", "validation"))
    table = (dataset / "images.csv").read_text().replace("b,one,train", "b,one,test")
    (dataset / "images.csv").write_text(table)
    with pytest.raises(ValueError, match=r"group 'one' .*several splits"):
        collect(dataset, ("train",))


def test_backbone_says_how_patches_are_cut(dataset, tmp_path):
    weights = finetuned(dataset, tmp_path)
    extract_features(dataset, tmp_path / "features", ExtractionConfig(weights))
    settings = cache.load_fingerprint(tmp_path / "features").settings
    assert config.from_dict(CropConfig, settings["crop"]) == CROP
    extract_features(dataset, tmp_path / "features", ExtractionConfig(weights, CROP))
    with pytest.raises(ValueError, match="must be cut as"):
        extract_features(
            dataset, tmp_path / "features", ExtractionConfig(weights, CropConfig(size=32))
        )


def test_only_what_the_backbone_has_not_seen_can_be_scored(dataset, tmp_path):
    features = tmp_path / "features"
    table = extract_features(dataset, features, ExtractionConfig(finetuned(dataset, tmp_path)))
    check_unseen(features, table.select(table.splits == "test"))
    check_unseen(features, table.select(np.zeros(len(table), bool)))
    with pytest.raises(SeenError, match="backbone has seen 3 images of group one, two"):
        check_unseen(features, table)
    # The image that chose the epoch is as much seen as those that taught.
    with pytest.raises(SeenError, match="seen 1 image of group two"):
        check_unseen(features, table.select(table.splits != "train"))


def test_an_image_that_was_seen_rules_out_its_group(dataset, tmp_path):
    """Image a was seen and is not scored; b is another one now, but lies in a's group."""
    weights = finetuned(dataset, tmp_path)
    image_io.write_png(dataset / "images" / "b.png", np.full((50, 60, 3), 99, np.uint8))
    table = extract_features(dataset, tmp_path / "features", ExtractionConfig(weights))
    with pytest.raises(SeenError, match="seen 1 image of group one"):
        check_unseen(tmp_path / "features", table.select(table.images == "b"))


def test_renamed_image_is_recognised(dataset, tmp_path):
    weights = finetuned(dataset, tmp_path)
    (dataset / "images" / "d.png").write_bytes((dataset / "images" / "a.png").read_bytes())
    table = extract_features(dataset, tmp_path / "features", ExtractionConfig(weights))
    with pytest.raises(SeenError, match="seen 3 images of group one"):
        check_unseen(tmp_path / "features", table.select(table.splits == "test"))


def test_groups_that_have_an_image_in_common_are_one(tmp_path):
    """As in features of version 0.1.0, which had the groups of the dataset."""
    table = builders.feature_table(
        np.zeros((4, 2)),
        np.ones((4, 6)),
        groups=np.array(["slide0", "slide1", "slide2", "slide3"]),
        splits=np.array(["train", "validation", "test", "test"]),
    )
    entries = {f"image{i}": cache.ImageEntry(f"hash{i}", "0") for i in range(4)}
    fingerprint = cache.Fingerprint({}, entries)
    assert joined(table, fingerprint).groups.tolist() == table.groups.tolist()
    copies = {**entries, "image3": entries["image1"]}
    fingerprint = dataclasses.replace(fingerprint, images=copies)
    expected = ["slide0", "slide1", "slide2", "slide1"]
    assert joined(table, fingerprint).groups.tolist() == expected
    # What is composed of an image is with it, too.
    fingerprint = dataclasses.replace(fingerprint, sources={"image2": ("hash0",)})
    assert joined(table, fingerprint).groups.tolist() == ["slide0", "slide1", "slide0", "slide1"]

    types = CellTypes(PAPER.types)
    folder = builders.write_features(tmp_path / "apart", table, types)
    assert load_apart(folder).groups.tolist() == table.groups.tolist()
    folder = builders.write_features(tmp_path / "copies", table, types, images=copies)
    with pytest.raises(SeenError, match=r"1 in several, \S*copies: image1 in '\w+' and .*image3"):
        load_apart(folder)


def test_models_cannot_be_compared_on_what_taught_multi_cell_regions(dataset, tmp_path):
    for regions in ("single_cell", "all"):
        features = tmp_path / regions
        features.mkdir()
        weights = finetuned(dataset, features, regions)
        extract_features(dataset, features, ExtractionConfig(weights))
    check_single_cell(tmp_path / "single_cell")
    with pytest.raises(ValueError, match=r"Received: .*all regions"):
        check_single_cell(tmp_path / "all")


def test_backbone_that_was_not_fine_tuned_has_seen_nothing(dataset, tmp_path):
    plain = ExtractionConfig("random", CropConfig(size=32))
    table = extract_features(dataset, tmp_path / "features", plain)
    check_unseen(tmp_path / "features", table)
    check_single_cell(tmp_path / "features")
    (tmp_path / "features" / "backbone.keras").unlink()
    with pytest.raises(cache.CacheError, match=r"backbone\.keras is missing"):
        check_unseen(tmp_path / "features", table)
