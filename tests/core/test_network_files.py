"""What a .keras file of a stranger cannot do: fill the memory, or read other files."""

import json
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest

from rbc_tf.core import network_files


@pytest.fixture
def written(tmp_path):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, name="convolution")(inputs)
    features = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(inputs, keras.layers.Dense(2, name="dense")(features))
    model.save(tmp_path / "a.keras")
    return tmp_path / "a.keras", model


def _changed(path, change_config=None, change_weights=None):
    """The file again, with its description or its weights changed."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        names = archive.namelist()
    if change_config:
        config = json.loads((folder / "config.json").read_text())
        layers = {layer["config"]["name"]: layer["config"] for layer in config["config"]["layers"]}
        change_config(layers)
        (folder / "config.json").write_text(json.dumps(config))
    if change_weights:
        with h5py.File(folder / "model.weights.h5", "r+") as file:
            change_weights(file)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, name)
    return path


def test_a_network_is_read_as_it_was_written(written):
    path, model = written
    loaded = network_files.load(path)
    for value, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(
    ("layer", "values", "message"),
    [
        ("convolution", {"filters": 20_000_000}, "at most 65,536. Received: 20000000"),
        ("convolution", {"kernel_size": [70_000, 3]}, "at most 65,536"),
        ("convolution", {"filters": 30_000}, "at most 536,870,912 weights"),
        ("convolution", {"filters": 4_000, "kernel_size": [30, 30]}, "at most 536,870,912 weights"),
        ("dense", {"units": 10**400}, "at most 65,536"),
    ],
)
def test_larger_layers_than_networks_have_are_refused_before_they_are_made(
    written, layer, values, message
):
    path = _changed(written[0], lambda layers: layers[layer].update(values))
    with pytest.raises(ValueError, match=message):
        network_files.load(path)


def test_a_description_that_unpacks_to_far_more_is_refused_before_it_is_unpacked(written):
    with zipfile.ZipFile(written[0], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (70 * 2**20))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a\.keras cannot be read: .* at most 67,108,864 bytes"):
        network_files.load(written[0])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**20


def test_seeds_may_be_large(written):
    def change(layers):
        layers["dense"]["kernel_initializer"]["config"]["seed"] = 2**31

    network_files.load(_changed(written[0], change))


def _kernel(file):
    """Path of the weights of the first layer, and their shape."""
    found = []
    file.visititems(lambda name, one: found.append((name, getattr(one, "shape", None))))
    return next((name, shape) for name, shape in found if shape == (3, 3, 3, 4))


def _room_without_values(file):
    name, _ = _kernel(file)
    del file[name]
    file.create_dataset(name, shape=(400_000_000,), dtype="f4")


def _in_another_file(file):
    name, shape = _kernel(file)
    del file[name]
    file.create_dataset(name, shape=shape, dtype="f4", external=[("/bin/sh", 0, 432)])


def _link(file):
    name, _ = _kernel(file)
    del file[name]
    file[name] = h5py.ExternalLink("/somewhere/else.h5", "/values")


def _virtual(file):
    name, shape = _kernel(file)
    del file[name]
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource("/somewhere/else.h5", "values", shape=shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_room_without_values, "at most 67,108,864 bytes. Received: 1,600,000,"),
        (_in_another_file, "0 has them not"),
        (_virtual, "0 has them not"),
        (_link, "0 is a link"),
    ],
)
def test_weights_are_in_the_file_and_no_larger(written, change, message):
    with pytest.raises(ValueError, match=message):
        network_files.load(_changed(written[0], change_weights=change))
