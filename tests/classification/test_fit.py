import dataclasses
import json
import shutil

import numpy as np
import pytest

from rbc_tf.classification import fit
from rbc_tf.classification import folds as folds_lib
from rbc_tf.classification.abnormality import BoostingConfig
from rbc_tf.classification.calibration import CalibrationConfig
from rbc_tf.classification.classifier import Classifier, ClassifierError
from rbc_tf.classification.fit import ClassifierConfig, fit_classifier
from rbc_tf.classification.folds import FoldsConfig, draw_folds
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.classification.held_out_calibration import fit_calibration
from rbc_tf.core import config as config_lib
from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.features import cache
from rbc_tf.metrics.calibration import expected_calibration_error
from tests import builders

TYPES = CellTypes((CellType("Oval", "Oval", False), CellType("Elon", "Elongated", True)))
DIM = 6
HEADS = HeadsConfig(hidden_units=4, learning_rate=0.02, batch_size=16, max_epochs=8, patience=3)
CONFIG = ClassifierConfig(HEADS, FoldsConfig(3), BoostingConfig(n_estimators=5))


def make_table(count=360, groups=12, seed=0):
    """Type t is present where feature t is above 0; two thirds of the groups are for training."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, DIM)).astype(np.float32)
    return builders.feature_table(
        features,
        features[:, : len(TYPES)] > 0,
        groups=builders.slides(count, groups),
        splits=np.where(np.arange(count) * groups // count % 3 < 2, "train", "validation"),
        boxes=rng.random((count, 4)),
    )


@pytest.fixture
def features_dir(tmp_path):
    return builders.write_features(tmp_path / "features", make_table(), TYPES)


@pytest.fixture
def output_dir(tmp_path):
    return tmp_path / "classifier"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folders of the features and of a classifier; to be copied before it is damaged."""
    folder = tmp_path_factory.mktemp("finished")
    builders.write_features(folder / "features", make_table(), TYPES)
    fit_classifier(folder / "features", folder / "classifier", CONFIG)
    return folder / "features", folder / "classifier"


@pytest.fixture
def changed(finished, output_dir):
    """A copy of the classifier's folder, and a function that changes its record."""
    shutil.copytree(finished[1], output_dir)
    path = output_dir / "classifier.json"

    def change(**changes):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


@pytest.mark.parametrize(("groups", "asked", "given"), [(3, 5, 3), (12, 4, 4), (40, 5, 5)])
def test_folds_keep_groups_together(groups, asked, given):
    table = make_table(groups=groups)
    folds = draw_folds(table, FoldsConfig(asked))
    assert sorted(set(folds)) == list(range(given))
    for group in set(table.groups):
        assert len(set(folds[table.groups == group])) == 1


def test_folds_spread_rare_types():
    # 5 of 20 groups hold the rare type; plain folds would hardly put one in each of 5.
    table = make_table(count=100, groups=20)
    table.labels[:] = [1, 0]
    for group in range(0, 20, 4):
        table.labels[table.groups == f"slide{group}", 1] = 1
    folds = draw_folds(table, FoldsConfig(5))
    assert sorted(set(folds[table.labels[:, 1] == 1])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_folds_are_never_empty(seed):
    rng = np.random.default_rng(seed)
    table = make_table(count=30, groups=int(rng.integers(3, 8)), seed=seed)
    labels = rng.integers(-1, 2, table.labels.shape)
    table = dataclasses.replace(table, labels=labels.astype(np.int8))
    folds = draw_folds(table, FoldsConfig(5, seed=seed))
    assert len(set(folds)) == min(5, len(set(table.groups)))


def test_folds_follow_the_seed():
    table = make_table(count=100, groups=20)
    drawn = [tuple(draw_folds(table, FoldsConfig(5, seed=seed))) for seed in (0, 0, 1, 2)]
    assert len(set(drawn)) == 3


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match=r"3 groups or more.*Received: 2"):
        draw_folds(make_table(groups=2), FoldsConfig())
    with pytest.raises(ValueError, match="`num_folds` must be"):
        FoldsConfig(2)


def test_rows_are_predicted_by_heads_that_saw_nothing_of_their_group(monkeypatch):
    table = make_table()
    folds = draw_folds(table, FoldsConfig(3))
    seen = []

    class Trained:
        def __init__(self, model):
            self.model = model

    def train(train, validation, names, config):
        seen.append((set(train.groups), set(validation.groups)))
        return Trained(len(seen))

    def predict(model, features):
        return np.full((len(features), 2), model, np.float32)

    monkeypatch.setattr(folds_lib, "train_heads", train)
    monkeypatch.setattr(folds_lib, "predict", predict)
    found = folds_lib.out_of_fold_probabilities(table, TYPES.names, HEADS, folds)
    assert len(seen) == 3
    for model, (learnt, stopped_by) in enumerate(seen, start=1):
        predicted = set(table.groups[found[:, 0] == model])
        assert not learnt & stopped_by
        assert not predicted & (learnt | stopped_by)
        assert predicted | learnt | stopped_by == set(table.groups)
    assert (found > 0).all()


