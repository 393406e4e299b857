import numpy as np
import pytest

from rbc_tf.features import torch_file
from rbc_tf.features.backbone import WeightsError, load_backbone
from rbc_tf.features.backbones import efficientnet_lite0
from rbc_tf.features.extractor import FeatureExtractor


@pytest.fixture(scope="module")
def lite():
    return load_backbone("random", 32, name="efficientnet_lite0")


@pytest.fixture(scope="module")
def network(lite):
    return lite.model.get_layer("efficientnet_lite0")


def test_it_has_the_layers_and_weights_of_its_authors(network):
    assert network.count_params() == 3_413_024  # without the classes of ImageNet
    wide = efficientnet_lite0.build(224)
    # Strides of 2 at the stem and in blocks 1, 3, 5 and 11; 7 x 7 before the average.
    sides = [wide.get_layer(f"block{n:02}_project_norm").output.shape[1] for n in (0, 1, 3, 5, 11)]
    assert sides == [112, 56, 28, 14, 7]
    assert wide.get_layer("head_norm").output.shape == (None, 7, 7, 1280)
    widths = [wide.get_layer(f"block{n:02}_project_norm").output.shape[3] for n in (2, 4, 7, 10)]
    assert widths == [24, 40, 80, 112]


def test_preprocessing_is_that_of_its_authors(lite):
    layer = efficientnet_lite0.CentredPreprocessing()
    values = layer(np.array([[[[127.0, 255.0, -1.0]]]], np.float32)).numpy()
    np.testing.assert_allclose(values, [[[[0, 1, -1]]]])
    assert lite.spec.fill == (127.0, 127.0, 127.0)  # is 0 for the network, as its padding


def test_random_features_are_of_moderate_size_and_differ(lite):
    patches = np.random.default_rng(0).uniform(0, 255, (7, 32, 32, 3)).astype(np.float32)
    features = FeatureExtractor(lite).extract(patches)
    assert features.shape == (7, 1280)
    assert 0.05 < features.mean() < 6
    assert features.std(axis=0).mean() > 1e-3


def test_weights_by_name_come_back(lite, network, tmp_path):
    efficientnet_lite0.write_npz(network, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as arrays:
        assert arrays["stem/conv/kernel"].shape == (3, 3, 3, 32)
        assert arrays["block03/depthwise/conv/depthwise_kernel"].shape == (5, 5, 144, 1)
        assert arrays["head/norm/gamma"].shape == (1280,)
        kept = {name: arrays[name] for name in arrays.files}
    loaded = load_backbone(str(tmp_path / "w.npz"), 32, name="efficientnet_lite0")
    assert loaded.weights_sha256 == lite.weights_sha256
    del kept["block07/project/norm/beta"]
    np.savez(tmp_path / "w.npz", **kept)
    with pytest.raises(WeightsError, match="block07/project/norm/beta"):
        load_backbone(str(tmp_path / "w.npz"), 32, name="efficientnet_lite0")


def test_weights_of_the_public_package_are_put_where_they_belong(lite, network, monkeypatch):
    """Of the package's file by the names and the order of axes that PyTorch has."""
    found = {}
    for layer in network.layers:
        for weight in layer.weights:
            value = weight.numpy()
            if value.ndim == 4:  # height, width, in, out; depthwise: height, width, channels, 1
                depthwise = layer.name.endswith("depthwise_conv")
                value = value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
            found[_public_name(layer.name, weight.name)] = value
    assert found["_blocks.0._depthwise_conv.weight"].shape == (32, 1, 3, 3)
    assert found["_blocks.15._project_conv.weight"].shape == (320, 1152, 1, 1)
    monkeypatch.setattr(torch_file, "read", lambda path: found)
    other = efficientnet_lite0.build(32)
    efficientnet_lite0.read_pth(other, "w.pth")
    for read, expected in zip(other.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(read, expected)


def _public_name(layer: str, weight: str) -> str:
    """Written out, since the other way round is what is tested."""
    of_weight = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }[weight]
    parts = layer.split("_")
    if parts[0] in ("stem", "head"):
        norm = {"stem": "_bn0", "head": "_bn1"}[parts[0]]
        name = norm if parts[1] == "norm" else f"_conv_{parts[0]}"
    else:
        norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[parts[1]]
        of_block = norm if parts[2] == "norm" else f"_{parts[1]}_conv"
        name = f"_blocks.{int(parts[0][5:])}.{of_block}"
    return f"{name}.{of_weight}"
