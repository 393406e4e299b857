"""The whole of a small cross-validation on random features."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.classification import folds as folds_lib
from rbc_tf.classification.abnormality import BoostingConfig
from rbc_tf.classification.fit import ClassifierConfig
from rbc_tf.classification.folds import FoldsConfig
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import score as score_lib
from rbc_tf.core.cell_types import PAPER, CellTypes
from rbc_tf.evaluation.cross_validation import training as cross_validation
from rbc_tf.evaluation.cross_validation.outer_folds import OuterFoldsConfig
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.evaluation.cross_validation.run import BootstrapConfig, make_table1
from rbc_tf.evaluation.cross_validation.training import (
    CrossValidationConfig,
    cross_validate,
    given_features,
)
from rbc_tf.features import cache, provenance
from tests import builders

TYPES = CellTypes(PAPER.types[:3])
DIM = 8
CONFIG = CrossValidationConfig(
    OuterFoldsConfig(2),
    ClassifierConfig(
        HeadsConfig(hidden_units=4, learning_rate=0.02, batch_size=32, max_epochs=4),
        FoldsConfig(3),
        BoostingConfig(n_estimators=5),
    ),
)
FEW = BootstrapConfig(num_resamples=20)


def make_table(count=90, groups=9):
    """Type t is present where feature t is above 0; a tenth of the rows is incomplete."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, DIM)).astype(np.float32)
    labels = (features[:, : len(TYPES)] > 0).astype(np.int8)
    complete = np.arange(count) % 10 > 0
    labels[~complete & (labels[:, 0] == 0), 0] = -1
    group = np.arange(count) * groups // count
    return builders.feature_table(
        features,
        labels,
        groups=builders.slides(count, groups),
        splits=np.where(group < groups - 2, "train", "test"),
        boxes=rng.random((count, 4)),
        num_cells=np.where(labels.sum(axis=1) > 1, 2, 1),
        complete=complete,
    )


def write_cache(folder, table, **fingerprint):
    builders.write_features(folder, table, TYPES, weights="random", **fingerprint)
    with zipfile.ZipFile(folder / cache.BACKBONE_FILE, "w") as file:
        file.writestr("config.json", "{}")  # a backbone that was not fine-tuned
    return folder


@pytest.fixture(scope="module")
def features_dir(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("features"), make_table())


def given(folder, config=CONFIG):
    return given_features(folder, config)


@pytest.fixture(scope="module")
def finished(features_dir, tmp_path_factory):
    """Folder of a finished run, and what it printed."""
    output_dir = tmp_path_factory.mktemp("table1")
    return output_dir, make_table1(given(features_dir), output_dir, CONFIG, FEW)


def test_features_of_composed_images_are_known_as_such(tmp_path):
    table = make_table()
    sources = {f"image{i}": (f"hash of image{i}",) for i in range(4)}
    folder = write_cache(tmp_path / "features", table, sources=sources)
    config = dataclasses.replace(CONFIG, tested_on="real", models=("A", "B", "A_real"))
    predictions = cross_validate(given(folder), tmp_path / "out", config).predictions
    composed = np.isin(table.images, list(sources))
    assert composed.sum() == 40
    np.testing.assert_array_equal(predictions.images, table.images[~composed])
    for fold in range(2):
        with np.load(tmp_path / "out" / "folds" / f"fold{fold}-A.npz") as kept:
            assert not composed[kept["test"]].any()
    assert not predictions.composed.any()


def test_every_row_is_predicted_by_the_fold_that_held_it_out(finished):
    output_dir, _ = finished
    predictions, table = Predictions.load(output_dir / "predictions.npz"), make_table()
    assert predictions.names == TYPES.names
    for name in ("images", "groups", "boxes", "labels", "num_cells", "complete"):
        np.testing.assert_array_equal(getattr(predictions, name), getattr(table, name))
    for model in ("A", "B", "A_equal"):
        for fold in range(2):
            with np.load(output_dir / "folds" / f"fold{fold}-{model}.npz") as kept:
                held_out = predictions.folds == fold
                np.testing.assert_array_equal(np.flatnonzero(held_out), kept["test"])
                np.testing.assert_array_equal(
                    predictions.probabilities[model][held_out], kept["values"]
                )
    assert ((predictions.abnormal > 0) & (predictions.abnormal < 1)).all()


