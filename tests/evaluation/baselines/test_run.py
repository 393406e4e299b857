"""The whole comparison on six small images with discs of two colours, which are their types."""

import csv
import json
import shutil

import numpy as np
import pytest

from rbc_tf.core import config as config_lib
from rbc_tf.core import image_io
from rbc_tf.core import score as score_lib
from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.unseen import SeenError
from rbc_tf.evaluation.baselines import tables
from rbc_tf.evaluation.baselines.inputs import BaselinesConfig, load_inputs, read_scored_image
from rbc_tf.evaluation.baselines.regions import best_type, union
from rbc_tf.evaluation.baselines.run import compare_baselines
from rbc_tf.features import extract, provenance
from rbc_tf.features.crops import CropConfig
from rbc_tf.metrics.classified import MULTI_CELL, SEVERAL_TYPES, SINGLE_CELL
from tests import builders

TYPES = CellTypes((CellType("red", "Red", abnormal=False), CellType("blue", "Blue", abnormal=True)))
COLOURS = {"red": (200, 60, 60), "blue": (60, 60, 200)}
RADIUS = 10

# Type, y and x of the cells of each image. The last two overlap: their centres are 1.6 radii apart.
CELLS = [
    ("red", 14, 14),
    ("blue", 14, 50),
    ("red", 14, 82),
    ("blue", 50, 20),
    ("blue", 50, 60),
    ("red", 50, 76),
]
SPLITS = ["train", "train", "validation", "validation", "test", "test"]

SETTINGS = """
unet: {base_filters: 4, levels: 2, tile_size: 32, batch_size: 4, steps_per_epoch: 25, epochs: 1,
       learning_rate: 1e-2}
cnn: {patch_size: 32, filters: [4, 4], hidden_units: 16, batch_size: 8, max_epochs: 12,
      learning_rate: 1e-2, dropout: 0}
heads: {hidden_units: 8, learning_rate: 1e-2, standardise: true, max_epochs: 60}
num_resamples: 100
"""


def smear(seed):
    """Image and mask."""
    image, mask = np.full((64, 96, 3), 230), np.zeros((64, 96), bool)
    for kind, y, x in CELLS:
        inside = builders.discs(64, 96, (y, x, RADIUS))
        image[inside & ~mask] = COLOURS[kind]
        mask |= inside
    noise = np.random.default_rng(seed).integers(-10, 10, image.shape)
    return (image + noise).astype(np.uint8), mask


def write_dataset(root):
    smears = {f"i{place}": smear(place) for place in range(len(SPLITS))}
    builders.write_dataset(
        root,
        {name: image for name, (image, _) in smears.items()},
        masks={name: mask for name, (_, mask) in smears.items()},
        splits=[(name, name, split) for name, split in zip(smears, SPLITS, strict=True)],
        cells=[(name, x, y, kind) for name in smears for kind, y, x in CELLS],
        types=TYPES,
    )


