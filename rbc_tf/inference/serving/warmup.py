"""Warm-up requests: what TensorFlow Serving asks a model before it lets anybody else ask.

The first request to a model takes many times longer than the next ones. TensorFlow Serving sends
the requests that lie in the folder of the model, and serves no other before those are done.
"""

import pathlib

import cv2
import numpy as np
import tensorflow as tf

from rbc_tf.core import optional
from rbc_tf.data import synthetic
from rbc_tf.inference.serving import graph

prediction_log_pb2 = optional.load("tensorflow_serving.apis.prediction_log_pb2", extra="serving")

# The place and name that TensorFlow Serving looks for.
FILE = "assets.extra/tf_serving_warmup_requests"

# Cells of a smear drawn for an image of any size: so many times smaller than its shorter side.
_CELLS_ACROSS = 12
_SMALLEST_CELL = 16
_NUM_CELLS = 60


def draw_image(height: int, width: int) -> np.ndarray:
    """uint8 [H, W, 3] RGB, a synthetic smear: with cells, so that what classifies them is woken."""
    diameter = max(_SMALLEST_CELL, min(height, width) / _CELLS_ACROSS)
    config = synthetic.SmearConfig(
        height=height, width=width, num_cells=_NUM_CELLS, cell_diameter=diameter
    )
    return synthetic.render_smear(config, seed=0).image


def write_requests(model_dir: str | pathlib.Path, image: np.ndarray, model_name: str) -> None:
    """Writes one request of each signature into the folder of a SavedModel.

    Args:
        model_dir: the folder.
        image: uint8 [H, W, 3] RGB.
        model_name: under which it will be served.
    """
    path = pathlib.Path(model_dir) / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, name, value in (
            (graph.BYTES_SIGNATURE, graph.BYTES_INPUT, np.array([_png(image)], object)),
            (graph.TENSOR_SIGNATURE, graph.TENSOR_INPUT, image[None]),
        ):
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
