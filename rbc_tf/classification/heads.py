"""The heads: one binary network per cell type (the paper: Six networks), all computed at once.

Each head is D features -> 512 ReLU -> 1, with an output in [0, 1]. The paper writes "softmax"; over
one unit that is always 1, so the output is the sigmoid of one logit, which equals a two-way softmax
with one logit fixed at 0. The heads share no weight: laying their weights side by side makes one
matrix product of six, and changes no result.
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import network_files
from rbc_tf.core.keras_settings import keras

# Rows per run of the model when predicting; bounds memory only.
_PREDICTION_ROWS = 4096

HEADS_LAYER = "heads"


@dataclasses.dataclass(frozen=True)
class HeadsConfig:
    """How the heads look and how they are trained.

    Of the paper: `hidden_units`, `learning_rate`, Adam, cross-entropy with L2. It is silent on the
    others.

    Attributes:
        hidden_units: size of the hidden layer of each head.
        l2: the loss has `l2` times the sum of the squared kernel weights added.
        learning_rate: of Adam.
        batch_size: patches per step.
        max_epochs: the most epochs a head is trained.
        patience: a head stops after so many epochs without a lower validation loss.
        seed: of initial weights and of the order of patches.
        standardise: scale each feature to mean 0 and variance 1 over the training patches, by
            constants kept in the model. Not in the paper; for features of an odd scale.
    """

    hidden_units: int = 512
    l2: float = 1e-4
    learning_rate: float = 1e-5
    batch_size: int = 32
    max_epochs: int = 300
    patience: int = 15
    seed: int = 0
    standardise: bool = False

    def __post_init__(self):
        for name in ("hidden_units", "batch_size", "max_epochs", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        if not 0 <= self.l2 < float("inf"):
            raise ValueError(f"`l2` must be 0 or more. Received: {self.l2}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@keras.saving.register_keras_serializable(package="rbc_tf")
class IndependentHeads(keras.layers.Layer):
    """T networks D -> hidden ReLU -> 1 side by side: float32 [N, D] -> logits float32 [N, T].

    Attributes:
        names: T names of the cell types, in the order of the logits.
        hidden_kernel, hidden_bias: [D, T, hidden] and [T, hidden].
        output_kernel, output_bias: [T, hidden] and [T].
    """

    def __init__(self, names: Sequence[str], hidden_units: int, **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)
        self.hidden_units = hidden_units

    def build(self, input_shape):
        heads, hidden, dim = len(self.names), self.hidden_units, input_shape[-1]
        self.hidden_kernel = self._weight("hidden_kernel", (dim, heads, hidden))
        self.hidden_bias = self._weight("hidden_bias", (heads, hidden))
        self.output_kernel = self._weight("output_kernel", (heads, hidden))
        self.output_bias = self._weight("output_bias", (heads,))

    def _weight(self, name: str, shape: tuple[int, ...]):
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def call(self, features):
        heads, hidden = len(self.names), self.hidden_units
        kernel = keras.ops.reshape(self.hidden_kernel, (-1, heads * hidden))
        values = keras.ops.reshape(keras.ops.matmul(features, kernel), (-1, heads, hidden))
        values = keras.ops.relu(values + self.hidden_bias)
        return keras.ops.sum(values * self.output_kernel, axis=-1) + self.output_bias

    def initialise(self, seed: int) -> None:
        """Glorot-uniform kernels, biases 0, as Keras' Dense.

        The weights of a head depend on the seed and on its own name, never on its
        neighbours: trained alone it starts from the same place.
        """
        dim, _, hidden = self.hidden_kernel.shape
        hidden_kernels, output_kernels = [], []
        for name in self.names:
            digest = hashlib.sha256(name.encode()).digest()
            generator = np.random.default_rng([seed, *digest])
            hidden_kernels.append(_glorot_uniform(generator, dim, hidden))
            output_kernels.append(_glorot_uniform(generator, hidden, 1)[:, 0])
        self.hidden_kernel.assign(np.stack(hidden_kernels, axis=1))
        self.output_kernel.assign(np.stack(output_kernels))

    def get_config(self):
        own = {"names": list(self.names), "hidden_units": self.hidden_units}
        return {**super().get_config(), **own}


def build_heads(
    names: Sequence[str],
    feature_dim: int,
    config: HeadsConfig,
    training_features: np.ndarray | None = None,
) -> keras.Model:
    """The untrained heads as one model: features [N, D] -> probabilities [N, T].

    Args:
        names: of the cell types, in order, each once.
        feature_dim: D.
        config: sizes, seed and whether features are standardised.
        training_features: float32 [N, D]; the rows to standardise by, where that is asked for.
    """
    if not names or len(set(names)) != len(names):
        raise ValueError(f"`names` must be one name or more, each once. Received: {names}")
    inputs = keras.Input((feature_dim,), name="features")
    features = inputs
    if config.standardise:
        if training_features is None:
            raise ValueError("`training_features` must be given where `standardise` is true.")
        features = _normalisation(training_features)(features)
    layer = IndependentHeads(names, config.hidden_units, name=HEADS_LAYER)
    logits = layer(features)
    layer.initialise(config.seed)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(logits))


def load_heads(path: str | pathlib.Path) -> keras.Model:
    """A saved model of `build_heads`; raises ValueError, naming the file, where it is none."""
    path = pathlib.Path(path)
    try:
        model = network_files.load(path)
        names = head_names(model)
    except network_files.ERRORS as error:
        raise ValueError(f"{path} holds no heads: {error}") from error
    if len(model.input_shape) != 2 or model.output_shape != (None, len(names)):
        raise ValueError(
            f"{path} must take features [N, D] and give one probability for each of {names}. "
            f"Received: {model.input_shape} -> {model.output_shape}"
        )
    return model


def head_names(model: keras.Model) -> tuple[str, ...]:
    """The cell types of a model of `build_heads`, in the order of its probabilities."""
    return model.get_layer(HEADS_LAYER).names


def predict(model: keras.Model, features: np.ndarray) -> np.ndarray:
    """float32 [N, T], the probability of each type in each patch, from features [N, D]."""
    features = np.asarray(features, np.float32)
    parts = [np.zeros((0, model.output_shape[-1]), np.float32)]
    for start in range(0, len(features), _PREDICTION_ROWS):
        batch = features[start : start + _PREDICTION_ROWS]
        parts.append(keras.ops.convert_to_numpy(model(batch, training=False)))
    return np.concatenate(parts)


def _glorot_uniform(generator: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    limit = np.sqrt(6 / (inputs + outputs))
    return generator.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)


def _normalisation(features: np.ndarray) -> keras.layers.Layer:
    variance = features.var(axis=0, dtype=np.float64)
    # A feature that is constant in training is of no use; dividing by its spread would blow up
    # the first value that differs.
    variance[variance == 0] = 1
    mean = features.mean(axis=0, dtype=np.float64)
    return keras.layers.Normalization(mean=mean, variance=variance, name="standardisation")