def test_files_parse(finished):
    output_dir, printed = finished
    values = json.loads((output_dir / "scores.json").read_text())
    scores = score_lib.from_json(values["scores"])
    assert score_lib.one(scores, "num_incomplete").value == 9
    assert values["run"]["config"]["heads"]["hidden_units"] == 4
    assert {"versions", "seconds", "features", "rows_sha256", "machine"} <= set(values["run"])
    trainings = [(t["fold"], t["model"]) for t in values["run"]["trainings"]]
    models = ("A", "B", "A_equal", "boosting")
    assert trainings == [(fold, model) for fold in range(2) for model in models]
    rows = builders.read_csv(output_dir / "table1.csv")
    assert [row["score"] for row in rows] == [score.name for score in scores]
    exact = score_lib.one(scores, "exact_match", model="A", subset="all", aggregate="pooled")
    row = rows[scores.index(exact)]
    assert (row["model"], row["subset"], row["aggregate"]) == ("A", "all", "pooled")
    assert float(row["value"]) == exact.value
    assert int(row["support"]) == exact.support == 81
    assert sum(row["source"] == "paper" for row in rows) == 3 * 7 + 1
    assert all(len(line) <= 120 for line in printed.splitlines())
    assert f"{exact.value:.3f}" in printed
    assert "paper A*" in (output_dir / "table1.md").read_text().replace("\\*", "*")


def test_tensorboard_has_a_run_per_row(finished):
    output_dir, _ = finished
    runs = {path.name for path in (output_dir / "tensorboard").iterdir() if path.is_dir()}
    assert {"A", "A_star", "B", "A_equal", "A_44_56"} <= runs
    found = {
        (value.tag, step): tf.make_ndarray(value.tensor)
        for step, value in builders.summaries(output_dir / "tensorboard" / "B")
    }
    values = json.loads((output_dir / "scores.json").read_text())
    scores, of = score_lib.from_json(values["scores"]), {"model": "B", "subset": "all"}
    exact = score_lib.one(scores, "exact_match", **of, aggregate="pooled").value
    of_fold = score_lib.one(scores, "exact_match", **of, aggregate="fold", fold="1").value
    auc = score_lib.one(scores, "auc", **of, type="Oval", aggregate="mean_over_folds").value
    assert found["pooled/exact_match", 0] == pytest.approx(exact)
    assert found["fold/exact_match", 1] == pytest.approx(of_fold)
    assert found["mean_over_folds/auc/Oval", 0] == pytest.approx(auc)
    assert any(tag.startswith("_hparams_") for tag, _ in found)


def test_a_killed_run_goes_on_with_the_same_result(features_dir, finished, monkeypatch):
    output_dir, printed = finished
    before = Predictions.load(output_dir / "predictions.npz")
    (output_dir / "folds" / "fold1-B.npz").unlink()
    trained = []
    train_heads = cross_validation.train_heads

    def counted(train, stopping, names, config):
        trained.append(set(train.num_cells))
        return train_heads(train, stopping, names, config)

    monkeypatch.setattr(cross_validation, "train_heads", counted)
    assert make_table1(given(features_dir), output_dir, CONFIG, FEW) == printed
    assert trained == [{1}]  # Model B, on single cells
    after = Predictions.load(output_dir / "predictions.npz")
    for model in before.probabilities:
        np.testing.assert_array_equal(before.probabilities[model], after.probabilities[model])


def test_a_folder_of_another_study_is_refused(features_dir, finished, tmp_path, monkeypatch):
    output_dir, _ = finished
    monkeypatch.setattr(cross_validation, "train_heads", None)
    other = dataclasses.replace(CONFIG, splits=("train",))
    with pytest.raises(ValueError, match=r"config\.splits was \[\], is now \['train'\]"):
        cross_validate(given(features_dir), output_dir, other)
    table = make_table()
    table.labels[1] = 1 - table.labels[1]
    relabelled = write_cache(tmp_path / "features", table)
    with pytest.raises(ValueError, match="rows_sha256 was"):
        cross_validate(given(relabelled), output_dir, CONFIG)


def test_of_single_cells_alone_two_models_are_one_training(tmp_path, monkeypatch):
    table = make_table()
    table.num_cells[:] = 1
    trained = []
    train_heads = cross_validation.train_heads

    def counted(train, *others):
        trained.append(len(train))
        return train_heads(train, *others)

    monkeypatch.setattr(cross_validation, "train_heads", counted)
    found = cross_validate(given(write_cache(tmp_path / "features", table)), tmp_path / "o", CONFIG)
    assert len(trained) == CONFIG.folds.num_folds
    probabilities = found.predictions.probabilities
    np.testing.assert_array_equal(probabilities["A"], probabilities["B"])


