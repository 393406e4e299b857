"""Patches through a backbone, in batches."""

import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from rbc_tf.core import files
from rbc_tf.features import crops
from rbc_tf.features.backbone import Backbone, load_backbone
from rbc_tf.graphs import frozen

# Patches at a time, by default.
BATCH_SIZE = 32


class FeatureExtractor:
    """Runs a backbone over any number of patches, in batches, as one compiled function.

    The function leaves the number of patches open, so nothing is traced again for the last batch.

    Attributes:
        batch_size: patches at a time.
        precision: 'float32', 'bfloat16' or 'float16', in which it computes.
    """

    def __init__(
        self,
        backbone: Backbone,
        batch_size: int = BATCH_SIZE,
        precision: str = frozen.FLOAT32,
    ):
        """Prepares a backbone; `precision` is one of `frozen.PRECISIONS`.

        Raises ValueError where the machine does not have the precision.
        """
        # The hash of the weights does not know of the layers between.
        key = f"{backbone.weights_sha256} {files.sha256_of_json(backbone.model.get_config())}"
        self._prepare(key, lambda: backbone, batch_size, precision)

    @classmethod
    def from_file(
        cls, path: pathlib.Path, patch_size: int, precision: str = frozen.FLOAT32
    ) -> "FeatureExtractor":
        """The same for a `.keras` file, which is not even opened where it has been prepared.

        Raises ValueError as the constructor, WeightsError as `load_backbone`.
        """
        extractor = cls.__new__(cls)
        key = f"{files.sha256_of_file(path)} {patch_size}"
        extractor._prepare(key, lambda: load_backbone(str(path), patch_size), BATCH_SIZE, precision)
        return extractor

    def _prepare(
        self, key: str, backbone: Callable[[], Backbone], batch_size: int, precision: str
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be 1 or more. Received: {batch_size}")
        self.batch_size = batch_size
        self.precision = frozen.resolve(precision)
        if self.precision == frozen.FLOAT32:
            self._run = _compiled(backbone())
        else:
            run = frozen.load_or_freeze(
                f"backbone {key}",
                lambda: _compiled(backbone()).get_concrete_function(),
                self.precision,
            )
            self._run = lambda patches: run(np.asarray(patches))["output"]

    def extract(self, patches: np.ndarray | tf.Tensor) -> np.ndarray:
        """float32 [N, feature_dim] from patches float32 [N, size, size, 3] RGB, 0 to 255."""
        if len(patches) == 0:
            # A convolution of no patch is refused in half precision, and only it knows the D.
            return np.asarray(self._run(np.zeros((1, *patches.shape[1:]), np.float32)))[:0]
        starts = range(0, len(patches), self.batch_size)
        parts = [self._run(patches[start : start + self.batch_size]) for start in starts]
        return np.concatenate([np.asarray(part) for part in parts])

    def extract_boxes(
        self, image: np.ndarray, boxes: np.ndarray, crop: crops.CropConfig
    ) -> np.ndarray:
        """float32 [N, feature_dim] of boxes float32 [N, 4] in an image uint8 [H, W, 3] RGB.

        Patches are cut batch by batch: thousands of boxes take no more memory than one batch.
        """
        starts = range(0, max(len(boxes), 1), self.batch_size)
        colour = crops.background_colour(image, crop)
        batches = (boxes[start : start + self.batch_size] for start in starts)
        return np.concatenate(
            [self.extract(crops.cut_patches_of(image, b, crop, colour)) for b in batches]
        )


def _compiled(backbone: Backbone):
    side = backbone.patch_size
    return tf.function(
        lambda patches: backbone.model(patches, training=False),
        input_signature=[tf.TensorSpec([None, side, side, 3], tf.float32)],
    )