def redness_backbone():
    """Mean of red less blue, and of blue less red: grey background adds nothing to either."""
    return builders.pooling_backbone(np.array([[1, -1], [0, 0], [-1, 1]]))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dataset folder and its features, which nobody changes."""
    root = tmp_path_factory.mktemp("data")
    write_dataset(root / "dataset")
    redness_backbone().save(root / "redness.keras")
    config = extract.ExtractionConfig(str(root / "redness.keras"), CropConfig(size=32))
    extract.extract_features(root / "dataset", root / "features", config)
    return root


def compare(data, output_dir, settings=SETTINGS, **keywords):
    return compare_baselines(
        data / "dataset",
        data / "features",
        output_dir,
        config_lib.load_layers(BaselinesConfig, params_override=settings),
        **keywords,
    )


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    """The folder and the scores of one run."""
    folder = tmp_path_factory.mktemp("out")
    return folder, compare(data, folder)


def value(scores, name, subset, **of):
    return score_lib.one(scores, name, subset=subset, **of).value


def test_copies_of_scored_images_are_not_learnt_from(data, tmp_path):
    shutil.copytree(data / "dataset", tmp_path / "dataset")
    images = tmp_path / "dataset" / "images"
    shutil.copy(images / "i5.png", images / "i0.png")
    with pytest.raises(
        SeenError, match=r"1 in several, \S*i0\.png in '\w+' and \S*i5\.png in '\w+'"
    ):
        load_inputs(tmp_path / "dataset", data / "features")


def test_numbers_of_cells_are_found(done):
    _, scores = done
    # Two test images, each with four single cells and one pair.
    regions = {s.of["subset"]: s.value for s in score_lib.select(scores, "num_regions")}
    assert regions == {"all": 10, SINGLE_CELL: 8, MULTI_CELL: 2, SEVERAL_TYPES: 2}
    for subset in (SINGLE_CELL, MULTI_CELL):
        assert value(scores, "exact", subset, method="watershed_true") == 1
    assert value(scores, "cells_apart", MULTI_CELL, method="watershed_true") == 1
    for method in ("none", "unet"):  # neither separates
        assert value(scores, "one_fewer", MULTI_CELL, method=method) == 1
        assert value(scores, "cells_apart", MULTI_CELL, method=method) == 0
        assert value(scores, "exact", SINGLE_CELL, method=method) == 1


def test_types_are_predicted(done):
    _, scores = done
    # The colour says the type of a cell that is by itself, and of a cell cut off.
    for name in ("model_a", "model_b", "single_label_cnn"):
        assert value(scores, "exact_match", SINGLE_CELL, classifier=name) == 1
    best = value(scores, "exact_match", SEVERAL_TYPES, classifier="watershed_true_best")
    assert best == 1
    # One type is one too few where two are true.
    for name in ("single_label_cnn", "model_a_best", "model_b_best", "unet_best"):
        assert value(scores, "exact_match", SEVERAL_TYPES, classifier=name) == 0


def test_files_hold_the_same(done):
    folder, scores = done
    written = json.loads((folder / "scores.json").read_text())
    assert score_lib.from_json(written["scores"]) == scores
    assert written["models"]["unet"]["validation_iou"] > 0.8
    assert written["config"]["unet"]["base_filters"] == 4
    with (folder / "regions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    pair = next(row for row in rows if row["image"] == "i4" and row["num_cells"] == "2")
    # Centres (50, 60) and (50, 76), radius 10, maximum exclusive.
    assert [pair[edge] for edge in ("ymin", "xmin", "ymax", "xmax")] == ["40", "50", "61", "87"]
    assert pair["types"] == pair["watershed_true_best_types"] == "red;blue"
    assert (pair["watershed_true_cells"], pair["unet_cells"]) == ("2", "1")
    assert pair["single_label_cnn_types"] in ("red", "blue")
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == [score.name for score in scores]
    cells = {(row["method"], row["subset"], row["score"]): row["value"] for row in rows}
    assert float(cells["watershed_true", MULTI_CELL, "exact"]) == 1
    assert float(cells["unet", MULTI_CELL, "one_fewer"]) == 1
    text = (folder / "table.md").read_text()
    assert "| watershed, true mask | 1.000" in text
    assert tables.console(scores).count("watershed, true mask") == 8


def test_finished_models_are_used_again(data, done):
    folder, scores = done
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.keras")}
    assert len(before) == 4
    (folder / "scores.json").unlink()
    again = compare(data, folder)
    assert again == scores
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.keras")} == before
    assert (folder / "scores.json").exists()


def test_models_of_other_settings_are_refused(data, done):
    folder, _ = done
    with pytest.raises(ValueError, match=r"unet\.keras(.|\n)*config\.seed was 0, is now 1"):
        compare(data, folder, SETTINGS.replace("epochs: 1,", "epochs: 1, seed: 1,"))


def test_nothing_is_trained_where_the_backbone_has_seen_the_test(data, tmp_path, monkeypatch):
    def refuse(features_dir, table):
        assert features_dir == data / "features"
        assert sorted(set(table.images.tolist())) == ["i4", "i5"]
        raise ValueError("seen")

    monkeypatch.setattr(provenance, "check_unseen", refuse)
    with pytest.raises(ValueError, match="seen"):
        compare(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def changed_copy(data, root, change):
    """A copy of the dataset with one text replaced in a file, and the features of the original."""
    write_dataset(root)
    name, old, new = change
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return load_inputs(root, data / "features")


def test_features_of_another_dataset_are_refused(data, tmp_path):
    with pytest.raises(ValueError, match="split of image i0 changed"):
        changed_copy(data, tmp_path / "a", ("images.csv", "i0,i0,train", "i0,i0,test"))
    with pytest.raises(ValueError, match="before the cell types changed"):
        changed_copy(data, tmp_path / "b", ("cell_types.yaml", "Red", "Pink"))
    relabelled = changed_copy(data, tmp_path / "c", ("cells.csv", "i4,14,14,red", "i4,14,14,blue"))
    with pytest.raises(ValueError, match="before the labelled regions of image i4 changed"):
        read_scored_image(relabelled, relabelled.dataset.sample("i4"))


def test_another_image_is_refused(data, tmp_path):
    write_dataset(tmp_path)
    image_io.write_png(tmp_path / "images" / "i3.png", smear(99)[0])
    with pytest.raises(ValueError, match="before the file of image i3 changed"):
        load_inputs(tmp_path, data / "features")


def test_a_missing_split_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="no image is assigned to the split 'validation'"):
        changed_copy(data, tmp_path, ("images.csv", "validation", "train"))


def test_best_type_by_hand():
    found = best_type(np.array([[0.1, 0.3, 0.2], [0.4, 0.4, 0.1]]))
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 0, 0]])


def test_union_by_hand():
    predicted = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]], bool)
    # Region 1 has no segment.
    found = union(predicted, np.array([0, 0, 2, 2]), 3)
    np.testing.assert_array_equal(found, [[1, 1, 0], [0, 0, 0], [0, 1, 1]])
    assert union(predicted[:0], np.zeros(0, int), 2).tolist() == [[False] * 3] * 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("{unet: {depth: 3}}", "depth"),
        ("{unet: {levels: 0}}", "`levels` must be"),
        ("[1]", "a mapping of settings is required"),
        ("{", "params_override"),
        ("{num_resamples: 0}", "`num_resamples` must be"),
        ("{cnn_crop: {size: 64}}", "`cnn_crop.size` must be `cnn.patch_size`, 80"),
    ],
)
def test_settings_that_make_no_sense_are_refused(override, message):
    with pytest.raises(ValueError, match=message):
        config_lib.load_layers(BaselinesConfig, params_override=override)


def test_settings_keep_defaults():
    settings = config_lib.load_layers(
        BaselinesConfig,
        params_override="cnn: {filters: [8, 8]}\ncnn_crop: {mode: letterbox, size: 80}",
    )
    assert settings.cnn.filters == (8, 8)
    assert settings.cnn_crop.mode == "letterbox"
    assert settings.unet == BaselinesConfig().unet
