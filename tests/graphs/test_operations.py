"""No operation of a stranger's network reads, writes, or runs anything."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from rbc_tf.graphs import frozen_graph, operations

# TensorFlow calls these stateful, though they do no more than hold back or hand on.
_STATEFUL = {
    *("Assert", "Case", "If", "StatefulPartitionedCall", "While"),
    *("Empty", "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"),
}
_OUTSIDE = re.compile(
    "File|Py|Write|Save|Restore|Http|Rpc|Remote|Send|Recv|Dataset|Iterator|Table|Queue|Barrier|"
    "Print|Summary|Debug|Library|Session|Kernel|Custom|Xla|Collective|Audio|Decode"
)


def test_what_the_list_holds_computes_alone():
    for name in operations.COMPUTING:
        known = op_def_registry.get(name)
        assert known is not None, name
        assert name in _STATEFUL or not known.is_stateful, name
        assert not _OUTSIDE.search(name), name


class _Network(tf.Module):
    def __init__(self, compute):
        super().__init__()
        self.weight = tf.Variable([2.0])
        self.compute = tf.function(compute, input_signature=[tf.TensorSpec([None], tf.float32)])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "inputs")])
    def __call__(self, inputs):
        return {"outputs": self.compute(inputs) * self.weight}


def _saved(folder, network):
    tf.saved_model.save(network, str(folder), signatures=network.__call__)
    return folder


def test_a_network_that_computes_is_taken(tmp_path):
    def compute(x):
        total, _ = tf.while_loop(lambda s, n: n < 3, lambda s, n: (s + x, n + 1), (x, 0))
        return tf.cond(
            tf.reduce_sum(x) > 0,
            lambda: total,
            lambda: tf.image.resize(tf.reshape(x, [1, 1, -1, 1]), [1, 2])[0, 0, :, 0],
        )

    operations.check_saved_model(_saved(tmp_path, _Network(compute)))


def _writes(path):
    def compute(x):
        with tf.control_dependencies([tf.io.write_file(path, "stranger")]):
            return tf.identity(x)

    return compute


def _reads(path):
    return lambda x: x + tf.cast(tf.strings.length(tf.io.read_file(path)), tf.float32)


def _inside(compute):
    """Within a branch of a loop, where a look at the outer nodes would miss it."""
    return lambda x: tf.while_loop(
        lambda s: tf.reduce_sum(s) < 0,
        lambda s: (tf.cond(tf.size(s) > 0, lambda: compute(s), lambda: s),),
        (x,),
    )[0]


def _calls_python(path):
    return lambda x: tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), [None])


def _prints(path):
    def compute(x):
        tf.print("stranger", output_stream=f"file://{path}")
        return x

    return compute


def _lists_files(path):
    return lambda x: x + tf.cast(tf.size(tf.io.matching_files(f"{path}*")), tf.float32)


def _reads_a_dataset(path):
    def compute(x):
        lines = tf.data.TextLineDataset(path)
        return x + lines.reduce(0.0, lambda n, _: n + 1.0)

    return compute


@pytest.mark.parametrize(
    ("hostile", "operation"),
    [
        (_writes, "WriteFile"),
        (lambda path: _inside(_writes(path)), "WriteFile"),
        (_reads, "ReadFile"),
        (_calls_python, "PyFunc"),
        (_prints, "PrintV2"),
        (_lists_files, "MatchingFiles"),
        (_reads_a_dataset, "TextLineDataset"),
    ],
)
def test_a_network_that_does_more_is_refused_before_it_is_loaded(tmp_path, hostile, operation):
    touched = tmp_path / "touched"
    folder = _saved(tmp_path / "model", _Network(hostile(str(touched))))
    touched.unlink(missing_ok=True)  # tracing may have run it
    with pytest.raises(operations.OperationError, match=rf"saved_model\.pb.*{operation}"):
        operations.check_saved_model(folder)
    assert not touched.exists()


class _WritesWhenLoaded(tf.Module):
    """A table's initialiser runs as soon as a SavedModel is loaded."""

    def __init__(self, words):
        super().__init__()
        initialiser = tf.lookup.TextFileInitializer(
            str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(initialiser, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, words):
        return {"outputs": self.table.lookup(words)}


def test_what_runs_when_a_network_is_loaded_is_looked_at_too(tmp_path):
    (tmp_path / "words").write_text("a\n")
    folder = _saved(tmp_path / "model", _WritesWhenLoaded(tmp_path / "words"))
    with pytest.raises(operations.OperationError, match="InitializeTableFromTextFileV2"):
        operations.check_saved_model(folder)


def _with_functions(folder, *functions):
    """Puts functions into a SavedModel that nothing in it names."""
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    library = model.meta_graphs[0].graph_def.library
    known = {function.signature.name for function in library.function}
    library.function.extend(one for one in functions if one.signature.name not in known)
    path.write_bytes(model.SerializeToString())


def _saves(path, **options):
    """A function that writes as checkpoints are written, with attributes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)], **options)
    def save(x):
        saved = tf.raw_ops.SaveV2(
            prefix=path,
            tensor_names=["name"],
            shape_and_slices=[""],
            tensors=[tf.constant("any bytes")],
        )
        with tf.control_dependencies([saved]):
            return tf.identity(x)

    return save.get_concrete_function().function_def


def test_no_function_can_be_run_in_place_of_another(tmp_path):
    """Of two that implement the same, Grappler takes the one that is for the device."""
    same = {"api_implements": "sum", "api_preferred_device": "GPU"}
    compute = tf.function(
        lambda x: x + 1,
        input_signature=[tf.TensorSpec([None], tf.float32)],
        experimental_attributes=same,
    )
    folder = _saved(tmp_path / "model", _Network(compute))
    other = same | {"api_preferred_device": "CPU"}
    saves = _saves(str(tmp_path / "touched"), experimental_attributes=other)
    _with_functions(folder, saves)
    with pytest.raises(operations.OperationError, match=r"no attributes .* api_implements"):
        operations.check_saved_model(folder)


def test_functions_that_write_checkpoints_may_be_there_where_nothing_calls_them(tmp_path):
    folder = _saved(tmp_path / "model", _Network(lambda x: x + 1))
    _with_functions(folder, _saves(str(tmp_path / "touched")))
    operations.check_saved_model(folder)


@pytest.mark.parametrize("content", [b"", b"no network", b"\0" * 100])
def test_what_is_no_savedmodel_is_refused(tmp_path, content):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match=r"saved_model\.pb must be a SavedModel"):
        operations.check_saved_model(tmp_path)


def test_a_frozen_network_that_does_more_is_refused(tmp_path):
    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "touched"), "s")]):
            tf.identity(inputs, name="y")
    frozen = frozen_graph.FrozenGraph(
        graph.as_graph_def().SerializeToString(), ["x:0"], {"output": "y:0"}
    )
    with pytest.raises(operations.OperationError, match="WriteFile"):
        frozen_graph.FrozenFunction(frozen)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("called", [True, False])
def test_a_frozen_network_whose_functions_do_more_is_refused(tmp_path, called):
    """Those of its library too, which are no operations of the graph."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def writes(x):
        tf.io.write_file(str(tmp_path / "touched"), "s")
        return x + 1

    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.compat.v1.placeholder(tf.float32, [], name="x")
        writes.get_concrete_function().add_to_graph(graph)
        tf.identity(writes(inputs) if called else inputs, name="y")
    frozen = frozen_graph.FrozenGraph(
        graph.as_graph_def().SerializeToString(), ["x:0"], {"output": "y:0"}
    )
    with pytest.raises(operations.OperationError, match="WriteFile"):
        frozen_graph.FrozenFunction(frozen)
    assert list(tmp_path.iterdir()) == []


def test_a_frozen_network_of_which_a_bit_has_flipped_is_refused(tmp_path):
    graph = tf.Graph()
    with graph.as_default():
        inputs = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        tf.add(inputs, tf.constant(np.arange(3, dtype=np.float32)), name="y")
    path = tmp_path / "a.graph"
    frozen_graph.FrozenGraph(
        graph.as_graph_def().SerializeToString(), ["x:0"], {"output": "y:0"}
    ).save(path)
    loaded = frozen_graph.FrozenFunction(frozen_graph.FrozenGraph.load(path))
    assert loaded(np.zeros(3, np.float32))["output"].tolist() == [0, 1, 2]
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.graph (holds no frozen graph|is damaged)"):
            frozen_graph.FrozenGraph.load(path)
