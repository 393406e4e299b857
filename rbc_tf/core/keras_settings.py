"""Keras, with the same settings on every machine: everything here imports it from this module.

A file keras.json in the user's home, or a variable of the environment, can change the numbers that
Keras computes with (`floatx`), the order of axes, or the length of a training, for all programs of
that user. None of them is meant for this one. A process that had loaded Keras before keeps what
its own code chose.

    from rbc_tf.core.keras_settings import keras
"""

import os
import sys
import types

BACKEND = "tensorflow"

_chosen_by_the_process = "keras" in sys.modules
try:
    import keras
except (ImportError, ValueError, AttributeError, TypeError) as error:
    raise ValueError(
        f"Keras cannot be loaded ({error}). Settings that may be in the way: KERAS_BACKEND "
        f"({os.environ.get('KERAS_BACKEND', 'not set')}), and keras.json in the folder .keras of "
        "your home or in KERAS_HOME"
    ) from error


def reset(backend: types.ModuleType) -> None:
    """Gives Keras, or tf_keras, by its module `backend`, the settings that it comes with."""
    backend.set_floatx("float32")
    backend.set_epsilon(1e-7)
    backend.set_image_data_format("channels_last")


def check_backend() -> None:
    """Raises ValueError where Keras does not compute with TensorFlow, as the analysis does."""
    if keras.backend.backend() != BACKEND:
        raise ValueError(
            f"Keras must compute with {BACKEND}. Received: {keras.backend.backend()}, from "
            "KERAS_BACKEND, from keras.json, or chosen before rbc_tf was loaded"
        )


if not _chosen_by_the_process:
    reset(keras.backend)
    # Limits for debugging, of newer versions, that end a training early.
    for limit in ("set_max_epochs", "set_max_steps_per_epoch"):
        if hasattr(keras.config, limit):
            getattr(keras.config, limit)(None)
