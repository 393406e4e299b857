"""Factors and summands per channel folded into the convolution before them.

Batch norm at inference is a factor and a summand for each channel. TensorFlow's own optimisers
leave it as operations of their own, each of which passes over every feature map once more. This is
for graphs whose weights are constants.
"""

import collections
import dataclasses

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2

_BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_SUMS = ("BiasAdd", "Add", "AddV2")


@dataclasses.dataclass(frozen=True, eq=False)
class _Affine:
    """x * factor + summand, each float [C]."""

    factor: np.ndarray
    summand: np.ndarray

    def then(self, other: "_Affine") -> "_Affine":
        return _Affine(self.factor * other.factor, self.summand * other.factor + other.summand)


def fold(graph: graph_pb2.GraphDef) -> int:
    """Makes in place one bias of all that follows each convolution, where its factors are constant.

    Followed are bias, sums, products and batch norm, as long as nothing else uses what comes
    before. What nothing uses any longer stays in the graph.

    Returns:
        How many convolutions have new weights.
    """
    nodes = {node.name: node for node in graph.node}
    users = collections.defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[_tensor(name)].append(node)
    folded = 0
    for convolution in [node for node in graph.node if node.op == "Conv2D"]:
        weights = _constant(nodes, convolution.input[1])
        if weights is None or convolution.attr["data_format"].s == b"NCHW":
            continue
        last, affine = _follow(convolution, nodes, users, weights.shape[-1])
        if last is convolution or (last.op == "BiasAdd" and last.input[0] == convolution.name):
            continue
        _replace(graph, convolution, last, weights, affine)
        folded += 1
    return folded


def _follow(convolution, nodes, users, channels: int) -> tuple[node_def_pb2.NodeDef, _Affine]:
    """The last of the operations that can be folded, and what all of them come to."""
    last, affine = convolution, _Affine(np.ones(channels), np.zeros(channels))
    while len(users[last.name]) == 1:
        (user,) = users[last.name]
        if any(users[f"{user.name}:{output}"] for output in range(1, 6)):
            break  # the statistics of a batch norm are asked for
        step = _affine(user, last.name, nodes, channels)
        if step is None:
            break
        last, affine = user, affine.then(step)
    return last, affine


def _affine(node, source: str, nodes, channels: int) -> _Affine | None:
    """What an operation does to the result of `source`; None where that cannot be folded."""
    if node.op in _BATCH_NORMS:
        return _batch_norm(node, source, nodes)
    if node.op not in (*_SUMS, "Mul") or any(name.startswith("^") for name in node.input):
        return None
    (other,) = [name for name in node.input if _tensor(name) != source] or [source]
    values = _constant(nodes, other)
    if values is None or not (values.size == 1 or values.size == channels == values.shape[-1]):
        return None
    values = np.broadcast_to(values.ravel().astype(np.float64), channels)
    if node.op == "Mul":
        return _Affine(values, np.zeros(channels))
    return _Affine(np.ones(channels), values)


def _batch_norm(node, source: str, nodes) -> _Affine | None:
    if node.attr["is_training"].b or _tensor(node.input[0]) != source or len(node.input) != 5:
        return None
    statistics = [_constant(nodes, name) for name in node.input[1:]]
    if any(values is None for values in statistics):
        return None
    scale, offset, mean, variance = (values.astype(np.float64) for values in statistics)
    factor = scale / np.sqrt(variance + node.attr["epsilon"].f)
    return _Affine(factor, offset - mean * factor)


def _replace(graph, convolution, last, weights: np.ndarray, affine: _Affine) -> None:
    # Weights may be shared, by a layer that is applied to several maps: they stay as they are.
    _add_constant(graph, f"{last.name}/folded_weights", weights * affine.factor)
    _add_constant(graph, f"{last.name}/folded_bias", affine.summand)
    convolution.input[1] = f"{last.name}/folded_weights"
    bias = node_def_pb2.NodeDef(name=last.name, op="BiasAdd", device=last.device)
    bias.input.extend([convolution.name, f"{last.name}/folded_bias"])
    bias.attr["T"].CopyFrom(convolution.attr["T"])
    bias.attr["data_format"].s = b"NHWC"
    last.CopyFrom(bias)


def _tensor(name: str) -> str:
    """'x' of 'x:0'; other outputs and controls as they are."""
    return name.removesuffix(":0")


def _constant(nodes: dict[str, node_def_pb2.NodeDef], name: str) -> np.ndarray | None:
    """The value of a tensor, where it is a constant or the copy of one."""
    node = nodes.get(_tensor(name))
    while node is not None and node.op == "Identity":
        node = nodes.get(_tensor(node.input[0]))
    if node is None or node.op != "Const":
        return None
    return tf.make_ndarray(node.attr["value"].tensor)


def _add_constant(graph: graph_pb2.GraphDef, name: str, values: np.ndarray) -> None:
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values.astype(np.float32)))
