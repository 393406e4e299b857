"""An exported detector: images in, boxes of regions out."""

import json
import pathlib

import numpy as np
import tensorflow as tf

from rbc_tf import boxes as boxes_lib
from rbc_tf.types import Detections

_OUTPUTS = ("detection_boxes", "detection_scores", "num_detections", "image_info")
# Row of image_info that holds (y, x) scaled size / source size.
_SCALE_ROW = 2
# The graph scales an image until it fits its input. The short side of a longer strip could
# round to no pixel at all.
_MAX_ASPECT = 64


class DetectorPredictor:
    """Finds regions with a SavedModel as tools/export_detector.py writes it."""

    def __init__(self, export_dir: str | pathlib.Path, score_threshold: float = 0.5):
        """Loads the model.

        Args:
            export_dir: folder of the SavedModel.
            score_threshold: detections below it are dropped; 0 keeps all, as precision-recall
                curves need them.

        Raises:
            FileNotFoundError: the folder holds no SavedModel.
            ValueError: the SavedModel is not a detector, or the threshold is not in [0, 1].
        """
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"`score_threshold` must be in [0, 1]. Received: {score_threshold}")
        folder = pathlib.Path(export_dir)
        if not (folder / "saved_model.pb").is_file():
            raise FileNotFoundError(
                f"A detector must be a folder with saved_model.pb. Received: {folder}"
            )
        self.score_threshold = score_threshold
        self.provenance = _read_provenance(folder)
        # Kept, because the signature does not own the variables of the model.
        self._model = tf.saved_model.load(str(folder))
        self._detect = self._model.signatures.get("serving_default")
        _check_signature(self._detect, folder)

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
        answer = self._detect(inputs=tf.constant(_limit_aspect(images)))
        answer = {name: answer[name].numpy() for name in _OUTPUTS}
        height, width = images.shape[1:3]
        return [self._in_source_pixels(answer, row, height, width) for row in range(len(images))]

    def _in_source_pixels(self, answer: dict, row: int, height: int, width: int) -> Detections:
        count = int(answer["num_detections"][row])
        scores = answer["detection_scores"][row, :count].astype(np.float32)
        scale = np.tile(answer["image_info"][row, _SCALE_ROW], 2)
        found = boxes_lib.clip(answer["detection_boxes"][row, :count] / scale, height, width)
        keep = (scores >= self.score_threshold) & (boxes_lib.area(found) > 0)
        order = np.argsort(-scores[keep], kind="stable")
        return Detections(boxes=found[keep][order], scores=scores[keep][order])


def _read_provenance(folder: pathlib.Path) -> dict:
    """What detector.json says; empty for a SavedModel that came without it."""
    path = folder / "detector.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _check_signature(signature, folder: pathlib.Path) -> None:
    outputs = set(signature.structured_outputs) if signature is not None else set()
    missing = sorted(set(_OUTPUTS) - outputs)
    if missing:
        raise ValueError(
            f"The signature serving_default of {folder} must answer {', '.join(_OUTPUTS)}. "
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
    if 0 in images.shape[1:3]:
        raise ValueError(f"Images must have pixels. Received: {list(images.shape[1:])}")


def _limit_aspect(images: np.ndarray) -> np.ndarray:
    """Pads very long strips with black below or to the right, which moves no box."""
    height, width = images.shape[1:3]
    missing_rows = max(0, -(-width // _MAX_ASPECT) - height)
    missing_columns = max(0, -(-height // _MAX_ASPECT) - width)
    return np.pad(images, ((0, 0), (0, missing_rows), (0, missing_columns), (0, 0)))
