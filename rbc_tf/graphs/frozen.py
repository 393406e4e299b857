"""A network frozen for inference in half precision, where the machine computes that faster.

Weights become constants, batch norm becomes part of them, and TensorFlow's graph optimiser
(Grappler) fuses operations and moves products and convolutions to half precision; what is
sensitive, it leaves in float32. That takes seconds for a large network, so the graph is kept in a
cache folder and later starts only read it.
"""

import os
import pathlib
import time
from collections.abc import Callable, Sequence

import tensorflow as tf
from absl import logging
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
from tensorflow.python.framework import convert_to_constants
from tensorflow.python.grappler import tf_optimizer

from rbc_tf.core import files
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.graphs import convolution_folding
from rbc_tf.graphs.frozen_graph import FrozenFunction, FrozenGraph

AUTO, FLOAT32, BFLOAT16, FLOAT16 = "auto", "float32", "bfloat16", "float16"
PRECISIONS = (AUTO, FLOAT32, BFLOAT16, FLOAT16)

_KEPT_GRAPHS = 12
_HALF_WRITTEN_SECONDS = 24 * 3600

# Raise it whenever a graph is frozen otherwise.
_FORMAT = 4

_PROCESSOR = "/job:localhost/replica:0/task:0/device:CPU:0"

_CPU_INFO = pathlib.Path("/proc/cpuinfo")


def resolve(precision: str) -> str:
    """'float32', 'bfloat16' or 'float16': what a setting comes to on this machine.

    'auto' is float16 on a GPU, bfloat16 on a processor that has instructions for it (AVX512-BF16,
    AMX-BF16), and float32 elsewhere.

    Raises:
        ValueError: the precision is unknown, or the machine has no instructions for it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}. Received: {precision}")
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    if precision == AUTO:
        if has_gpu:
            return FLOAT16
        return BFLOAT16 if has_bfloat16() else FLOAT32
    if precision == BFLOAT16 and not has_bfloat16():
        raise ValueError("bfloat16 requires a processor with AVX512-BF16 or AMX-BF16. It has none")
    if precision == FLOAT16 and not has_gpu:
        raise ValueError("float16 requires a GPU. TensorFlow sees none")
    return precision


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; without them it is emulated, slowly."""
    return bool({"avx512_bf16", "amx_bf16"} & processor_features())


