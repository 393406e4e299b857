"""What a teacher's features are learnt as, and that a network without labels learns from them."""

import dataclasses

import keras
import numpy as np
import pytest

from rbc_tf.features.backbone import Backbone
from rbc_tf.features.finetuning import AugmentedBatches, FinetuningConfig, finetune, make_record
from rbc_tf.features.masked_loss import masked_cross_entropy
from rbc_tf.features.teacher import Teacher, load_teacher, taught_loss
from tests import builders

CONFIG = FinetuningConfig(epochs=8, batch_size=16, learning_rate=0.02)


def _teacher(patch_size=32):
    """Its features are how red and how blue a patch is, and a constant."""
    patches = keras.Input((patch_size, patch_size, 3))
    means = keras.layers.GlobalAveragePooling2D()(patches)
    outputs = keras.layers.Dense(3)
    model = keras.Model(patches, outputs(means))
    outputs.set_weights([np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0]], np.float32), np.zeros(3)])
    return model


def _archive(split, count, seed, unknown):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (count, 2)).astype(np.int8)
    patches = rng.integers(90, 110, (count, 32, 32, 3))
    patches[..., 0] += 80 * labels[:, None, None, 0]
    patches[..., 2] += 80 * labels[:, None, None, 1]
    if unknown:
        labels[:] = -1
    images = np.array([f"{split}{i % 3}" for i in range(count)])
    return builders.patch_archive(patches, labels, ["red", "blue"], images=images)


def test_targets_are_standardised_features():
    train = _archive("train", 200, 0, unknown=False)
    teacher = Teacher.of(_teacher(), train.patches)
    assert teacher.feature_dim == 3
    targets = teacher.targets(train.patches)
    np.testing.assert_allclose(targets.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(targets.std(axis=0), [1, 1, 0], atol=1e-4)
    red = train.patches[:3].astype(float).mean(axis=(1, 2))[:, 0]
    expected = (red - teacher.mean[0]) / teacher.scale[0]
    np.testing.assert_allclose(targets[:3, 0], expected, atol=1e-4)


def test_the_loss_is_that_of_labels_and_that_of_features():
    weights = np.array([2.0, 1.0], np.float32)
    wanted = np.array([[1, -1, 0.5, -1.0, 2.0]], np.float32)
    outputs = np.array([[0.3, 7.0, 0.5, 1.0, 1.0]], np.float32)
    of_labels = masked_cross_entropy(weights)(wanted[:, :2], outputs[:, :2])
    expected = np.asarray(of_labels) + 5 * (0 + 4 + 1) / 3
    np.testing.assert_allclose(taught_loss(weights, 5.0)(wanted, outputs), expected, rtol=1e-6)


def test_a_batch_has_labels_and_the_features_of_the_augmented_patches():
    train = _archive("train", 64, 0, unknown=False)
    teacher = Teacher.of(_teacher(), train.patches)
    patches, wanted = AugmentedBatches(train, CONFIG, 0, teacher)[1]
    assert wanted.shape == (16, 2 + 3)
    np.testing.assert_allclose(wanted[:, 2:], teacher.targets(patches), atol=1e-5)
    np.testing.assert_array_equal(wanted[:, :2], AugmentedBatches(train, CONFIG)[1][1])


def test_teachers_of_other_patches_are_refused():
    train = _archive("train", 8, 0, unknown=False)
    with pytest.raises(ValueError, match=r"patches of \[32, 32, 3\]. Received: .*\[48, 48, 3\]"):
        Teacher.of(_teacher(48), train.patches)


def _saved(folder, record):
    model = builders.pooling_backbone(np.eye(3, 2)).model
    Backbone(model, record, "efficientnet_lite0").save(folder / "teacher.keras")
    return folder / "teacher.keras"


def test_a_teacher_is_loaded_where_patches_are_cut_as_for_it(tmp_path):
    crop = {"mode": "letterbox", "context": 0.05, "fill": [1, 2, 3]}
    path = _saved(tmp_path, {"crop": crop})
    teacher = load_teacher(path, {**crop, "fill": [0, 0, 0]}, 32)
    assert teacher.name == "efficientnet_lite0"
    assert teacher.record == {"crop": crop}
    with pytest.raises(ValueError, match=r"teacher\.keras: .* 0\.05\. Received: context 0$"):
        load_teacher(path, {**crop, "context": 0}, 32)
    with pytest.raises(ValueError, match=r"shape \(None, 48, 48, 3\)"):
        load_teacher(path, crop, 48)


def test_a_teacher_that_is_not_fine_tuned_takes_patches_however_cut(tmp_path):
    assert load_teacher(_saved(tmp_path, {}), {"mode": "letterbox"}, 32).record == {}


def test_a_teacher_is_a_whole_network(tmp_path):
    with pytest.raises(ValueError, match=r"NAME\.keras\. Received: imagenet"):
        load_teacher("imagenet", {}, 32)


def test_without_labels_what_the_teacher_knows_is_learnt(tiny_resnet50, tmp_path):
    """The features of the student then tell red from grey, by a line."""
    train = _archive("train", 160, 0, unknown=True)
    validation = _archive("validation", 60, 1, unknown=False)
    model, history = finetune(train, validation, CONFIG, None, tmp_path, teacher=_teacher())
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    features = np.asarray(model(validation.patches.astype(np.float32)))
    assert features.shape == (60, tiny_resnet50.feature_dim)
    columns = np.column_stack([features, np.ones(60)])
    line, *_ = np.linalg.lstsq(columns, validation.labels[:, 0].astype(float), rcond=None)
    assert np.mean((columns @ line > 0.5) == validation.labels[:, 0]) > 0.95


def test_a_training_with_another_teacher_is_another(tiny_resnet50, tmp_path):
    train, validation = (_archive(name, 40, 0, False) for name in ("train", "validation"))
    config = dataclasses.replace(CONFIG, epochs=1)
    finetune(train, validation, config, None, tmp_path, teacher=_teacher())
    with pytest.raises(ValueError, match="teacher was"):
        finetune(train, validation, config, None, tmp_path)
    weighed = dataclasses.replace(config, teacher_weight=1.0)
    with pytest.raises(ValueError, match=r"teacher_weight was 5\.0, is now 1\.0"):
        finetune(train, validation, weighed, None, tmp_path, teacher=_teacher())


def test_without_a_teacher_settings_are_those_of_earlier_versions():
    """Trainings and studies that these began go on."""
    assert "teacher_weight" not in CONFIG.to_fingerprint()
    assert CONFIG.to_fingerprint(taught=True)["teacher_weight"] == 5.0


def test_the_record_names_the_teacher_and_what_it_has_seen():
    archives = [_archive(name, 20, 0, False) for name in ("train", "validation")]
    for archive in archives:
        archive.about["crop"] = {}
    history = [{"epoch": 1, "mean_auc": 0.5}]
    of_teacher = {"images": {"x": "hash of x"}, "regions": "all"}
    record = make_record(*archives, CONFIG, history, [of_teacher], "hash of the teacher")
    assert record["teacher"] == "hash of the teacher"
    assert "hash of x" in record["images"].values()
    assert record["config"]["teacher_weight"] == 5.0
    alone = make_record(*archives, CONFIG, history)
    assert not {"teacher", "teacher_weight"} & {*alone, *alone["config"]}
