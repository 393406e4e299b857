"""What a network of a stranger may do: compute. Looked at before TensorFlow loads it.

A TensorFlow graph can read and write any file of the user, reach the network and call programs, as
soon as it is run, and some of it already when it is loaded. So only operations of this list are
taken, which make tensors of tensors and nothing else; `tests/graphs/test_operations.py` holds that
none of them is known to do more.
"""

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf import empty_pb2, message, unknown_fields
from tensorflow.core.framework import function_pb2, graph_pb2, node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2

from rbc_tf.core import structured

MODEL_FILE = "saved_model.pb"

# The graph, without weights, of a large network has 10 MB.
_MOST_BYTES = 512 * 2**20

_LIBRARY = graph_pb2.GraphDef.LIBRARY_FIELD_NUMBER

_COMPUTING = """
    Abs Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin Asinh Assert
    Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND
    Betainc BiasAdd BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor BroadcastArgs
    BroadcastTo Bucketize Case Cast Ceil ClipByValue CombinedNonMaxSuppression
    Concat ConcatOffset ConcatV2 Const ControlTrigger Conv2D Conv3D Cos Cosh CropAndResize Cross
    Cumprod Cumsum DepthToSpace DepthwiseConv2dNative Diag DiagPart Div DivNoNan
    DynamicPartition DynamicStitch Einsum Elu Empty EmptyTensorList EnsureShape Enter Equal Erf
    Erfc Erfinv Exit Exp ExpandDims Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity
    IdentityN If InTopKV2 Inv InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu
    LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot
    LogicalOr LoopCond LowerBound MatMul MatrixBandPart MatrixDiag MatrixDiagPart
    MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2
    MatrixSetDiagV3 Max MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Maximum Mean Merge Min
    Minimum MirrorPad Mod Mul MulNoNan Neg NextAfter NextIteration NoOp NonMaxSuppression
    NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
    NonMaxSuppressionWithOverlaps NotEqual OneHot OnesLike Pack Pad PadV2 ParallelConcat
    ParallelDynamicStitch PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient
    Prod Range Rank ReadVariableOp RealDiv Reciprocal RefEnter RefExit RefMerge RefNextIteration
    RefSwitch Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    ResourceGather ResourceGatherNd Reverse ReverseSequence ReverseV2 RightShift Rint Roll Round
    Rsqrt ScaleAndTranslate ScatterNd SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum
    Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Snapshot Softmax Softplus
    Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessCase StatelessIf StatelessRandomNormal
    StatelessRandomUniform StatelessWhile StopGradient StridedSlice Sub Sum Switch Tan Tanh
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
    TensorListResize TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem
    TensorListSplit TensorListStack TensorScatterAdd TensorScatterMax TensorScatterMin
    TensorScatterSub TensorScatterUpdate Tile TopK TopKV2 Transpose TruncateDiv TruncateMod
    Unique UniqueV2 Unpack UnravelIndex UnsortedSegmentMax UnsortedSegmentMin
    UnsortedSegmentProd UnsortedSegmentSum UpperBound VariableShape Where While Xdivy Xlog1py
    Xlogy ZerosLike _FusedBatchNormEx _FusedConv2D _FusedDepthwiseConv2dNative _FusedMatMul
    _MklFusedBatchMatMulV2 _MklLayerNorm _MklNativeFusedConv2D _MklNativeFusedMatMul _MklSwish
"""
COMPUTING = frozenset(_COMPUTING.split())

# Of the functions that write and read the weights' files, which nothing of a network calls.
_CHECKPOINTING = frozenset(
    [
        *("AssignVariableOp", "MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"),
        "DisableCopyOnRead",
        *("StaticRegexFullMatch", "StringJoin", "VarHandleOp", "VarIsInitializedOp"),
    ]
)

# What TensorFlow writes beside a function. Others can make it run one function in place of another:
# of two with the same `api_implements` Grappler takes the one that is for the device.
_ATTRIBUTES = frozenset(
    ["_input_shapes", "_construction_context", "_noinline", "_disable_acd", "_XlaMustCompile"]
)


