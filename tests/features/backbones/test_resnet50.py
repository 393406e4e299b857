import keras
import numpy as np
import pytest

from rbc_tf.features.backbone import WeightsError, load_backbone
from rbc_tf.features.backbones import resnet50
from rbc_tf.features.extractor import FeatureExtractor


@pytest.fixture(scope="module")
def resnet():
    return load_backbone("random", patch_size=32)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).uniform(0, 255, (7, 32, 32, 3)).astype(np.float32)


def test_preprocessing_is_that_of_the_keras_application(patches):
    expected = keras.applications.resnet.preprocess_input(patches.copy())
    np.testing.assert_allclose(resnet50.CaffePreprocessing()(patches), expected, atol=1e-4)


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


def test_random_features_are_of_moderate_size_and_differ(resnet, patches):
    features = FeatureExtractor(resnet).extract(patches)
    assert 0.05 < features.mean() < 20
    assert features.std(axis=0).mean() > 1e-3


def test_weights_file_without_top_is_read(resnet, patches, tmp_path):
    inner = next(layer for layer in resnet.model.layers if isinstance(layer, keras.Model))
    path = tmp_path / "notop.weights.h5"
    inner.save_weights(path)
    assert load_backbone(str(path), 32).weights_sha256 == resnet.weights_sha256


def test_download_that_fails_names_a_way_out(monkeypatch):
    def fail(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", fail)
    with pytest.raises(WeightsError, match=r"URL fetch failure.*notop\.h5"):
        load_backbone("imagenet")
