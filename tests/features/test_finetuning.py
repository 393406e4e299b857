import dataclasses

import keras
import numpy as np
import pytest

from rbc_tf.core import config as config_lib
from rbc_tf.core.divergence import DivergedError
from rbc_tf.core.fingerprint import StaleError
from rbc_tf.features import finetuning
from rbc_tf.features.backbone import Backbone, hash_of_weights, load_backbone
from rbc_tf.features.crops import CropConfig
from rbc_tf.features.finetuning import AugmentedBatches, FinetuningConfig, finetune, make_record
from rbc_tf.features.patch_archive import ArchiveError, PatchArchive
from rbc_tf.features.training_state import TrainingState
from tests import builders

CROP = config_lib.to_dict(CropConfig("fixed_scale", 32, window=40.0))
CONFIG = FinetuningConfig(epochs=4, batch_size=16, learning_rate=0.02)


pytestmark = pytest.mark.usefixtures("tiny_resnet50")


def archive(split, count, seed):
    """Red patches and blue ones, some of which have both types; one label in ten is unknown."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (count, 2)).astype(np.int8)
    patches = rng.integers(90, 110, (count, 32, 32, 3))
    patches[..., 0] += 80 * labels[:, None, None, 0]
    patches[..., 2] += 80 * labels[:, None, None, 1]
    labels[rng.random(labels.shape) < 0.1] = -1
    images = np.array([f"{split}{i % 3}" for i in range(count)])
    return builders.patch_archive(
        patches, labels, ["red", "blue"], images=images, about={"crop": CROP}
    )


@pytest.fixture(scope="module")
def train():
    return archive("train", 160, seed=0)


@pytest.fixture(scope="module")
def validation():
    return archive("validation", 60, seed=1)


def test_archive_comes_back_as_it_was(train, tmp_path):
    train.save(tmp_path / "patches.npz")
    loaded = PatchArchive.load(tmp_path / "patches.npz")
    np.testing.assert_array_equal(loaded.patches, train.patches)
    np.testing.assert_array_equal(loaded.labels, train.labels)
    assert loaded.images.tolist() == train.images.tolist()
    assert loaded.about == train.about


def test_other_files_are_no_archive(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", patches=np.zeros(3))
    for name in ("text.npz", "other.npz"):
        with pytest.raises(ArchiveError, match=f"{name} must be an archive of patches"):
            PatchArchive.load(tmp_path / name)


def test_each_epoch_has_each_patch_at_most_once_in_a_new_order(train):
    batches = AugmentedBatches(train, CONFIG)
    assert len(batches) == 10
    first = [batches[i] for i in range(10)]
    assert all(x.shape == (16, 32, 32, 3) and x.dtype == np.float32 for x, _ in first)
    labels = np.concatenate([y for _, y in first])
    # All 160 patches: the labels are those of the archive, in another order.
    assert sorted(labels.tolist()) == sorted(train.labels.astype(float).tolist())
    batches.on_epoch_end()
    assert not np.array_equal(np.concatenate([batches[i][1] for i in range(10)]), labels)
    again = AugmentedBatches(train, CONFIG, first_epoch=1)
    np.testing.assert_array_equal(again[3][0], batches[3][0])


def test_training_learns_and_the_best_epoch_is_kept(train, validation, tmp_path, capsys):
    model, history = finetune(train, validation, CONFIG, None, tmp_path)
    assert "epoch 4 of 4" in capsys.readouterr().err
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4]
    assert history[-1]["loss"] < history[0]["loss"]
    best = max(entry["mean_auc"] for entry in history)
    assert best > 0.95
    assert model.output_shape == (None, 8)
    assert all(str(w.dtype) == "float32" for w in model.weights)
    # The features are those of the best epoch: a linear reading of them tells the colours.
    features = model.predict(validation.patches.astype(np.float32), verbose=0)
    known = (validation.labels >= 0).all(axis=1)
    inputs = np.c_[features[known], np.ones(known.sum())]
    solution = np.linalg.lstsq(inputs, validation.labels[known], rcond=None)[0]
    assert (((inputs @ solution) > 0.5) == validation.labels[known]).mean() > 0.95


def test_interrupted_training_goes_on(train, validation, tmp_path, monkeypatch):
    class Interrupted(Exception):
        pass

    def stop_in_epoch_2(logits, *args):
        if len(calls) == 2:
            raise Interrupted
        calls.append(1)
        return score(logits, *args)

    calls, score = [], finetuning.score_logits
    monkeypatch.setattr(finetuning, "score_logits", stop_in_epoch_2)
    with pytest.raises(Interrupted):
        finetune(train, validation, CONFIG, None, tmp_path)
    monkeypatch.setattr(finetuning, "score_logits", score)
    first = builders.read_json(tmp_path / "history.json")
    assert len(first) == 2
    _, history = finetune(train, validation, CONFIG, None, tmp_path)
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4]
    assert history[: len(first)] == first
    # And once it is finished, nothing is trained any more.
    monkeypatch.setattr(finetuning, "score_logits", None)
    assert finetune(train, validation, CONFIG, None, tmp_path)[1] == history


def test_a_training_killed_between_its_files_is_what_it_would_have_been(
    train, validation, tmp_path, monkeypatch
):
    """After the scores of an epoch were written, before its state."""

    class Killed(Exception):
        pass

    def killed_after_epoch_2(self, epoch, logs=None):
        if epoch == 1:
            raise Killed
        return save(self, epoch, logs)

    config = dataclasses.replace(CONFIG, epochs=3, dropout=0.0)
    whole, expected = finetune(train, validation, config, None, tmp_path / "whole")
    save = TrainingState.on_epoch_end
    monkeypatch.setattr(TrainingState, "on_epoch_end", killed_after_epoch_2)
    with pytest.raises(Killed):
        finetune(train, validation, config, None, tmp_path / "killed")
    monkeypatch.setattr(TrainingState, "on_epoch_end", save)
    model, history = finetune(train, validation, config, None, tmp_path / "killed")
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    for entry, other in zip(history, expected, strict=True):
        assert entry["loss"] == pytest.approx(other["loss"], rel=1e-3)
    for values, others in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-3, atol=1e-3)


def test_a_damaged_state_is_named(train, validation, tmp_path):
    config = dataclasses.replace(CONFIG, epochs=1)
    finetune(train, validation, config, None, tmp_path)
    state = tmp_path / "state" / "latest.weights.h5"
    content = state.read_bytes()
    state.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"latest\.weights\.h5 must be the state .* damaged"):
        finetune(train, validation, config, None, tmp_path)
    state.write_bytes(content)
    (tmp_path / "history.json").write_text("[]")
    with pytest.raises(ValueError, match=r"history\.json must have the 1 epochs"):
        finetune(train, validation, config, None, tmp_path)


def test_work_of_another_training_is_not_taken_up(train, validation, tmp_path):
    one = dataclasses.replace(CONFIG, epochs=1)
    finetune(train, validation, one, None, tmp_path)
    with pytest.raises(StaleError, match=r"config\.seed was 0, is now 1"):
        finetune(train, validation, dataclasses.replace(one, seed=1), None, tmp_path)


def test_given_weights_are_where_it_begins(train, validation, tmp_path, tiny_resnet50):
    start = tiny_resnet50.with_preprocessing(tiny_resnet50.build(32))
    still = dataclasses.replace(CONFIG, epochs=1, learning_rate=1e-12, weight_decay=0.0)
    model, _ = finetune(train, validation, still, start, tmp_path)
    learnt = slice(4)  # kernel, bias, gamma, beta; the averages after them follow the patches
    for found, expected in zip(
        model.get_weights()[learnt], start.get_weights()[learnt], strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_normalisation_follows_as_fast_as_asked(train, validation, tmp_path, tiny_resnet50):
    # At a momentum of 0 the moving average is the mean of the last batch, whatever it began with.
    start = tiny_resnet50.with_preprocessing(tiny_resnet50.build(32))
    weights = start.get_weights()
    weights[4] += 1e6  # kernel, bias, gamma, beta, moving mean, moving variance
    start.set_weights(weights)
    config = dataclasses.replace(CONFIG, epochs=1, norm_momentum=0.0)
    model, _ = finetune(train, validation, config, start, tmp_path)
    assert np.abs(model.get_weights()[4]).max() < 1e3


def test_half_precision_gives_a_float32_backbone(train, validation, tmp_path):
    config = dataclasses.replace(CONFIG, precision="mixed_bfloat16")
    model, history = finetune(train, validation, config, None, tmp_path)
    assert history[-1]["mean_auc"] > 0.9
    assert {str(w.dtype) for w in model.weights} == {"float32"}
    assert all(layer.compute_dtype == "float32" for layer in model.layers)
    assert keras.mixed_precision.dtype_policy().name == "float32"


def composed_archive(train):
    """Half of the patches are composed; of these half hold two cells."""
    rows = np.arange(len(train))
    return dataclasses.replace(
        train, composed=rows % 2 == 0, num_cells=np.where(rows % 4 == 0, 2, 1).astype(np.int32)
    )


def test_batches_have_their_share_of_composed_multi_cell_regions(train):
    mixed = composed_archive(train)
    config = dataclasses.replace(CONFIG, composed_share=0.25)
    batches = AugmentedBatches(mixed, config)
    assert len(batches) == 80 // 12  # an epoch passes once over the 80 real ones
    assert not mixed.composed[batches._order].any()
    seen = np.concatenate([labels for _, labels in map(batches.__getitem__, range(6))])
    assert seen.shape == (6 * 16, 2)
    # 4 of each batch, in turn: 24 in an epoch of the 40 there are, the other 16 come next.
    rows = batches._composed_rows
    assert sorted(rows.tolist()) == np.flatnonzero(mixed.num_cells == 2).tolist()
    _, labels = batches[0]
    assert labels[12:].tolist() == mixed.labels[rows[:4]].astype(float).tolist()
    batches.on_epoch_end()
    _, labels = batches[0]
    assert labels[12:].tolist() == mixed.labels[rows[24:28]].astype(float).tolist()


def test_a_share_of_composed_regions_requires_some(train):
    with pytest.raises(ValueError, match="Received: 0 and 160"):
        AugmentedBatches(train, dataclasses.replace(CONFIG, composed_share=0.25))


def test_average_of_the_weights_is_what_is_kept(train, validation, tmp_path):
    """At a momentum of nearly 1 the average stays where the first step of 0.02 has led."""
    start = load_backbone("random", 32).model
    before = [values.copy() for values in start.get_weights()[:4]]
    config = dataclasses.replace(CONFIG, epochs=1, weight_averaging=0.999999)
    model, history = finetune(train, validation, config, start, tmp_path)
    for found, expected in zip(model.get_weights()[:4], before, strict=True):
        np.testing.assert_allclose(found, expected, atol=0.025)
    plain, _ = finetune(
        train,
        validation,
        dataclasses.replace(config, weight_averaging=0.0),
        start,
        tmp_path / "plain",
    )
    assert np.abs(plain.get_weights()[0] - before[0]).max() > 0.05
    assert history[0]["loss"] > 0


def test_archives_that_do_not_belong_together_are_refused(train, validation, tmp_path):
    about = {**validation.about, "crop": config_lib.to_dict(CropConfig(size=32))}
    with pytest.raises(ValueError, match="must have the same crop"):
        finetune(train, dataclasses.replace(validation, about=about), CONFIG, None, tmp_path)
    about = {**validation.about, "image_hashes": {"renamed": "hash of train1"}}
    same = dataclasses.replace(validation, labels=np.tile(np.int8([1, 0]), (60, 1)))
    with pytest.raises(ValueError, match=r"that some of them hold and others do not"):
        finetune(train, same, CONFIG, None, tmp_path)
    with pytest.raises(ValueError, match=r"No image may be .* 1 in both"):
        finetune(train, dataclasses.replace(validation, about=about), CONFIG, None, tmp_path)


def test_record_travels_in_the_file(train, validation, tmp_path, tiny_resnet50):
    history = [
        {"epoch": 1, "mean_auc": 0.7},
        {"epoch": 2, "mean_auc": 0.9},
        {"epoch": 3, "mean_auc": 0.8},
    ]
    record = make_record(train, validation, CONFIG, history)
    assert record["best"]["epoch"] == 2
    assert record["images"]["validation2"] == "hash of validation2"
    assert len(record["images"]) == 6
    model = tiny_resnet50.with_preprocessing(tiny_resnet50.build(32))
    Backbone(model, record).save(tmp_path / "b.keras")
    loaded = load_backbone(str(tmp_path / "b.keras"))
    assert loaded.record["crop"] == CROP
    assert loaded.record["config"]["epochs"] == 4
    assert loaded.weights_sha256 == hash_of_weights(model)
    loaded.save(tmp_path / "again.keras")
    assert load_backbone(str(tmp_path / "again.keras"), 32).record == loaded.record


def test_what_it_began_with_had_seen_it_has_seen(train, validation):
    history = [{"epoch": 1, "mean_auc": 0.7}]
    own = make_record(train, validation, CONFIG, history)
    names = list(own["images"])
    # Another dataset, where an image has the same name, and one that both have.
    earlier = {names[0]: "hash of another", "renamed": own["images"][names[1]], "x": "hash of x"}
    start = {**own, "images": earlier}
    record = make_record(train, validation, CONFIG, history, [start])
    assert set(record["images"].values()) == {*own["images"].values(), *earlier.values()}
    assert len(record["images"]) == len(own["images"]) + 2
    assert record["regions"] == own["regions"]
    for regions in ("all", "single_cell"):
        other = {**start, "regions": regions}
        archive = dataclasses.replace(train, about={**train.about, "regions": "single_cell"})
        assert make_record(archive, validation, CONFIG, history, [other])["regions"] == regions


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0},
        {"norm_momentum": 1},
        {"learning_rate": 0},
        {"dropout": 1},
        {"precision": "bf16"},
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
        FinetuningConfig(**bad)


def test_a_training_that_diverges_ends_with_its_epoch(train, validation, tmp_path):
    config = dataclasses.replace(CONFIG, learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"epoch 1: the training has diverged"):
        finetune(train, validation, config, None, tmp_path)
