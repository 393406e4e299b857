import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from rbc_tf.classification import head_training, training
from rbc_tf.classification import heads as heads_lib
from rbc_tf.classification.head_training import train_head
from rbc_tf.classification.heads import HeadsConfig, build_heads, load_heads, predict
from rbc_tf.classification.training import train_heads
from rbc_tf.core.divergence import DivergedError
from rbc_tf.metrics.multilabel import known_cross_entropy
from tests import builders

NAMES = ("Oval", "Elon", "Stom")
DIM = 8
CONFIG = HeadsConfig(
    hidden_units=5, l2=1e-3, learning_rate=0.02, batch_size=16, max_epochs=12, patience=3
)


def noisy_table(count, seed, unknown=0.2, noise=1.0):
    """Type t is present where feature t is above 0, give or take some noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, DIM))
    labels = features[:, : len(NAMES)] + noise * rng.normal(size=(count, len(NAMES))) > 0
    return builders.feature_table(
        features, np.where(rng.random(labels.shape) < unknown, -1, labels)
    )


def only_head(table, head):
    return dataclasses.replace(table, labels=table.labels[:, head : head + 1])


def weights_of(model, head=None):
    layer = model.get_layer("heads")
    values = [w.numpy() for w in (layer.hidden_kernel, layer.hidden_bias)]
    values += [w.numpy() for w in (layer.output_kernel, layer.output_bias)]
    if head is None:
        return values
    return [values[0][:, head], *(value[head] for value in values[1:])]


def test_heads_are_independent_two_layer_networks():
    model = build_heads(NAMES, DIM, CONFIG)
    features = np.random.default_rng(0).normal(size=(4, DIM)).astype(np.float32)
    found = predict(model, features)
    for head in range(3):
        kernel, bias, output_kernel, output_bias = weights_of(model, head)
        hidden = np.maximum(features @ kernel + bias, 0)
        logit = hidden @ output_kernel + output_bias
        np.testing.assert_allclose(found[:, head], 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_size_of_the_papers_heads():
    model = build_heads([str(i) for i in range(6)], 2048, HeadsConfig())
    # Six times (2048 * 512 + 512) + (512 + 1).
    assert model.count_params() == 6 * 1_049_601


def test_initial_weights_depend_on_seed_and_own_name_alone():
    together = build_heads(NAMES, DIM, CONFIG)
    for head, name in enumerate(NAMES):
        alone = build_heads([name], DIM, CONFIG)
        for left, right in zip(weights_of(together, head), weights_of(alone, 0), strict=True):
            np.testing.assert_array_equal(left, right)
    kernel = weights_of(together)[0]
    assert not np.allclose(kernel[:, 0], kernel[:, 1])
    other_seed = build_heads(NAMES, DIM, dataclasses.replace(CONFIG, seed=1))
    assert not np.allclose(weights_of(other_seed)[0], kernel)
    # Glorot: uniform within sqrt(6 / (8 + 5)).
    assert 0.5 < np.abs(kernel).max() < np.sqrt(6 / 13)


def test_training_together_equals_training_each_alone():
    train, validation = noisy_table(90, 0), noisy_table(40, 1)
    config = dataclasses.replace(CONFIG, max_epochs=60)
    together = train_heads(train, validation, NAMES, config)
    epochs = [report.epoch for report in together.reports]
    assert len(set(epochs)) > 1, "the heads should stop at different epochs for this to say much"
    assert max(epochs) + config.patience <= config.max_epochs
    for head, name in enumerate(NAMES):
        alone = train_heads(only_head(train, head), only_head(validation, head), [name], config)
        found, expected = together.reports[head], alone.reports[0]
        assert found.epoch == expected.epoch
        assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-5)
        for left, right in zip(
            weights_of(together.model, head), weights_of(alone.model, 0), strict=True
        ):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


def test_training_equals_keras():
    """One head against a Keras model with Keras' Adam, L2 and masked cross-entropy."""
    train, validation = noisy_table(50, 0), noisy_table(20, 1)
    train, validation = only_head(train, 0), only_head(validation, 0)
    config = dataclasses.replace(CONFIG, max_epochs=3)
    found = train_heads(train, validation, ["Oval"], config)
    l2 = keras.regularizers.L2(config.l2)
    reference = keras.Sequential(
        [
            keras.Input((DIM,)),
            keras.layers.Dense(config.hidden_units, "relu", kernel_regularizer=l2),
            keras.layers.Dense(1, "sigmoid", kernel_regularizer=l2),
        ]
    )
    kernel, bias, output_kernel, output_bias = weights_of(build_heads(["Oval"], DIM, config), 0)
    reference.set_weights([kernel, bias, output_kernel[:, None], output_bias[None]])
    optimizer = keras.optimizers.Adam(config.learning_rate)
    reference.compile(optimizer, keras.losses.BinaryCrossentropy())
    after_epoch = []
    for epoch in range(1, 4):
        order = np.random.default_rng([config.seed, epoch]).permutation(len(train))
        for start in range(0, len(train), config.batch_size):
            rows = order[start : start + config.batch_size]
            rows = rows[train.labels[rows, 0] >= 0]
            reference.train_on_batch(train.features[rows], train.labels[rows])
        after_epoch.append(reference.get_weights())
    expected = after_epoch[found.reports[0].epoch - 1]
    for left, right in zip(weights_of(found.model, 0), expected, strict=True):
        np.testing.assert_allclose(left, right.reshape(left.shape), rtol=1e-3, atol=1e-5)


