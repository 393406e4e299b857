import collections
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import convert_to_constants

from rbc_tf.core import files
from rbc_tf.graphs import frozen, frozen_graph

_BFLOAT16 = {"avx512_bf16", "amx_bf16"} & frozen.processor_features()
needs_bfloat16 = pytest.mark.skipif(not _BFLOAT16, reason="the processor has no bfloat16")


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))


def _machine(monkeypatch, gpus, flags):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * gpus)
    monkeypatch.setattr(frozen, "processor_features", lambda: frozenset(flags))


@pytest.mark.parametrize(
    ("gpus", "flags", "expected"),
    [
        (0, {"avx2"}, "float32"),
        (0, {"avx512_bf16", "avx2"}, "bfloat16"),
        (0, {"amx_bf16"}, "bfloat16"),
        (1, {"avx512_bf16"}, "float16"),
        (2, {}, "float16"),
    ],
)
def test_auto_is_what_the_machine_does_best(monkeypatch, gpus, flags, expected):
    _machine(monkeypatch, gpus, flags)
    assert frozen.resolve("auto") == expected
    assert frozen.resolve("float32") == "float32"
    assert frozen.resolve(expected) == expected


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        ("bfloat16", "requires a processor with AVX512-BF16"),
        ("float16", "requires a GPU"),
        ("float8", "must be one of auto, float32"),
    ],
)
def test_what_the_machine_does_not_have_is_refused(monkeypatch, precision, message):
    _machine(monkeypatch, 0, {"avx2"})
    with pytest.raises(ValueError, match=message):
        frozen.resolve(precision)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("processor: 0\nflags\t\t: fpu avx2 amx_bf16\n", {"fpu", "avx2", "amx_bf16"}), ("", set())],
)
def test_features_of_the_processor(monkeypatch, tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(frozen, "_CPU_INFO", tmp_path / "cpuinfo")
    assert frozen.processor_features() == expected
    monkeypatch.setattr(frozen, "_CPU_INFO", tmp_path / "none")
    assert frozen.processor_features() == frozenset()


def _network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    values = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
    values = keras.layers.Conv2D(32, 3, activation="relu")(values)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(values))


def _function(model):
    signature = [tf.TensorSpec([None, 8, 8, 3], tf.float32)]
    return tf.function(lambda x: model(x, training=False), input_signature=signature)


def test_weights_become_constants_as_tensorflow_makes_them():
    function = _function(_network()).get_concrete_function()
    graph, inputs = frozen._with_constants(function)
    expected = convert_to_constants.convert_variables_to_constants_v2(function)
    assert [tensor.name for tensor in inputs] == [tensor.name for tensor in expected.inputs]
    assert {node.name: node.op for node in graph.node} == {
        node.name: node.op for node in expected.graph.as_graph_def().node
    }


@needs_bfloat16
@pytest.mark.parametrize("count", [1, 5])
def test_half_precision_answers_nearly_the_same(count):
    model = _network()
    run = frozen.load_or_freeze(
        "net", lambda: _function(model).get_concrete_function(), frozen.BFLOAT16
    )
    images = np.random.default_rng(0).uniform(0, 1, (count, 8, 8, 3)).astype(np.float32)
    answer = run(images)
    assert set(answer) == {"output"}
    assert answer["output"].dtype == np.float32
    expected = model(images).numpy()
    np.testing.assert_allclose(answer["output"], expected, rtol=0.03, atol=0.01)
    # Eight bits of mantissa: equal to float32 would mean that nothing was computed in them.
    assert not np.array_equal(answer["output"], expected)


@needs_bfloat16
def test_a_block_of_resnet_is_nothing_but_fused_convolutions():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 32))
    values = inputs
    for _ in range(2):
        values = keras.layers.Conv2D(32, 3, padding="same")(values)
        values = keras.layers.BatchNormalization()(values)
        values = keras.layers.Activation("relu")(keras.layers.Add()([inputs, values]))
    model = keras.Model(inputs, values)
    for weight in model.weights:  # nothing is zero or one, which would be folded away by itself
        weight.assign(np.random.default_rng(0).uniform(0.1, 0.5, weight.shape))
    function = tf.function(
        lambda x: model(x, training=False), input_signature=[tf.TensorSpec([None, 8, 8, 32])]
    )
    graph = frozen.freeze(function.get_concrete_function(), frozen.BFLOAT16)
    images = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 32)).astype(np.float32)
    answer = frozen_graph.FrozenFunction(graph)(images)["output"]
    np.testing.assert_allclose(answer, model(images).numpy(), rtol=0.03, atol=0.01)
    nodes = graph_pb2.GraphDef.FromString(graph.serialised).node
    kinds = collections.Counter(node.op for node in nodes)
    assert kinds["_MklNativeFusedConv2D"] == 2
    assert not set(kinds) & {"Mul", "AddV2", "Relu", "BiasAdd", "Conv2D"}


