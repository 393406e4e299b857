"""Where a training stands: one file after each epoch, so that a kill leaves the last whole one.

Of `keras.callbacks.BackupAndRestore` a kill can leave half a file, or weights of one epoch with the
number of another.
"""

import pathlib

from rbc_tf.core import files
from rbc_tf.core.keras_settings import keras


class TrainingState(keras.callbacks.Callback):
    """Writes the weights after each epoch, the optimizer's included.

    It comes last among the callbacks: an epoch counts as done once all that belongs to it is
    written.
    """

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch, logs=None):
        with files.atomic_path(self._path) as temporary:
            self.model.save_weights(str(temporary), overwrite=True)


def restore(path: pathlib.Path, model: keras.Model, steps_per_epoch: int) -> int:
    """Gives a compiled model the weights of a file, and says how many epochs they have learnt.

    0 where there is no file.

    Raises:
        ValueError: it is damaged, or of another network.
    """
    if not path.exists():
        return 0
    model.optimizer.build(model.trainable_variables)
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} must be the state of this training. Received: a damaged file, or that of "
            f"another network ({error}). Delete it to begin anew."
        ) from error
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps_per_epoch
