import dataclasses

import numpy as np
import pytest

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.features import backbone_spec, backbones
from rbc_tf.features.backbone import RANDOM, WeightsError, load_backbone
from rbc_tf.features.cache import load_fingerprint
from rbc_tf.features.crops import CropConfig
from rbc_tf.features.extract import ExtractionConfig, extract_features
from rbc_tf.features.finetuning import FinetuningConfig, finetune
from tests.features.test_extract import write_dataset
from tests.features.test_finetuning import archive

# One file is all that a new network takes: the mean colour and its doubles, of red patches.
_NETWORK = """
import keras

from rbc_tf.features.backbone_spec import BackboneSpec


@keras.saving.register_keras_serializable(package="rbc_tf")
class Halved(keras.layers.Layer):
    def call(self, patches):
        return patches / 2


def build(size):
    inputs = keras.Input((size, size, 3))
    means = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(4)(means))


def randomise(network, seed):
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([kernel * 0 + seed, bias])


def read(network, path):
    network.layers[-1].bias.assign([float(number) for number in path.read_text().split()])


BACKBONE = BackboneSpec(
    name="means",
    title="Mean colours",
    source="this test",
    feature_dim=4,
    patch_size=10,
    smallest_patch=2,
    fill=(10.0, 20.0, 30.0),
    preprocessing=Halved,
    build=build,
    randomise=randomise,
    readers={".txt": read},
    weights_file="four numbers",
)
"""


@pytest.fixture(autouse=True)
def _one_more_file(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "more_networks"
    folder.mkdir(exist_ok=True)
    (folder / "means.py").write_text(_NETWORK)
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(folder)])


def test_a_network_is_found_by_its_file():
    assert {"means", "resnet50"} <= set(backbone_spec.names())
    assert backbone_spec.find("means").title == "Mean colours"
    with pytest.raises(ValueError, match=r"means, resnet50.*'vgg'"):
        backbone_spec.find("vgg")


@pytest.mark.parametrize("name", [*backbone_spec.names(), "means"])
def test_every_network_is_what_its_file_says(name):
    spec = backbone_spec.find(name)
    assert spec.name == name
    assert all((spec.title, spec.source, spec.weights_file, spec.readers))
    assert spec.smallest_patch <= spec.patch_size
    assert spec.preprocessing.get_config  # a Keras layer
    model = spec.with_preprocessing(spec.build(spec.smallest_patch))
    assert model.output_shape == (None, spec.feature_dim)
    patches = np.full((1, spec.smallest_patch, spec.smallest_patch, 3), spec.fill, np.float32)
    assert np.isfinite(model.predict(patches, verbose=0)).all()


def test_features_of_a_new_network(tmp_path):
    """From patches with its own fill to a cache that names it and a backbone that is read back."""
    write_dataset(tmp_path / "dataset")
    config = ExtractionConfig(
        RANDOM, CropConfig("letterbox", 10, context=1.0), seed=3, backbone="means"
    )
    table = extract_features(tmp_path / "dataset", tmp_path / "features", config)
    assert table.features.shape[1] == 4
    fingerprint = load_fingerprint(tmp_path / "features")
    assert fingerprint.backbone == fingerprint.settings["backbone"] == "means"
    assert fingerprint.settings["feature_dim"] == 4
    assert fingerprint.settings["crop"]["fill"] == [10.0, 20.0, 30.0]
    loaded = load_backbone(str(tmp_path / "features" / "backbone.keras"))
    assert loaded.spec.title == "Mean colours"
    patches = np.full((1, 10, 10, 3), (2.0, 4.0, 6.0), np.float32)
    # (1 + 2 + 3) halved colours, times the seed.
    np.testing.assert_allclose(loaded.model.predict(patches, verbose=0), [[18.0] * 4], rtol=1e-6)
    again = extract_features(tmp_path / "dataset", tmp_path / "features", config)
    np.testing.assert_array_equal(again.features, table.features)


def test_weights_of_a_new_network(tmp_path):
    (tmp_path / "w.txt").write_text("1 2 3 4")
    loaded = load_backbone(str(tmp_path / "w.txt"), name="means")
    assert loaded.patch_size == 10
    np.testing.assert_array_equal(loaded.model.get_weights()[1], [1, 2, 3, 4])
    (tmp_path / "w.txt").write_text("one")
    with pytest.raises(WeightsError, match=r"must hold four numbers.*one"):
        load_backbone(str(tmp_path / "w.txt"), name="means")
    (tmp_path / "w.h5").touch()
    with pytest.raises(WeightsError, match=r"Mean colours.*\.txt, \.keras.*w\.h5"):
        load_backbone(str(tmp_path / "w.h5"), name="means")
    with pytest.raises(WeightsError, match=r"No ImageNet weights of Mean colours.*four numbers"):
        load_backbone("imagenet", name="means")


def test_a_new_network_is_fine_tuned_on_patches_of_its_own_fill(tmp_path):
    train, validation = archive("train", 32, seed=0), archive("validation", 16, seed=1)
    config = FinetuningConfig(epochs=1, batch_size=16)
    with pytest.raises(ValueError, match=r"Mean colours.*\[10\.0, 20\.0, 30\.0\].*123\.68"):
        finetune(train, validation, config, None, tmp_path, "means")
    filled = [
        dataclasses.replace(part, about={**part.about, "crop": {"fill": [10.0, 20.0, 30.0]}})
        for part in (train, validation)
    ]
    model, history = finetune(*filled, config, None, tmp_path, "means")
    assert model.output_shape == (None, 4)
    assert len(history) == 1
    other = dataclasses.replace(config, seed=1)
    with pytest.raises(StaleError, match=r"config\.seed was 0, is now 1"):
        finetune(*filled, other, None, tmp_path, "means")