@needs_bfloat16
def test_outputs_by_name():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def both(x):
        return {"twice": 2 * x, "less": x - 1}

    graph = frozen.freeze(both.get_concrete_function(), frozen.BFLOAT16)
    run = frozen_graph.FrozenFunction(graph)
    answer = run(np.array([1, 4], np.float32))
    assert {name: values.tolist() for name, values in answer.items()} == {
        "twice": [2, 8],
        "less": [0, 3],
    }


def _refuse():
    raise AssertionError("the network was made again")


@needs_bfloat16
def test_a_prepared_network_is_read_and_not_made_again(tmp_path):
    model = _network()
    images = np.ones((2, 8, 8, 3), np.float32)
    first = frozen.load_or_freeze(
        "net", lambda: _function(model).get_concrete_function(), frozen.BFLOAT16
    )(images)
    again = frozen.load_or_freeze("net", _refuse, frozen.BFLOAT16)(images)
    np.testing.assert_array_equal(first["output"], again["output"])
    with pytest.raises(AssertionError, match="made again"):
        frozen.load_or_freeze("another", _refuse, frozen.BFLOAT16)


@needs_bfloat16
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"damaged",
        lambda content: b"[1, 2]\n",
        lambda content: content[:-1],
        lambda content: content[:-100] + bytes(100),
    ],
    ids=["no JSON", "other JSON", "cut off", "no graph"],
)
def test_a_damaged_file_is_made_again(tmp_path, damage):
    make = lambda: _function(_network()).get_concrete_function()  # noqa: E731
    frozen.load_or_freeze("net", make, frozen.BFLOAT16)
    (kept,) = (tmp_path / "cache").glob("*.graph")
    kept.write_bytes(damage(kept.read_bytes()))
    with pytest.raises(AssertionError, match="made again"):
        frozen.load_or_freeze("net", _refuse, frozen.BFLOAT16)


def test_pipes_devices_and_endless_files_are_no_prepared_networks(tmp_path):
    pipe, zeros, endless = (tmp_path / f"{name}.graph" for name in ("pipe", "zeros", "endless"))
    os.mkfifo(pipe)
    zeros.symlink_to("/dev/zero")
    with endless.open("wb") as file:
        file.truncate(2**31 + 1)
    for path, message in ((pipe, "be a"), (zeros, "be a"), (endless, "hold at most")):
        with pytest.raises(ValueError, match=rf"{path.name} must {message}"):
            frozen_graph.FrozenGraph.load(path)


@needs_bfloat16
def test_no_cache_where_none_is_wanted_or_possible(monkeypatch, tmp_path):
    make = lambda: _function(_network()).get_concrete_function()  # noqa: E731
    monkeypatch.setenv(files.CACHE_VARIABLE, "")
    frozen.load_or_freeze("net", make, frozen.BFLOAT16)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "file" / "below"))
    answer = frozen.load_or_freeze("net", make, frozen.BFLOAT16)(np.ones((1, 8, 8, 3), np.float32))
    assert answer["output"].shape == (1, 32)


@needs_bfloat16
def test_what_was_not_used_for_longest_is_dropped(monkeypatch, tmp_path):
    monkeypatch.setattr(frozen, "_KEPT_GRAPHS", 2)
    model = _network()
    make = lambda: _function(model).get_concrete_function()  # noqa: E731
    for age, key in enumerate("ab"):
        known = set((tmp_path / "cache").glob("*.graph"))
        frozen.load_or_freeze(key, make, frozen.BFLOAT16)
        (path,) = set((tmp_path / "cache").glob("*.graph")) - known
        os.utime(path, (age, age))
    frozen.load_or_freeze("a", _refuse, frozen.BFLOAT16)  # used now, and b was never
    frozen.load_or_freeze("c", make, frozen.BFLOAT16)
    frozen.load_or_freeze("a", _refuse, frozen.BFLOAT16)
    with pytest.raises(AssertionError):
        frozen.load_or_freeze("b", _refuse, frozen.BFLOAT16)
