"""A trained network that another one learns from, beside the labels: Keras alone.

The student predicts the teacher's features of the very patches that it sees itself, by a layer that
is thrown away afterwards. So it learns from every patch, labelled or not, what the teacher knows
of it (Romero et al. 2015, "FitNets: hints for thin deep nets", arXiv:1412.6550; there the hint is a
layer in the middle, here the features, which are what the heads work on).
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from rbc_tf.core.keras_settings import keras
from rbc_tf.features import backbone, prediction
from rbc_tf.features.masked_loss import masked_cross_entropy

# Patches that say how large features are.
_MEASURED = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Teacher:
    """A backbone and how large its features are.

    Attributes:
        model: RGB patches float32 [N, S, S, 3], 0 to 255 -> features [N, D].
        mean, scale: float32 [D], of its features; what is constant has scale 1.
    """

    model: keras.Model
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, model: keras.Model, patches: np.ndarray) -> "Teacher":
        """The teacher with the size of its features on patches uint8 [N, S, S, 3], N > 0.

        Raises ValueError where it takes patches of another size.
        """
        if model.input_shape[1:] != patches.shape[1:]:
            raise ValueError(
                f"The teacher must take patches of {list(patches.shape[1:])}. "
                f"Received: one for {list(model.input_shape[1:])}"
            )
        spread = np.linspace(0, len(patches) - 1, min(len(patches), _MEASURED)).astype(int)
        features = prediction.predict(model, patches[spread])
        scale = features.std(axis=0)
        return cls(
            model, features.mean(axis=0), np.where(scale > 1e-6, scale, 1).astype(np.float32)
        )

    @property
    def feature_dim(self) -> int:
        return len(self.mean)

    def targets(self, patches: np.ndarray) -> np.ndarray:
        """float32 [N, D], of mean 0 and deviation 1, of patches [N, S, S, 3], 0 to 255."""
        return (prediction.predict(self.model, patches) - self.mean) / self.scale


def load_teacher(path: str | pathlib.Path, crop: Mapping, patch_size: int) -> backbone.Backbone:
    """A backbone NAME.keras that teaches a network of patches cut by `crop`, in plain values.

    Raises ValueError for another kind of file, and where patches are cut otherwise than those that
    it learnt from.
    """
    if pathlib.Path(path).suffix != ".keras":
        raise ValueError(f"A teacher must be a file NAME.keras. Received: {path}")
    teacher = backbone.load_backbone(path, patch_size)
    learnt = teacher.record.get("crop", {})
    # Each network has a fill of its own, and the one that learns decides.
    other = {key for key in learnt if key != "fill" and learnt[key] != crop.get(key)}
    if other:
        key = min(other)
        raise ValueError(
            f"{path}: patches must be cut as for the teacher, {key} {learnt[key]}. "
            f"Received: {key} {crop.get(key)}"
        )
    return teacher


def taught_loss(weights: np.ndarray, teacher_weight: float):
    """Loss of labels and targets [B, T + D] and of logits and predicted features [B, T + D]: [B].

    The masked cross-entropy of the T types, see `masked_cross_entropy`, and `teacher_weight` times
    the mean squared difference of the D features.
    """
    num_types = len(weights)
    of_labels = masked_cross_entropy(weights)

    def loss(wanted, outputs):
        outputs = keras.ops.cast(outputs, "float32")
        missed = keras.ops.square(outputs[:, num_types:] - wanted[:, num_types:])
        return of_labels(wanted[:, :num_types], outputs[:, :num_types]) + (
            teacher_weight * keras.ops.mean(missed, axis=-1)
        )

    return loss
