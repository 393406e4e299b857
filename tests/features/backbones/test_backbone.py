import keras
import numpy as np
import pytest

from rbc_tf.features import crops
from rbc_tf.features.backbones import resnet50 as resnet_lib
from rbc_tf.features.backbones.backbone import Backbone, WeightsError, load_backbone
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.graphs import frozen


@pytest.fixture(scope="module")
def resnet():
    return load_backbone("random", patch_size=32)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).uniform(0, 255, (7, 32, 32, 3)).astype(np.float32)


def tiny_backbone(patch_size=32, dim=5):
    """Mean colour, preprocessed, times a fixed matrix: a backbone that takes no time."""
    inputs = keras.Input((patch_size, patch_size, 3))
    values = keras.layers.GlobalAveragePooling2D()(resnet_lib.CaffePreprocessing()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(dim, use_bias=False)(values))
    model.layers[-1].set_weights([np.arange(3 * dim, dtype=np.float32).reshape(3, dim)])
    return Backbone(model, resnet_lib.hash_of_weights(model))


def test_preprocessing_is_that_of_the_keras_application(patches):
    expected = keras.applications.resnet.preprocess_input(patches.copy())
    np.testing.assert_allclose(resnet_lib.CaffePreprocessing()(patches), expected, atol=1e-4)


def test_features_are_the_pooled_output_of_the_last_convolution_layer(resnet, patches):
    network = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    network.set_weights(resnet.model.get_weights())
    last = keras.Model(network.input, network.get_layer("conv5_block3_out").output)
    expected = last(keras.applications.resnet.preprocess_input(patches.copy())).numpy()
    features = FeatureExtractor(resnet).extract(patches)
    assert features.shape == (7, 2048)
    np.testing.assert_allclose(features, expected.mean(axis=(1, 2)), rtol=1e-3, atol=1e-4)


def test_backbone_is_frozen(resnet):
    assert resnet.model.trainable_variables == []


def test_random_weights_follow_the_seed_and_are_told(resnet, caplog):
    assert load_backbone("random", 32, seed=0).weights_sha256 == resnet.weights_sha256
    assert load_backbone("random", 32, seed=1).weights_sha256 != resnet.weights_sha256
    assert "RANDOM" in caplog.text


def test_random_features_are_of_moderate_size_and_differ(resnet, patches):
    features = FeatureExtractor(resnet).extract(patches)
    assert 0.05 < features.mean() < 20
    assert features.std(axis=0).mean() > 1e-3


def test_saved_backbone_gives_the_same_features(resnet, patches, tmp_path):
    resnet.save(tmp_path / "backbone.keras")
    loaded = load_backbone(str(tmp_path / "backbone.keras"), 32)
    assert loaded.weights_sha256 == resnet.weights_sha256
    np.testing.assert_array_equal(
        FeatureExtractor(loaded).extract(patches), FeatureExtractor(resnet).extract(patches)
    )


def test_weights_file_without_top_is_read(resnet, patches, tmp_path):
    inner = next(layer for layer in resnet.model.layers if isinstance(layer, keras.Model))
    path = tmp_path / "notop.weights.h5"
    inner.save_weights(path)
    assert load_backbone(str(path), 32).weights_sha256 == resnet.weights_sha256


def test_network_that_is_down_is_told_with_a_way_out(monkeypatch):
    def fail(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", fail)
    with pytest.raises(WeightsError, match=r"URL fetch failure.*notop\.h5"):
        load_backbone("imagenet")


def test_weights_that_cannot_be_used_are_told(tmp_path):
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


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_batches_change_nothing(count):
    # The mean colour in BGR less the mean, times [[0..4], [5..9], [10..14]].
    patches = np.random.default_rng(0).uniform(0, 255, (count, 32, 32, 3)).astype(np.float32)
    colour = patches.mean(axis=(1, 2))[:, ::-1] - np.array([103.939, 116.779, 123.68])
    expected = colour @ np.arange(15.0).reshape(3, 5)
    features = FeatureExtractor(tiny_backbone(), batch_size=4).extract(patches)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected.reshape(count, 5), rtol=1e-4, atol=1e-2)


def test_function_is_traced_once_for_all_counts():
    extractor = FeatureExtractor(tiny_backbone(), batch_size=8)
    for count in range(1, 20):
        extractor.extract(np.zeros((count, 32, 32, 3), np.float32))
    assert extractor._run.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_boxes_are_cut_and_extracted_in_batches(count):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    boxes = rng.uniform(0, 20, (count, 4)).astype(np.float32)
    boxes += np.array([0, 0, 30, 40], np.float32)
    extractor = FeatureExtractor(tiny_backbone(), batch_size=2)
    expected = extractor.extract(crops.cut_patches(image, boxes, crops.CropConfig(size=32)))
    found = extractor.extract_boxes(image, boxes, crops.CropConfig(size=32))
    assert found.shape == (count, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_half_precision_gives_nearly_the_same_features(count):
    if frozen.resolve("auto") == "float32":
        pytest.skip("the machine computes best in float32")
    patches = np.random.default_rng(0).uniform(0, 255, (count, 32, 32, 3)).astype(np.float32)
    extractor = FeatureExtractor(tiny_backbone(), batch_size=2, precision="auto")
    expected = FeatureExtractor(tiny_backbone()).extract(patches)
    found = extractor.extract(patches)
    assert found.shape == (count, 5)
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.03 * abs(expected).max(initial=1))


def test_batch_size_is_checked():
    with pytest.raises(ValueError, match="`batch_size` must be"):
        FeatureExtractor(tiny_backbone(), batch_size=0)


def test_hash_tells_values_and_order():
    first, second = tiny_backbone(), tiny_backbone()
    assert first.weights_sha256 == second.weights_sha256
    kernel = second.model.layers[-1].get_weights()[0]
    second.model.layers[-1].set_weights([kernel[::-1]])
    assert resnet_lib.hash_of_weights(second.model) != first.weights_sha256
