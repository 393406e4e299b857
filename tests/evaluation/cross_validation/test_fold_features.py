"""A small cross-validation in which every model of every fold has a backbone of its own."""

import dataclasses

import numpy as np
import pytest

from rbc_tf.classification.abnormality import BoostingConfig
from rbc_tf.classification.fit import ClassifierConfig
from rbc_tf.classification.folds import FoldsConfig
from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core.unseen import SeenError
from rbc_tf.evaluation.baselines.single_label_cnn import SingleLabelCNNConfig
from rbc_tf.evaluation.cross_validation import fold_features
from rbc_tf.evaluation.cross_validation.fold_features import FinetunedFeatures
from rbc_tf.evaluation.cross_validation.outer_folds import OuterFoldsConfig
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.evaluation.cross_validation.run import BootstrapConfig, make_table1
from rbc_tf.evaluation.cross_validation.training import CrossValidationConfig
from rbc_tf.features import finetuning
from rbc_tf.features.backbone import load_backbone
from rbc_tf.features.finetuning import FinetuningConfig
from tests import builders

pytestmark = pytest.mark.usefixtures("tiny_resnet50")

CONFIG = CrossValidationConfig(
    OuterFoldsConfig(2),
    ClassifierConfig(
        HeadsConfig(hidden_units=4, learning_rate=0.05, batch_size=16, max_epochs=3),
        FoldsConfig(3),
        BoostingConfig(n_estimators=5),
    ),
    models=("A", "B", "A_real"),
)
TRAINING = FinetuningConfig(epochs=1, batch_size=16, learning_rate=0.02, composed_share=0.5)
FEW = BootstrapConfig(num_resamples=20)


@pytest.fixture
def archive():
    """Red patches and blue ones. Real ones hold one colour, composed ones both; 8 groups."""
    rng = np.random.default_rng(0)
    count = 160
    composed = np.arange(count) % 4 == 0
    labels = np.eye(2, dtype=np.int8)[rng.integers(0, 2, count)]
    labels[composed] = 1
    patches = rng.integers(90, 110, (count, 32, 32, 3))
    patches[..., 0] += 80 * labels[:, None, None, 0]
    patches[..., 2] += 80 * labels[:, None, None, 1]
    groups = np.array([f"group{i * 8 // count}" for i in range(count)])
    origin = np.where(composed, "composed", "real")
    return builders.patch_archive(
        patches,
        labels,
        ["red", "blue"],
        images=np.char.add(np.char.add(origin, "_"), groups),
        groups=groups,
        num_cells=np.where(composed, 2, 1).astype(np.int32),
        composed=composed,
    )


@pytest.fixture
def features(archive, tmp_path):
    start = load_backbone("random", 32)
    return FinetunedFeatures(archive, start, "random", TRAINING, tmp_path / "trainings")


def test_each_model_learns_once_from_its_own_rows_of_its_own_side(features, tmp_path, monkeypatch):
    learnt, finetune = [], finetuning.finetune

    def noted(train, validation, config, *others):
        learnt.append((train, validation, config))
        return finetune(train, validation, config, *others)

    monkeypatch.setattr(fold_features.finetuning, "finetune", noted)
    printed = make_table1(features, tmp_path / "out", CONFIG, FEW)
    predictions = Predictions.load(tmp_path / "out" / "predictions.npz")
    assert len(learnt) == 2 * 3
    for number, (train, validation, config) in enumerate(learnt):
        fold, model = number // 3, CONFIG.models[number % 3]
        held_out = set(predictions.groups[predictions.folds == fold])
        assert not held_out & {*train.groups, *validation.groups}
        assert not set(train.groups) & set(validation.groups)
        assert train.composed.any() == (model == "A")
        assert config.composed_share == (0.5 if model == "A" else None)
    # Real and composed regions are scored apart, and named.
    assert "regions of composed images are scored: 0 single-cell and 40 multi-cell" in " ".join(
        printed.split()
    )
    for name, count in (("real", 120), ("composed", 40)):
        scores = builders.read_json(tmp_path / "out" / name / "scores.json")
        rows = [s for s in scores["scores"] if s["name"] == "num_regions"]
        assert rows[0]["value"] == count
    assert not any((tmp_path / "trainings").iterdir())  # nothing is left of what is finished

    # Once more it takes what is there, and another study is refused.
    monkeypatch.setattr(fold_features.finetuning, "finetune", None)
    make_table1(features, tmp_path / "out", CONFIG, FEW)
    after = Predictions.load(tmp_path / "out" / "predictions.npz")
    np.testing.assert_array_equal(after.probabilities["A"], predictions.probabilities["A"])
    other = dataclasses.replace(features, config=dataclasses.replace(TRAINING, seed=1))
    with pytest.raises(ValueError, match=r"finetuning\.seed was 0, is now 1"):
        make_table1(other, tmp_path / "out", CONFIG, FEW)


