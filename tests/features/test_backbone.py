import keras
import numpy as np
import pytest

from rbc_tf.features.backbone import (
    Backbone,
    WeightsError,
    hash_of_weights,
    load_backbone,
    read_name,
)
from rbc_tf.features.backbones import resnet50
from rbc_tf.features.extractor import FeatureExtractor


@pytest.fixture(scope="module")
def resnet():
    return load_backbone("random", patch_size=32)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).uniform(0, 255, (7, 32, 32, 3)).astype(np.float32)


def tiny_backbone(patch_size=32, dim=5):
    """Mean colour, preprocessed, times a fixed matrix: a backbone that takes no time."""
    inputs = keras.Input((patch_size, patch_size, 3))
    values = keras.layers.GlobalAveragePooling2D()(resnet50.CaffePreprocessing()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(dim, use_bias=False)(values))
    model.layers[-1].set_weights([np.arange(3 * dim, dtype=np.float32).reshape(3, dim)])
    return Backbone(model)


def test_backbone_is_frozen(resnet):
    assert resnet.model.trainable_variables == []


def test_random_weights_follow_the_seed_and_come_with_a_warning(resnet, caplog):
    assert load_backbone("random", 32, seed=0).weights_sha256 == resnet.weights_sha256
    assert load_backbone("random", 32, seed=1).weights_sha256 != resnet.weights_sha256
    assert "RANDOM" in caplog.text


def test_saved_backbone_gives_the_same_features(resnet, patches, tmp_path):
    resnet.save(tmp_path / "backbone.keras")
    loaded = load_backbone(str(tmp_path / "backbone.keras"), 32)
    assert loaded.weights_sha256 == resnet.weights_sha256
    np.testing.assert_array_equal(
        FeatureExtractor(loaded).extract(patches), FeatureExtractor(resnet).extract(patches)
    )


def test_weights_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(WeightsError, match="which is no file"):
        load_backbone("imagnet", 32)
    for name in ("w.h5", "w.keras", "w.ckpt"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(WeightsError, match=name):
            load_backbone(str(tmp_path / name), 32)


def test_backbone_of_another_patch_size_is_refused(tmp_path):
    tiny_backbone(48).save(tmp_path / "b.keras")
    with pytest.raises(WeightsError, match=r"\(None, 32, 32, 3\).*48"):
        load_backbone(str(tmp_path / "b.keras"), 32)


def test_hash_tells_values_and_order():
    first, second = tiny_backbone(), tiny_backbone()
    assert first.weights_sha256 == second.weights_sha256
    kernel = second.model.layers[-1].get_weights()[0]
    second.model.layers[-1].set_weights([kernel[::-1]])
    assert hash_of_weights(second.model) != first.weights_sha256


def test_network_is_written_beside_the_weights(tmp_path):
    tiny_backbone().save(tmp_path / "b.keras")
    assert read_name(tmp_path / "b.keras") == "resnet50"
    with pytest.raises(WeightsError, match=r"must hold a other.*a resnet50"):
        load_backbone(str(tmp_path / "b.keras"), name="other")


def test_file_that_names_no_network_is_resnet50(tmp_path):
    """As rbc_tf 0.1.0 wrote them."""
    saved = tiny_backbone()
    saved.model.save(tmp_path / "b.keras")
    loaded = load_backbone(str(tmp_path / "b.keras"))
    assert (loaded.name, loaded.record, loaded.feature_dim) == ("resnet50", {}, 5)
    assert loaded.weights_sha256 == saved.weights_sha256


def test_patches_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match=r"ResNet-50.*32 pixels or more.*31"):
        load_backbone("random", 31)
