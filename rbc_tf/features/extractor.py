"""Patches through a backbone, in batches."""

import numpy as np
import tensorflow as tf

from rbc_tf.features import crops
from rbc_tf.features.backbone import Backbone

# Patches at a time, by default.
BATCH_SIZE = 32


class FeatureExtractor:
    """Runs a backbone over any number of patches, in batches, as one compiled function.

    The function leaves the number of patches open, so nothing is traced again for the last batch.
    """

    def __init__(self, backbone: Backbone, batch_size: int = BATCH_SIZE):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be 1 or more. Received: {batch_size}")
        self.batch_size = batch_size
        self.feature_dim = backbone.feature_dim
        side = backbone.patch_size
        self._run = tf.function(
            lambda patches: backbone.model(patches, training=False),
            input_signature=[tf.TensorSpec([None, side, side, 3], tf.float32)],
        )

    def extract(self, patches: np.ndarray | tf.Tensor) -> np.ndarray:
        """float32 [N, feature_dim] from patches float32 [N, size, size, 3] RGB, 0 to 255."""
        features = np.zeros((len(patches), self.feature_dim), np.float32)
        for start in range(0, len(patches), self.batch_size):
            batch = patches[start : start + self.batch_size]
            features[start : start + len(batch)] = self._run(batch)
        return features

    def extract_boxes(
        self, image: np.ndarray, boxes: np.ndarray, crop: crops.CropConfig
    ) -> np.ndarray:
        """float32 [N, feature_dim] of boxes float32 [N, 4] in an image uint8 [H, W, 3] RGB.

        Patches are cut batch by batch: thousands of boxes take no more memory than one batch.
        """
        parts = [np.zeros((0, self.feature_dim), np.float32)]
        for start in range(0, len(boxes), self.batch_size):
            batch = boxes[start : start + self.batch_size]
            parts.append(self.extract(crops.cut_patches(image, batch, crop)))
        return np.concatenate(parts)