class OperationError(ValueError):
    """A network has operations that do more than compute."""


def check(
    operations: Iterable[str], source: str | os.PathLike, more: frozenset = frozenset()
) -> None:
    """Refuses a network with operations beyond the list.

    Args:
        operations: their names.
        source: of the network, for the error.
        more: further ones that may be there.

    Raises:
        OperationError: names them.
    """
    refused = sorted(set(operations) - COMPUTING - more)
    if refused:
        raise OperationError(
            f"{source}: a network may only compute; operations that read or write files, reach "
            f"other machines or call programs are never run. Received: {', '.join(refused[:10])}"
        )


def check_saved_model(folder: str | os.PathLike) -> None:
    """Refuses a SavedModel with operations beyond the list; nothing of it is loaded or run.

    What its objects can call must compute alone; the functions beside them that write and read
    files of weights may be there, where nothing calls them.

    Raises:
        OperationError: as `check`, and where functions have unknown attributes.
        ValueError: it is no SavedModel of TensorFlow 2, or too large.
        OSError: it cannot be read.
    """
    path = pathlib.Path(folder) / MODEL_FILE
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(structured.read_bytes(path, _MOST_BYTES))
    except message.DecodeError as error:
        raise ValueError(f"{path} must be a SavedModel of TensorFlow: {error}") from error
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].HasField("object_graph_def"):
        raise ValueError(f"{path} must be a SavedModel as TensorFlow 2 writes it")
    graph = model.meta_graphs[0].graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    called = _reachable(_called_by_objects(model.meta_graphs[0].object_graph_def), functions)
    check(_operations([functions[name].node_def for name in called], functions), path)
    beside = [function.node_def for name, function in functions.items() if name not in called]
    check(_operations([*beside, graph.node], functions), path, more=_CHECKPOINTING)
    _check_attributes(graph.library.function, path)


def _check_attributes(
    functions: Iterable[function_pb2.FunctionDef], source: str | os.PathLike
) -> None:
    for function in functions:
        unknown = sorted(set(function.attr) - _ATTRIBUTES)
        if unknown:
            raise OperationError(
                f"{source}: functions of a network must have no attributes but those that "
                f"TensorFlow gives them: others can change which function is run. Received: "
                f"{', '.join(unknown[:10])}, of {function.signature.name}"
            )


def check_functions(graph: bytes, source: str | os.PathLike) -> None:
    """Refuses a GraphDef, serialised, whose functions do more than compute, called or not.

    Nothing of it is parsed but its library: the weights, which are constants of it, are large.

    Raises:
        OperationError: as `check_saved_model`.
        ValueError: it is no GraphDef.
    """
    functions: list[function_pb2.FunctionDef] = []
    try:
        # All that it holds is unknown to an empty message, which keeps it as it is.
        for field in unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(graph)):
            if field.field_number == _LIBRARY:
                functions += function_pb2.FunctionDefLibrary.FromString(field.data).function
    except (message.DecodeError, TypeError) as error:
        raise ValueError(f"{source} must be a graph of TensorFlow: {error}") from error
    names = {function.signature.name: function for function in functions}
    check(_operations([function.node_def for function in functions], names), source)
    _check_attributes(functions, source)


def _called_by_objects(objects) -> set[str]:
    names = set(objects.concrete_functions)
    for node in objects.nodes:
        names.update(node.function.concrete_functions)
        names.add(node.bare_concrete_function.concrete_function_name)
    return names - {""}


def _reachable(names: Iterable[str], functions: Mapping[str, function_pb2.FunctionDef]) -> set[str]:
    """The functions, and those that they call, and so on."""
    found: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            for node in functions[name].node_def:
                waiting += [called for called in _called_by(node) if called in functions]
    return found


def _called_by(node: node_def_pb2.NodeDef) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)


def _operations(nodes: Iterable, functions: Mapping[str, object]) -> set[str]:
    """Those of nodes; a call of a function stands for what is in it."""
    return {node.op for group in nodes for node in group if node.op not in functions}
