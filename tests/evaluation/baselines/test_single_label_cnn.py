import dataclasses

import keras
import numpy as np
import pytest

from rbc_tf.evaluation.baselines import single_label_cnn, single_label_training
from rbc_tf.evaluation.baselines.single_label_cnn import (
    SingleLabelCNN,
    SingleLabelCNNConfig,
    build_single_label_cnn,
)
from rbc_tf.evaluation.baselines.single_label_training import (
    LabelledPatches,
    train_single_label_cnn,
    type_weights,
)

NAMES = ("Oval", "Elon", "Stom")
TINY = SingleLabelCNNConfig(
    patch_size=8,
    filters=(4, 4),
    hidden_units=16,
    dropout=0.2,
    batch_size=8,
    max_epochs=12,
    patience=12,
    learning_rate=1e-2,
)


def patches_of(count, seed=0):
    """Types told apart by which colour is bright."""
    generator = np.random.default_rng(seed)
    types = generator.integers(0, 3, count)
    patches = generator.integers(0, 60, (count, 8, 8, 3), dtype=np.uint8)
    patches[np.arange(count), ..., types] += 150
    return LabelledPatches(patches, types)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_probabilities_sum_to_one(count, monkeypatch):
    network = build_single_label_cnn(NAMES, TINY)
    patches = patches_of(count).patches
    expected = network.predict(patches)
    assert expected.shape == (count, 3)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(expected.sum(axis=1), np.ones(count), rtol=1e-5)
    monkeypatch.setattr(single_label_cnn, "_PREDICTION_ROWS", 2)
    np.testing.assert_allclose(network.predict(patches), expected, rtol=1e-4)


def test_training_learns_and_is_read_back(tmp_path):
    train, validation = patches_of(60, 0), patches_of(30, 1)
    path = tmp_path / "cnn.keras"
    report = train_single_label_cnn(train, validation, NAMES, TINY, path)
    assert report.epoch == int(np.argmin(report.validation_losses)) + 1
    assert report.validation_accuracies[report.epoch - 1] == 1
    loaded = SingleLabelCNN.load(path)
    assert loaded.names == NAMES
    assert loaded.patch_size == 8
    probabilities = loaded.predict(validation.patches)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), validation.types)
    # The kept weights are those of the best epoch, not of the last.
    of_truth = probabilities[np.arange(30), validation.types]
    assert -np.log(of_truth).mean() == pytest.approx(min(report.validation_losses), rel=1e-3)


def test_training_stops_by_its_patience(tmp_path):
    train = patches_of(40, 0)
    # Types at random: nothing that is learnt holds.
    validation = dataclasses.replace(
        patches_of(40, 1), types=np.random.default_rng(2).integers(0, 3, 40)
    )
    config = dataclasses.replace(TINY, patience=2, max_epochs=40)
    report = train_single_label_cnn(train, validation, NAMES, config, tmp_path / "cnn.keras")
    assert len(report.losses) == len(report.validation_losses) == report.epoch + 2


def test_weights_follow_the_seed():
    first, second, other = (
        build_single_label_cnn(NAMES, dataclasses.replace(TINY, seed=seed)).model.get_weights()
        for seed in (0, 0, 1)
    )
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_weights_of_types_by_hand():
    # Two of three types occur, in 3 and in 1 of 4 patches: 4 / (2 * 3), 4 / (2 * 1), none.
    weights = type_weights(np.array([0, 0, 2, 0]), 3)
    np.testing.assert_allclose(weights, [2 / 3, 0, 2])
    assert weights[[0, 0, 2, 0]].mean() == pytest.approx(1)


class Recorder:
    """Stands for a network in training: keeps what it is taught."""

    def __init__(self):
        self.model, self.batches = self, []

    def train_on_batch(self, patches, types, weights):
        self.batches.append((patches, types, weights))
        return float(len(self.batches))


def test_an_epoch_shows_each_patch_once_with_its_type_and_weight():
    train, network = patches_of(19), Recorder()
    loss = single_label_training._run_epoch(network, train, np.array([0.5, 1, 2]), TINY, 0)
    assert [len(types) for _, types, _ in network.batches] == [8, 8, 3]
    assert loss == 2  # the mean of 1, 2 and 3
    patches, types, weights = map(np.concatenate, zip(*network.batches, strict=True))
    # Turning keeps the colours, which tell the type and the patch.
    np.testing.assert_array_equal(patches.mean(axis=(1, 2)).argmax(axis=1), types)
    np.testing.assert_array_equal(weights, np.array([0.5, 1, 2])[types])
    sums = [np.sort(p.astype(int).sum(axis=(1, 2, 3))) for p in (patches, train.patches)]
    np.testing.assert_array_equal(*sums)


def test_nothing_to_learn_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Received: 0 and 5"):
        train_single_label_cnn(patches_of(0), patches_of(5), NAMES, TINY, tmp_path / "c.keras")
    with pytest.raises(ValueError, match=r"equally many\. Received: 2 and 1"):
        LabelledPatches(np.zeros((2, 8, 8, 3), np.uint8), np.zeros(1, int))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "cnn.keras"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"cnn\.keras holds no"):
        SingleLabelCNN.load(path)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"cnn\.keras holds no"):
        SingleLabelCNN.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patch_size", 3),
        ("filters", ()),
        ("filters", (4, 0)),
        ("hidden_units", 0),
        ("dropout", 1.0),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("patience", 0),
        ("learning_rate", 0.0),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        dataclasses.replace(TINY, **{name: value})
