"""What a network says of many patches, a batch at a time: Keras alone."""

import numpy as np

from rbc_tf.core.keras_settings import keras

_BATCH = 256  # bounds memory only


def predict(model: keras.Model, patches: np.ndarray) -> np.ndarray:
    """float32 [N, D] of patches [N, S, S, 3], uint8 or float32, 0 to 255; N > 0."""
    found = [
        keras.ops.convert_to_numpy(
            model.predict_on_batch(patches[first : first + _BATCH].astype(np.float32))
        )
        for first in range(0, len(patches), _BATCH)
    ]
    return np.concatenate(found).astype(np.float32)