def test_out_of_fold_probabilities_are_worse_than_those_of_seen_patches():
    # Labels are noise: heads can only learn them by heart, and must do no better on new patches.
    table = make_table()
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, table.labels.shape)
    table = dataclasses.replace(table, labels=labels.astype(np.int8))
    config = dataclasses.replace(HEADS, hidden_units=64, max_epochs=30, patience=30)
    folds = draw_folds(table, FoldsConfig(3))
    found = folds_lib.out_of_fold_probabilities(table, TYPES.names, config, folds)
    assert abs(((found > 0.5) == table.labels).mean() - 0.5) < 0.15


def test_classifier_learns_and_is_read_again(features_dir, output_dir):
    longer = dataclasses.replace(CONFIG, heads=dataclasses.replace(HEADS, max_epochs=60))
    classifier = fit_classifier(features_dir, output_dir, longer)
    test = make_table(seed=5)
    probabilities, abnormal = classifier.predict(test.features)
    assert ((probabilities > 0.5) == test.labels).mean() > 0.75
    assert ((abnormal > 0.5) == test.labels[:, 1]).mean() > 0.75
    loaded = Classifier.load(output_dir)
    assert loaded.cell_types == TYPES
    for found, expected in zip(
        loaded.predict(test.features), (probabilities, abnormal), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_record_says_what_made_it(finished):
    features_dir, output_dir = finished
    record = json.loads((output_dir / "classifier.json").read_text())
    assert record["config"] == dataclasses.asdict(CONFIG)
    assert record["features"]["sha256"] == cache.load_fingerprint(features_dir).sha256
    assert set(record["files"]) == {"heads.keras", "abnormality.json"}
    table = make_table()
    train = table.select(table.splits == "train")
    present = int((train.labels[:, 1] == 1).sum())
    head = record["heads"][1]
    assert (head["name"], head["status"]) == ("Elon", "trained")
    assert head["train_counts"] == [present, len(train) - present, 0]
    assert 0.5 < head["validation_auc"] <= 1
    assert record["abnormality"]["train_counts"]["abnormal"] == present
    assert "tensorflow" in record["versions"]
    assert list((output_dir / "tensorboard" / "validation").iterdir())


def test_calibration_is_that_of_the_validation_outputs(finished):
    classifier = Classifier.load(finished[1])
    table = make_table()
    validation = table.select(table.splits == "validation")
    outputs = classifier.outputs(validation.features)
    fitted = fit_calibration(outputs, validation.labels, validation.groups, CalibrationConfig())
    expected = fitted.calibration
    assert classifier.calibration == expected
    assert max(abs(np.log(expected.temperatures))) > 0.01  # or the next lines would say nothing

    probabilities, abnormal = classifier.predict(validation.features)
    np.testing.assert_array_equal(probabilities, expected.apply(outputs))
    # Gradient boosting has learnt from outputs of the networks, and gets these.
    np.testing.assert_array_equal(abnormal, classifier.abnormality.predict(outputs))

    record = json.loads((finished[1] / "classifier.json").read_text())
    assert record["temperatures"] == list(expected.temperatures)
    assert record["thresholds"] == list(expected.thresholds)
    assert record["calibration"]["objective"] == "exact_match"
    report = record["calibration"]["types"][1]
    truth = validation.labels[:, 1]
    assert (report["name"], report["present"]) == ("Elon", int(truth.sum()))
    assert report["present"] + report["absent"] == report["threshold_patches"] == len(truth)
    assert report["temperature_fitted"]
    assert report["threshold_fitted"]
    assert report["temperature_held"] == fitted.temperature_used[1]
    assert report["threshold_held"] == fitted.threshold_used[1]
    assert report["ece_before"] == expected_calibration_error(outputs[:, 1], truth)
    assert report["ece_after"] == expected_calibration_error(probabilities[:, 1], truth)


def test_a_type_that_validation_lacks_is_not_calibrated(tmp_path, output_dir):
    table = make_table()
    table.labels[table.splits == "validation", 1] = 0
    features_dir = builders.write_features(tmp_path / "features", table, TYPES)
    classifier = fit_classifier(features_dir, output_dir, CONFIG)
    assert classifier.calibration.temperatures[1] == 1
    assert classifier.calibration.thresholds[1] == 0.5
    report = classifier.record["calibration"]["types"][1]
    assert (report["temperature_fitted"], report["threshold_fitted"]) == (False, False)
    assert classifier.record["calibration"]["types"][0]["temperature_fitted"]


def test_finished_classifier_is_not_trained_again(finished, monkeypatch):
    first = Classifier.load(finished[1])
    monkeypatch.setattr(fit, "train_classifier", None)
    second = fit_classifier(*finished, CONFIG)
    features = make_table().features
    np.testing.assert_array_equal(first.predict(features)[0], second.predict(features)[0])


def test_the_images_learnt_from_are_recorded(finished):
    table = make_table()
    seen = np.isin(table.splits, ("train", "validation"))
    expected = {f"hash of {name}" for name in table.images[seen].tolist()}
    learnt = Classifier.load(finished[1]).record["learnt_images"]
    assert set(learnt) == expected
    assert learnt == sorted(learnt)


def test_another_classifier_is_refused(features_dir, output_dir):
    fit_classifier(features_dir, output_dir, CONFIG)
    other = dataclasses.replace(CONFIG, boosting=BoostingConfig(n_estimators=6))
    with pytest.raises(StaleError, match=r"n_estimators was 5, is now 6"):
        fit_classifier(features_dir, output_dir, other)
    table = make_table()
    table.labels[0] = 1 - table.labels[0]
    builders.write_features(features_dir, table, TYPES)
    with pytest.raises(StaleError, match="labels_sha256 was"):
        fit_classifier(features_dir, output_dir, CONFIG)
    f1 = dataclasses.replace(CONFIG, calibration=CalibrationConfig("f1"))
    with pytest.raises(StaleError, match=r"calibration\.objective was .*exact_match"):
        fit_classifier(features_dir, output_dir, f1)
    fit_classifier(features_dir, output_dir, other, overwrite=True)
    assert len(list((output_dir / "tensorboard" / "train").iterdir())) == 1


def test_the_same_inputs_give_the_same_classifier(features_dir, tmp_path):
    first = fit_classifier(features_dir, tmp_path / "first", CONFIG)
    second = fit_classifier(features_dir, tmp_path / "second", CONFIG)
    features = make_table(seed=5).features
    for left, right in zip(first.predict(features), second.predict(features), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("missing", ["train", "validation", "both"])
def test_missing_splits_are_named(tmp_path, output_dir, missing):
    table = make_table()
    table.splits[(table.splits == missing) | (missing == "both")] = ""
    features_dir = builders.write_features(tmp_path / "features", table, TYPES)
    with pytest.raises(ValueError, match=r"Make splits with rbc_tf split-dataset"):
        fit_classifier(features_dir, output_dir, CONFIG)
    assert not output_dir.exists()


def test_group_on_both_sides_is_refused():
    table = make_table()
    with pytest.raises(ValueError, match="No group may be in"):
        fit.train_classifier(table, table, TYPES, CONFIG)


@pytest.mark.parametrize("damage", ["heads.keras", "abnormality.json", "classifier.json"])
def test_damaged_classifier_is_named(finished, output_dir, damage):
    shutil.copytree(finished[1], output_dir)
    (output_dir / damage).write_bytes(b"nonsense")
    with pytest.raises(ClassifierError, match="holds no finished classifier"):
        Classifier.load(output_dir)


def test_classifier_of_an_earlier_version_is_named(finished, output_dir, changed):
    changed(format_version=1)
    message = r"format version 2 is required\. Received: 1; train it again"
    with pytest.raises(ClassifierError, match=message):
        Classifier.load(output_dir)
    with pytest.raises(ClassifierError, match=message):
        fit_classifier(finished[0], output_dir, CONFIG)


@pytest.mark.parametrize(
    "changes", [{"thresholds": [0.5]}, {"temperatures": [1, -1]}, {"temperatures": 1}]
)
def test_damaged_calibration_is_named(output_dir, changed, changes):
    changed(**changes)
    with pytest.raises(ClassifierError, match="holds no finished classifier"):
        Classifier.load(output_dir)


def test_settings_from_files_and_override(tmp_path):
    (tmp_path / "a.yaml").write_text("heads: {learning_rate: 1e-3, patience: 7}")
    (tmp_path / "b.yaml").write_text("heads: {patience: 9}\nfolds: {num_folds: 4}")
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    found = config_lib.load_layers(ClassifierConfig, files, "boosting: {max_depth: 2}")
    assert found == ClassifierConfig(
        HeadsConfig(learning_rate=1e-3, patience=9), FoldsConfig(4), BoostingConfig(max_depth=2)
    )
    found = config_lib.load_layers(ClassifierConfig, params_override="calibration: {objective: f1}")
    assert found == ClassifierConfig(calibration=CalibrationConfig("f1"))
    assert config_lib.load_layers(ClassifierConfig) == ClassifierConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heads: {learning_rat: 1}", "learning_rat"),
        ("head: {}", "head"),
        ("heads: {max_epochs: many}", "max_epochs"),
        ("heads: {max_epochs: 0}", "`max_epochs` must be"),
        ("calibration: {objective: luck}", "`objective` must be"),
        ("[1]", "mapping"),
        ("heads: {", "params_override"),
    ],
)
def test_unknown_settings_are_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match="params_override") as raised:
        config_lib.load_layers(ClassifierConfig, params_override=text)
    assert message in str(raised.value)
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"own\.yaml"):
        config_lib.load_layers(ClassifierConfig, [tmp_path / "own.yaml"])
