"""Keras networks in .keras files that somebody else may have written."""

import os

from rbc_tf.core import archives
from rbc_tf.core.keras_settings import keras

# What Keras raises of files that hold no network; its own words say little without the file's name.
ERRORS = (ValueError, OSError, KeyError, TypeError, AttributeError)


def load(path: str | os.PathLike) -> keras.Model:
    """The network of a file, to predict with; no code that the file may hold is run.

    Raises one of `ERRORS` where it holds none, or unpacks to far more than networks do.
    """
    archives.check(path)
    return keras.saving.load_model(path, compile=False, safe_mode=True)