def test_the_same_inputs_give_the_same_weights():
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    first = train_heads(train, validation, NAMES, CONFIG)
    second = train_heads(train, validation, NAMES, CONFIG)
    for left, right in zip(weights_of(first.model), weights_of(second.model), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("block_bytes", [20, 60])
def test_blocks_of_the_hidden_kernel_change_nothing(block_bytes, monkeypatch):
    """Of one row each, and of eight rows in two."""
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    whole = train_heads(train, validation, NAMES, CONFIG)
    monkeypatch.setattr(head_training, "_BLOCK_BYTES", block_bytes)
    found = train_heads(train, validation, NAMES, CONFIG)
    assert [r.epoch for r in found.reports] == [r.epoch for r in whole.reports]
    for left, right in zip(weights_of(found.model), weights_of(whole.model), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


def test_an_error_in_one_network_ends_the_training(monkeypatch):
    """And the others end with their epoch, not with their last one."""
    epochs = []

    def write(curves, name, epoch, *parts):
        epochs.append(epoch)
        raise OSError("disk full")

    monkeypatch.setattr(training.Curves, "write", write)
    config = dataclasses.replace(CONFIG, max_epochs=1000, patience=1000)
    with pytest.raises(OSError, match="disk full"):
        train_heads(noisy_table(60, 0), noisy_table(30, 1), NAMES, config)
    assert max(epochs) == 1


def test_training_that_diverges_from_the_start_is_an_error():
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    train.features[0] = np.inf
    with pytest.raises(DivergedError, match=r"in epoch 1 of a head"):
        train_heads(train, validation, NAMES, CONFIG)


@pytest.mark.filterwarnings("ignore:invalid value")  # the loss of such an epoch
@pytest.mark.parametrize("known", [True, False])
def test_weights_that_are_no_numbers_are_not_kept_in_later_epochs(known):
    """They grow until they are none, behind a rectifier that makes 0 of them."""
    rng = np.random.default_rng(0)
    features = tf.constant(rng.normal(size=(32, 8)), tf.float32)
    labels = rng.integers(0, 2, 32).astype(np.int8)
    start = [rng.normal(size=(8, 4)), np.zeros(4), rng.normal(size=4), np.float32(0)]
    start = [np.float32(weight) for weight in start]
    validation = labels if known else np.full(32, -1, np.int8)
    for rate in (1e15, 1e18, 1e19, 1e25):
        config = dataclasses.replace(CONFIG, learning_rate=rate, max_epochs=6, batch_size=32)
        try:
            kept = train_head(
                start, features, labels, features, validation, config, lambda epoch: None
            )
        except DivergedError:
            continue
        assert all(np.isfinite(weight).all() for weight in kept.weights)


def test_heads_learn():
    trained = train_heads(noisy_table(400, 0, noise=0), noisy_table(100, 1, noise=0), NAMES, CONFIG)
    test = noisy_table(200, 2, unknown=0, noise=0)
    probabilities = predict(trained.model, test.features)
    for head in range(3):
        assert metrics.roc_auc_score(test.labels[:, head], probabilities[:, head]) > 0.95


def test_kept_weights_are_those_of_the_lowest_validation_loss():
    train, validation = noisy_table(40, 0, noise=3), noisy_table(40, 1, noise=3)
    trained = train_heads(train, validation, NAMES, CONFIG)
    probabilities = predict(trained.model, validation.features).astype(float)
    logits = np.log(probabilities / (1 - probabilities))
    for head, report in enumerate(trained.reports):
        loss = known_cross_entropy(validation.labels[:, head], logits[:, head])
        assert report.validation_loss == pytest.approx(loss, rel=1e-3)
        # A run cut off at that epoch ends with the same weights.
        short = dataclasses.replace(CONFIG, max_epochs=report.epoch)
        again = train_heads(train, validation, NAMES, short)
        for left, right in zip(
            weights_of(trained.model, head), weights_of(again.model, head), strict=True
        ):
            np.testing.assert_array_equal(left, right)


def test_unknown_labels_teach_nothing():
    """Training with unknown labels is training without these rows, for a batch of all rows."""
    known = only_head(noisy_table(30, 0, unknown=0), 0)
    extra = builders.feature_table(100 * np.ones((10, DIM)), -np.ones((10, 1)))
    both = builders.feature_table(
        np.concatenate([known.features, extra.features]),
        np.concatenate([known.labels, extra.labels]),
    )
    validation = only_head(noisy_table(20, 1), 0)
    config = dataclasses.replace(CONFIG, batch_size=40)
    first = train_heads(known, validation, ["Oval"], config)
    second = train_heads(both, validation, ["Oval"], config)
    for left, right in zip(weights_of(first.model), weights_of(second.model), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [0, -1])
def test_type_never_seen_is_never_found_with_a_warning(value, caplog):
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    train.labels[:, 1] = value
    trained = train_heads(train, validation, NAMES, CONFIG)
    assert trained.reports[1].status == training.NEVER_PRESENT
    assert trained.reports[1].epoch == 0
    assert trained.reports[0].status == training.TRAINED
    assert "No patch to train on has cell type Elon" in caplog.text
    assert (predict(trained.model, validation.features)[:, 1] < 1e-4).all()


def test_type_always_present_is_trained_with_a_warning(caplog):
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    train.labels[:, 1] = validation.labels[:, 1] = 1
    trained = train_heads(train, validation, NAMES, CONFIG)
    assert "Every patch to train on has cell type Elon" in caplog.text
    assert predict(trained.model, train.features)[:, 1].mean() > 0.8


def test_type_unknown_in_validation_is_trained_to_the_end_with_a_warning(caplog):
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    validation.labels[:, 2] = -1
    report = train_heads(train, validation, NAMES, CONFIG).reports[2]
    assert (report.status, report.epoch) == (training.NOT_VALIDATED, CONFIG.max_epochs)
    assert report.validation_loss is report.validation_auc is None
    assert "0 patches with cell type Stom and 0 without" in caplog.text


def test_type_absent_in_validation_has_no_auc():
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    validation.labels[:, 2] = 0
    report = train_heads(train, validation, NAMES, CONFIG).reports[2]
    assert report.validation_counts == (0, 30, 0)
    assert report.validation_auc is None
    assert report.validation_loss > 0


def test_no_validation_at_all():
    validation = noisy_table(0, 1)
    trained = train_heads(noisy_table(60, 0), validation, NAMES, CONFIG)
    assert {report.status for report in trained.reports} == {training.NOT_VALIDATED}


def test_counts_are_of_present_absent_and_unknown():
    train = builders.feature_table(np.zeros((6, DIM)), [[1, 1, 0], [1, 0, 0], [1, 0, -1]] * 2)
    reports = train_heads(train, train.select(slice(0, 3)), NAMES, CONFIG).reports
    assert [r.train_counts for r in reports] == [(6, 0, 0), (2, 4, 0), (0, 4, 2)]
    assert [r.validation_counts for r in reports] == [(3, 0, 0), (1, 2, 0), (0, 2, 1)]


def test_standardising_undoes_scale_and_shift_of_features():
    train, validation = noisy_table(60, 0), noisy_table(30, 1)
    train.features[:, 7] = validation.features[:, 7] = 4.0  # constant: must not blow up
    config = dataclasses.replace(CONFIG, standardise=True)
    expected = train_heads(train, validation, NAMES, config)
    scaled = [
        dataclasses.replace(table, features=table.features * 64 + 32)
        for table in (train, validation)
    ]
    found = train_heads(*scaled, NAMES, config)
    np.testing.assert_allclose(
        predict(found.model, scaled[1].features),
        predict(expected.model, validation.features),
        atol=1e-3,
    )
    changed = scaled[1].features.copy()
    changed[:, 7] += 1
    assert np.isfinite(predict(found.model, changed)).all()


@pytest.mark.parametrize("standardise", [False, True])
def test_saved_heads_predict_the_same(tmp_path, standardise):
    config = dataclasses.replace(CONFIG, standardise=standardise)
    trained = train_heads(noisy_table(60, 0), noisy_table(30, 1), NAMES, config)
    trained.model.save(tmp_path / "heads.keras")
    loaded = load_heads(tmp_path / "heads.keras")
    assert heads_lib.head_names(loaded) == NAMES
    features = noisy_table(20, 2).features
    np.testing.assert_array_equal(predict(loaded, features), predict(trained.model, features))


def test_heads_run_in_an_exported_graph(tmp_path):
    model = build_heads(NAMES, DIM, CONFIG)
    features = noisy_table(20, 2).features
    module = tf.Module()
    module.model = model
    module.run = tf.function(
        lambda x: model(x, training=False),
        input_signature=[tf.TensorSpec([None, DIM], tf.float32)],
    )
    tf.saved_model.save(module, tmp_path / "saved")
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.run(features), predict(model, features), rtol=1e-6)


def test_other_files_are_no_heads(tmp_path):
    path = tmp_path / "heads.keras"
    with pytest.raises(ValueError, match=r"heads\.keras holds no heads"):
        load_heads(path)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"heads\.keras holds no heads"):
        load_heads(path)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_prediction_in_parts_changes_nothing(count, monkeypatch):
    model = build_heads(NAMES, DIM, CONFIG)
    features = noisy_table(count, 0).features
    expected = predict(model, features)
    assert expected.shape == (count, 3)
    monkeypatch.setattr(heads_lib, "_PREDICTION_ROWS", 2)
    np.testing.assert_allclose(predict(model, features), expected, rtol=1e-6)


