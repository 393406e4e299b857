"""A convolutional network that gives a patch one type, as earlier work did for single cells.

The paper compares itself with Xu et al. 2017 ("A deep convolutional neural network for
classification of red blood cells in sickle cell anemia", PLoS Computational Biology 13(10)):
alternating convolutions and poolings on patches of one cell, brought to one size, and one softmax
over the types. The exact layers of that work were not at hand; this is a plain network of its
kind: three convolutions, each with a pooling, one fully connected layer with dropout, and the
softmax. One softmax gives exactly one type: where two are true, it cannot be right.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import network_files
from rbc_tf.core.keras_settings import keras

# Patches per run of the network when predicting; bounds memory only.
_PREDICTION_ROWS = 256

_TYPES_LAYER = "types"


@dataclasses.dataclass(frozen=True)
class SingleLabelCNNConfig:
    """Size of the network and how it is trained.

    Attributes:
        patch_size: side of the patches in pixels, 8 or more.
        filters: of the convolutions, the first 5x5 and the others 3x3; each halves the resolution.
        hidden_units: of the fully connected layer.
        dropout: share of these left out in training.
        balanced: weigh each patch by the rarity of its type.
        batch_size: patches per step.
        max_epochs: the most epochs.
        patience: training stops after so many epochs without a lower validation loss.
        learning_rate: of Adam.
        seed: of initial weights, the order of patches, their turning and dropout.
    """

    patch_size: int = 80
    filters: tuple[int, ...] = (16, 32, 64)
    hidden_units: int = 128
    dropout: float = 0.5
    balanced: bool = False
    batch_size: int = 64
    max_epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self):
        for name in ("hidden_units", "batch_size", "max_epochs", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        if not self.filters or min(self.filters) < 1:
            raise ValueError(f"`filters` must be one number or more. Received: {self.filters}")
        if self.patch_size < 2 ** len(self.filters):
            raise ValueError(
                f"`patch_size` must be {2 ** len(self.filters)} or more with "
                f"{len(self.filters)} convolutions. Received: {self.patch_size}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: {self.dropout}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@keras.saving.register_keras_serializable(package="rbc_tf")
class TypeSoftmax(keras.layers.Softmax):
    """Softmax that keeps the names of its types."""

    def __init__(self, names: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)

    def get_config(self):
        return {**super().get_config(), "names": list(self.names)}


@dataclasses.dataclass(frozen=True, eq=False)
class SingleLabelCNN:
    """A network that gives each patch one type.

    Attributes:
        model: float32 [N, S, S, 3] RGB, 0 to 255 -> float32 [N, T], of sum 1.
    """

    model: keras.Model

    @property
    def names(self) -> tuple[str, ...]:
        """The types, in the order of the probabilities."""
        return self.model.get_layer(_TYPES_LAYER).names

    @property
    def patch_size(self) -> int:
        return self.model.input_shape[1]

    def predict(self, patches: np.ndarray) -> np.ndarray:
        """float32 [N, T], of sum 1, from patches uint8 or float32 [N, S, S, 3] RGB, 0 to 255."""
        found = np.zeros((len(patches), len(self.names)), np.float32)
        for start in range(0, len(patches), _PREDICTION_ROWS):
            batch = np.asarray(patches[start : start + _PREDICTION_ROWS], np.float32)
            outputs = self.model(batch, training=False)
            found[start : start + len(batch)] = keras.ops.convert_to_numpy(outputs)
        return found

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "SingleLabelCNN":
        """Reads a `.keras` file without running code of it.

        Raises ValueError, naming the file, where it holds no such network.
        """
        try:
            network = cls(network_files.load(path))
            expected = (None, len(network.names))
        except network_files.ERRORS as error:
            raise ValueError(f"{path} holds no single-label network: {error}") from error
        if len(network.model.input_shape) != 4 or network.model.output_shape != expected:
            raise ValueError(
                f"{path} must take patches and give one probability for each of {network.names}. "
                f"Received: {network.model.input_shape} -> {network.model.output_shape}"
            )
        return network


def build_single_label_cnn(names: Sequence[str], config: SingleLabelCNNConfig) -> SingleLabelCNN:
    """An untrained network; its weights follow the seed."""
    seeds = iter(range(config.seed * 1000, (config.seed + 1) * 1000))
    patches = keras.Input((config.patch_size, config.patch_size, 3), name="patches")
    values = keras.layers.Rescaling(1 / 127.5, offset=-1)(patches)
    for place, filters in enumerate(config.filters):
        values = keras.layers.Conv2D(
            filters,
            3 if place else 5,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(next(seeds)),
        )(values)
        values = keras.layers.MaxPooling2D()(values)
    values = keras.layers.Dense(
        config.hidden_units,
        activation="relu",
        kernel_initializer=keras.initializers.HeNormal(next(seeds)),
    )(keras.layers.Flatten()(values))
    values = keras.layers.Dropout(config.dropout, seed=next(seeds))(values)
    logits = keras.layers.Dense(
        len(names), kernel_initializer=keras.initializers.GlorotUniform(next(seeds))
    )(values)
    types = TypeSoftmax(names, name=_TYPES_LAYER)(logits)
    return SingleLabelCNN(keras.Model(patches, types, name="single_label_cnn"))