@pytest.mark.slow
def test_only_real_regions_are_scored_where_that_is_asked_for(features, tmp_path):
    config = dataclasses.replace(
        CONFIG,
        tested_on="real",
        models=("A", "B", "single_label"),
        single_label=SingleLabelCNNConfig(filters=(4,), hidden_units=8, learning_rate=0.01),
    )
    printed = make_table1(features, tmp_path / "out", config, FEW)
    predictions = Predictions.load(tmp_path / "out" / "predictions.npz")
    assert len(predictions) == 120
    assert not predictions.composed.any()
    # One softmax over the types, which tells red from blue.
    softmax = predictions.probabilities["single_label"]
    np.testing.assert_allclose(softmax.sum(axis=1), 1, atol=1e-5)
    assert np.mean(softmax.argmax(axis=1) == predictions.labels.argmax(axis=1)) > 0.9
    assert "single label*" in printed
    scores = builders.read_json(tmp_path / "out" / "scores.json")
    of_network = [t for t in scores["run"]["trainings"] if t["model"] == "single_label"]
    assert [t["settings"]["hidden_units"] for t in of_network] == [8, 8]
    assert of_network[0]["settings"]["patch_size"] == 32  # that of the patches
    other = dataclasses.replace(config, single_label=SingleLabelCNNConfig(hidden_units=9))
    with pytest.raises(ValueError, match=r"fold0-single_label\.npz must be of the settings"):
        make_table1(features, tmp_path / "out", other, FEW)
    # The other models do not depend on it.
    without = dataclasses.replace(config, models=("A", "B"))
    assert "single label*" not in make_table1(features, tmp_path / "out", without, FEW)


def test_models_must_be_known_and_comparable():
    for models in (("A",), ("A", "B", "C")):
        with pytest.raises(ValueError, match="A and B among them"):
            dataclasses.replace(CONFIG, models=models)


def _having_seen(features, *images, regions="single_cell"):
    record = {"images": {name: name for name in images}, "regions": regions}
    return dataclasses.replace(features, start=dataclasses.replace(features.start, record=record))


def test_weights_that_have_seen_what_is_scored_are_no_beginning(features, tmp_path):
    names = features.archive.images
    about = {**features.archive.about, "image_hashes": {name: name for name in names.tolist()}}
    about["sources"] = {"group3": {"source": "hash of a source"}}
    archive = dataclasses.replace(features.archive, about=about)
    features = dataclasses.replace(features, archive=archive)
    every = np.arange(len(names))
    _having_seen(features, "elsewhere").check_unseen(every)
    for image, group in ((names[0], "group0"), ("hash of a source", "group3")):
        seen = _having_seen(features, image)
        with pytest.raises(SeenError, match=rf"backbone has seen .* of group {group}"):
            make_table1(seen, tmp_path / "out", CONFIG, FEW)
        seen.check_unseen(every[archive.groups != group])
    # Model B would begin with what only A may learn from.
    with pytest.raises(SeenError, match="one fine-tuned on all regions"):
        _having_seen(features, "elsewhere", regions="all").check_unseen(every)


def test_what_teaches_every_fold_is_not_scored(features, tmp_path):
    """A field is in the split of its groups: elsewhere it would bring them to the other side."""
    splits = np.where(features.archive.composed, "train", "test")
    archive = dataclasses.replace(features.archive, splits=splits)
    features = dataclasses.replace(features, archive=archive)
    config = dataclasses.replace(CONFIG, splits=("test",), teaching_splits=("train",))
    with pytest.raises(SeenError, match=r"must be in one split. Received: 8 .*group0, group1"):
        make_table1(features, tmp_path / "out", config, FEW)
