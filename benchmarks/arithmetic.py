"""How many operations a network takes for an input."""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

# Types of operations whose arithmetic is counted; beside them all others are small.
_CONVOLUTION, _PRODUCT = "Conv2D", "MatMul"


def gflop(function: tf.types.experimental.ConcreteFunction, values: np.ndarray) -> float:
    """Billions of operations in the convolutions and matrix products of a function of one input.

    A multiplication and an addition count as two. Sizes are those that come up with these values,
    so that what depends on them (the number of proposals) is counted as it is.
    """
    frozen = convert_to_constants.convert_variables_to_constants_v2(function)
    counted = [
        operation
        for operation in frozen.graph.get_operations()
        if operation.type in (_CONVOLUTION, _PRODUCT)
    ]
    with frozen.graph.as_default():
        shapes = [tf.shape(operation.outputs[0]) for operation in counted]
    with tf.compat.v1.Session(graph=frozen.graph) as session:
        shapes = session.run(shapes, {frozen.inputs[0].name: values})
    pairs = zip(counted, shapes, strict=True)
    return sum(2.0 * np.prod(shape) * _terms(operation) for operation, shape in pairs) / 1e9


def _terms(operation: tf.Operation) -> int:
    """Products that are summed for one number of the result."""
    weights = operation.inputs[1].shape
    if operation.type == _CONVOLUTION:
        return int(np.prod(weights[:3]))  # height, width, channels in
    return int(weights[1] if operation.get_attr("transpose_b") else weights[0])