def test_curves_are_written(tmp_path):
    config = dataclasses.replace(CONFIG, max_epochs=10, patience=10)
    trained = train_heads(noisy_table(60, 0), noisy_table(30, 1), NAMES, config, tmp_path)
    epochs = range(1, 11)
    for part in ("train", "validation"):
        values, curves = {}, set()
        for step, value in builders.summaries(tmp_path / part):
            if value.metadata.plugin_data.plugin_name == "pr_curves":
                curves.add((value.tag, step))
            else:
                values[value.tag, step] = float(tf.make_ndarray(value.tensor))
        tags = [f"{kind}/{name}" for kind in ("loss", "auc") for name in NAMES]
        assert values.keys() == {(tag, epoch) for tag in tags for epoch in epochs}
        tags = [f"types/{name}/pr_curves" for name in NAMES] if part == "validation" else []
        assert curves == {(tag, epoch) for tag in tags for epoch in (1, 10)}
    report = trained.reports[0]
    assert values["auc/Oval", report.epoch] == pytest.approx(report.validation_auc)
    assert values["loss/Oval", report.epoch] == pytest.approx(report.validation_loss)


def test_impossible_inputs_are_refused():
    train = noisy_table(10, 0)
    with pytest.raises(ValueError, match="`train` must have one row"):
        train_heads(train.select(slice(0, 0)), train, NAMES, CONFIG)
    two_types = dataclasses.replace(train, labels=train.labels[:, :2])
    with pytest.raises(ValueError, match=r"`validation` must .*name, 2"):
        train_heads(two_types, train, NAMES[:2], CONFIG)
    with pytest.raises(ValueError, match="each once"):
        build_heads(["a", "a"], DIM, CONFIG)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_units", 0),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("patience", 0),
        ("l2", -1.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        HeadsConfig(**{name: value})
