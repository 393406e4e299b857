"""An exported detector: images in, boxes of regions out."""

import functools
import pathlib

import numpy as np
import tensorflow as tf

from rbc_tf.core import files as artifacts
from rbc_tf.core.types import Detections
from rbc_tf.detection import graph, record
from rbc_tf.graphs import frozen, operations


class DetectorPredictor:
    """Finds regions with a SavedModel as rbc_tf export-detector writes it.

    Attributes:
        score_threshold: detections below it are dropped.
        record: what is recorded of the detector's training.
        precision: 'float32', 'bfloat16' or 'float16', in which it computes.
    """

    def __init__(
        self,
        export_dir: str | pathlib.Path,
        score_threshold: float = 0.5,
        precision: str = frozen.FLOAT32,
    ):
        """Loads the model.

        Args:
            export_dir: folder of the SavedModel.
            score_threshold: detections below it are dropped; 0 keeps all, as precision-recall
                curves need them.
            precision: one of `frozen.PRECISIONS`.

        Raises:
            FileNotFoundError: the folder holds no SavedModel.
            ValueError: the SavedModel is not a detector or does more than compute
                (OperationError), the threshold is not in [0, 1], or the
                machine does not have the precision.
        """
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"`score_threshold` must be in [0, 1]. Received: {score_threshold}")
        folder = pathlib.Path(export_dir)
        if not (folder / operations.MODEL_FILE).is_file():
            raise FileNotFoundError(
                f"A detector must be a folder with saved_model.pb. Received: {folder}"
            )
        self.score_threshold = score_threshold
        self.precision = frozen.resolve(precision)
        self.record = record.load(folder)
        self._folder = folder
        if self.precision == frozen.FLOAT32:
            signature = self.signature
            self._run = lambda images: signature(inputs=tf.constant(images))
        else:
            key = f"detector {_sha256_of_model(folder)}"
            self._run = frozen.load_or_freeze(key, lambda: self.signature, self.precision)

    @functools.cached_property
    def signature(self):
        """The function of the SavedModel, images to boxes in pixels of its own scale."""
        operations.check_saved_model(self._folder)
        # Kept, because the signature does not own the variables of the model.
        self._model = tf.saved_model.load(str(self._folder))
        signature = self._model.signatures.get("serving_default")
        _check_signature(signature, self._folder)
        return signature

    def predict(self, image: np.ndarray) -> Detections:
        """Regions of one image uint8 [H, W, 3] RGB of any size, best score first.

        Raises:
            ValueError: the image has another shape or type.
        """
        return self.predict_batch(np.asarray(image)[None])[0]

    def predict_batch(self, images: np.ndarray) -> list[Detections]:
        """Regions of images uint8 [N, H, W, 3] RGB of one size; one entry for each.

        Raises:
            ValueError: the images have another shape or type.
        """
        images = np.asarray(images)
        _check_images(images)
        if len(images) == 0:
            return []
        outputs = self._run(graph.limit_aspect(images).numpy())
        height, width = images.shape[1:3]
        return [self._detections(outputs, row, height, width) for row in range(len(images))]

    def _detections(self, outputs: dict, row: int, height: int, width: int) -> Detections:
        found = graph.in_source_pixels(outputs, row, height, width, self.score_threshold)
        return Detections(*(values.numpy() for values in found))


def _sha256_of_model(folder: pathlib.Path) -> str:
    """Of the graph and the weights, wherever the folder lies."""
    files = [folder / operations.MODEL_FILE, *sorted((folder / "variables").glob("*"))]
    return artifacts.sha256_of_json({file.name: artifacts.sha256_of_file(file) for file in files})


def _check_signature(signature, folder: pathlib.Path) -> None:
    outputs = set(signature.structured_outputs) if signature is not None else set()
    missing = sorted(set(graph.OUTPUTS) - outputs)
    if missing:
        raise ValueError(
            f"The signature serving_default of {folder} must return {', '.join(graph.OUTPUTS)}. "
            f"Missing: {', '.join(missing)}"
        )
    inputs = signature.structured_input_signature[1]
    if "inputs" not in inputs or inputs["inputs"].dtype != tf.uint8:
        raise ValueError(
            f"The signature serving_default of {folder} must take `inputs` of type uint8 "
            f"(exported with input_type image_tensor). Received: {inputs}"
        )


def _check_images(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(
            "Images must be uint8 [H, W, 3], or [N, H, W, 3] in a batch. "
            f"Received: {images.dtype} {list(images.shape[1:])}"
        )
    if images.shape[1] * images.shape[2] > graph.MOST_PIXELS:
        raise ValueError(
            f"Images that are taken whole must have at most {graph.MOST_PIXELS:,} pixels; larger "
            f"ones must be cut into tiles (--tile_size). Received: {list(images.shape[1:])}"
        )
    if 0 in images.shape[1:3]:
        raise ValueError(f"Images must have pixels. Received: {list(images.shape[1:])}")