def test_the_single_label_network_needs_patches(features_dir, tmp_path):
    config = dataclasses.replace(CONFIG, models=("A", "B", "single_label"))
    with pytest.raises(ValueError, match=r"single_label requires patches.*Received: features"):
        cross_validate(given(features_dir), tmp_path / "out", config)


def test_results_of_other_folds_are_refused(features_dir, finished, monkeypatch):
    output_dir, _ = finished
    drawn = cross_validation.draw_outer_folds
    monkeypatch.setattr(cross_validation, "draw_outer_folds", lambda *a: 1 - drawn(*a))
    with pytest.raises(ValueError, match=r"fold0-A\.npz must .* fold 0"):
        cross_validate(given(features_dir), output_dir, CONFIG)


@pytest.mark.parametrize("check", ["check_single_cell", "check_unseen"])
def test_features_that_have_seen_the_rows_are_refused(features_dir, tmp_path, monkeypatch, check):
    checked = []

    def refuse(folder, table=None):
        checked.append(None if table is None else set(table.splits))
        raise ValueError("seen")

    monkeypatch.setattr(provenance, check, refuse)
    config = dataclasses.replace(CONFIG, splits=("test",))
    with pytest.raises(ValueError, match="seen"):
        cross_validate(given(features_dir, config), tmp_path / "out", config)
    assert checked == [{"test"} if check == "check_unseen" else None]
    assert not (tmp_path / "out").exists()


def test_every_model_is_trained_on_teaching_splits_which_are_not_scored(
    features_dir, tmp_path, monkeypatch
):
    table = make_table()
    held_out, train_only = table.splits == "train", table.splits == "test"
    trained_on, train_heads = [], cross_validation.train_heads

    def noted(train, stopping, names, config):
        trained_on.append(train)
        assert not np.isin(stopping.images, table.images[train_only]).any()
        return train_heads(train, stopping, names, config)

    monkeypatch.setattr(cross_validation, "train_heads", noted)
    monkeypatch.setattr(folds_lib, "train_heads", noted)
    config = dataclasses.replace(CONFIG, splits=("train",), teaching_splits=("test",))
    printed = make_table1(given(features_dir), tmp_path / "out", config, FEW)
    assert "trained on the split test, of which nothing is scored" in " ".join(printed.split())
    predictions = Predictions.load(tmp_path / "out" / "predictions.npz")
    np.testing.assert_array_equal(predictions.boxes, table.boxes[held_out])
    assert set(predictions.folds) == {0, 1}
    # Two outer folds, each with models A, B and A_equal and three inner folds.
    assert len(trained_on) == 2 * (3 + 3)
    single_cell = table.num_cells[train_only] == 1
    for train in trained_on:
        if (train.num_cells == 1).all():  # Model B
            expected = table.boxes[train_only][single_cell]
            assert np.isin(expected[:, 0], train.boxes[:, 0]).all()
    counts = [np.isin(train.images, table.images[train_only]).sum() for train in trained_on]
    # A and the inner folds of the boosting have all 20 of them; A_equal draws.
    assert counts.count(train_only.sum()) >= 2 * (1 + 3)
    assert min(counts) > 0
    values = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert values["run"]["config"]["teaching_splits"] == ["test"]


def test_rows_that_only_teach_follow_those_that_are_scored(tmp_path):
    table = make_table()
    # Every third group teaches, in between those that are scored; the others take no part.
    group = np.arange(len(table)) // 10
    table = dataclasses.replace(table, splits=np.array(["val", "train", "test"])[group % 3])
    config = dataclasses.replace(CONFIG, splits=("test",), teaching_splits=("val",))
    rows = given(write_cache(tmp_path, table), config).rows
    expected = [*np.flatnonzero(group % 3 == 2), *np.flatnonzero(group % 3 == 0)]
    np.testing.assert_array_equal(rows.boxes, table.boxes[expected])
    np.testing.assert_array_equal(rows.features, table.features[expected])


@pytest.mark.parametrize(("splits", "teaching_splits"), [((), ("test",)), (("test",), ("test",))])
def test_teaching_splits_are_not_scored(splits, teaching_splits):
    with pytest.raises(ValueError, match="must be given, and be others"):
        dataclasses.replace(CONFIG, splits=splits, teaching_splits=teaching_splits)


def test_unknown_splits_are_refused(features_dir, tmp_path):
    config = dataclasses.replace(CONFIG, splits=("train", "dev"))
    with pytest.raises(ValueError, match=r"among \['test', 'train'\].*Received: \['dev'\]"):
        cross_validate(given(features_dir, config), tmp_path / "out", config)