def processor_features() -> frozenset[str]:
    """Names of the instruction sets of the processor; empty where the system does not say."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), ":")
    return frozenset(flags.partition(":")[2].split())


def load_or_freeze(
    key: str, function: Callable[[], tf.types.experimental.ConcreteFunction], precision: str
) -> FrozenFunction:
    """The frozen form of a function: from the cache, or made now.

    Args:
        key: identifies the network, whatever folder it lies in.
        function: makes it; only called where the cache does not have it. It returns one tensor
            (named 'output') or several by name.
        precision: 'bfloat16' or 'float16'.
    """
    path = _cache_path(key, precision)
    cached = None if path is None else _read(path)
    if cached is not None:
        return cached
    logging.info("Preparing a network for %s; later starts will find it done.", precision)
    graph = freeze(function(), precision)
    if path is not None:
        _keep(path, graph)
    return FrozenFunction(graph)


def freeze(function: tf.types.experimental.ConcreteFunction, precision: str) -> FrozenGraph:
    """The optimised graph of a function, its weights as constants."""
    graph, inputs = _with_constants(function)
    outputs = function.structured_outputs
    names = sorted(outputs) if isinstance(outputs, dict) else ["output"]
    kept = [tensor.op.name for tensor in [*inputs, *function.outputs]]
    # What leads to no output would keep convolutions from being folded.
    graph = tf.compat.v1.graph_util.extract_sub_graph(graph, kept)
    graph = _optimised(graph, function.outputs, _constants_alone())
    convolution_folding.fold(graph)
    if precision == BFLOAT16:
        for node in graph.node:
            # Convolutions are only fused where the graph says that it is for a processor.
            node.device = _PROCESSOR
    graph = _optimised(graph, function.outputs, _half_precision(precision))
    graph = tf.compat.v1.graph_util.extract_sub_graph(graph, kept)
    _name_kernels(graph)
    return FrozenGraph(
        graph.SerializeToString(),
        [tensor.name for tensor in inputs],
        dict(zip(names, (tensor.name for tensor in function.outputs), strict=True)),
    )


def _with_constants(
    function: tf.types.experimental.ConcreteFunction,
) -> tuple[graph_pb2.GraphDef, list[tf.Tensor]]:
    """The graph of a function with its weights as constants, and the inputs that are left.

    As `convert_variables_to_constants_v2`, which makes a function of the graph besides: that takes
    as long as all the rest of freezing, and only the graph is wanted.
    """
    data = convert_to_constants._FunctionConverterDataInEager(
        func=function, lower_control_flow=True, aggressive_inlining=False
    )
    graph, constants = convert_to_constants._replace_variables_by_constants(data)
    captured = function.graph.internal_captures
    weights = {captured[index].name for index in constants}
    return graph, [tensor for tensor in function.inputs if tensor.name not in weights]


def _optimised(
    graph: graph_pb2.GraphDef, outputs: Sequence[tf.Tensor], options: config_pb2.ConfigProto
) -> graph_pb2.GraphDef:
    meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph)
    # Where Grappler looks for what must be kept.
    meta_graph.collection_def["train_op"].node_list.value.extend(tensor.name for tensor in outputs)
    return tf_optimizer.OptimizeGraph(options, meta_graph)


def _constants_alone() -> config_pb2.ConfigProto:
    """Only what is constant is computed, so that `convolution_folding` sees its value."""
    options = config_pb2.ConfigProto()
    rewrite = options.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    rewrite.optimizers.extend(["constfold"])
    return options


def _half_precision(precision: str) -> config_pb2.ConfigProto:
    options = config_pb2.ConfigProto()
    rewrite = options.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    # Fuses sums too, where shapes are equal; less than this does not believe the shape of an input.
    rewrite.remapping = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    on = rewriter_config_pb2.RewriterConfig.ON
    if precision == BFLOAT16:
        rewrite.auto_mixed_precision_onednn_bfloat16 = on
    else:
        rewrite.auto_mixed_precision = on
    return options


def _name_kernels(graph: graph_pb2.GraphDef) -> None:
    """Names oneDNN's fused convolution, as TensorFlow does when it runs a graph.

    TensorFlow fuses convolutions in bfloat16 after it has checked a graph, and then replaces them
    by these: the fused ones that Grappler has left would be refused.
    """
    constants = {node.name for node in graph.node if node.op == "Const"}
    for node in graph.node:
        if node.op == "_FusedConv2D" and node.attr["T"].type == tf.bfloat16.as_datatype_enum:
            node.op = "_MklNativeFusedConv2D"
            node.attr["_kernel"].s = b"MklNameChangeOp"
            node.attr["is_filter_const"].b = node.input[1].removesuffix(":0") in constants


def _cache_path(key: str, precision: str) -> pathlib.Path | None:
    """Where a graph is kept: another one for each network, precision, processor and TensorFlow.

    And for TensorFlow with oneDNN and without, which decides how operations are fused.
    """
    folder = files.cache_dir()
    if folder is None:
        return None
    fingerprint = Fingerprint(
        {
            "network": key,
            "precision": precision,
            "format": _FORMAT,
            "tensorflow": tf.version.VERSION,
            "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""),
            "processor": sorted(processor_features()),
        }
    )
    return folder / f"{fingerprint.sha256}.graph"


def _read(path: pathlib.Path) -> FrozenFunction | None:
    """None where nothing is kept, or what is kept is damaged or more than a network."""
    try:
        found = FrozenFunction(FrozenGraph.load(path))
        os.utime(path)
        return found
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        logging.warning("A prepared network cannot be used and is made again: %s", error)
        return None


def _keep(path: pathlib.Path, graph: FrozenGraph) -> None:
    """Adds to the cache, and drops what has not been used for longest; a full disk is no error."""
    try:
        graph.save(path)
        kept = sorted(path.parent.glob("*.graph"), key=lambda old: old.stat().st_mtime_ns)
        # And what version 0.1.0 left half-written when it was killed.
        half = path.parent.glob(".????????-*.graph")
        left = [old for old in half if time.time() - old.stat().st_mtime > _HALF_WRITTEN_SECONDS]
        for old in [*kept[:-_KEPT_GRAPHS], *left]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logging.warning("%s: a prepared network cannot be kept there (%s)", path.parent, error)
