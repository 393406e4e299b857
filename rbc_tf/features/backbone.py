"""ResNet-50 as a maker of features: patches in, 2048 values each out (the paper: Features).

The paper takes ResNet-50 pre-trained on ImageNet, not fine-tuned, and the output of its last
convolution layer as a 2048-d vector. The pooling is not named: global average here.
"""

import dataclasses
import hashlib
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from rbc_tf import artifacts
from rbc_tf.features import crops

IMAGENET = "imagenet"
RANDOM = "random"


class WeightsError(ValueError):
    """The weights of the backbone cannot be had, or are not those of a ResNet-50."""


@keras.saving.register_keras_serializable(package="rbc_tf")
class CaffePreprocessing(keras.layers.Layer):
    """The Keras application's preprocessing of ResNet-50: RGB 0 to 255 to BGR, mean subtracted.

    A layer, so that a saved backbone takes RGB patches and nobody can preprocess them otherwise.
    """

    def call(self, patches):
        return (patches - np.array(crops.IMAGENET_MEAN, np.float32))[..., ::-1]

    def compute_output_shape(self, input_shape):
        return input_shape


@dataclasses.dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network from patches to features.

    Attributes:
        model: float32 [N, patch_size, patch_size, 3] RGB, 0 to 255 -> float32 [N, feature_dim].
        weights_sha256: hash of its weights; two backbones with the same one agree.
    """

    model: keras.Model
    weights_sha256: str

    @property
    def patch_size(self) -> int:
        return self.model.input_shape[1]

    @property
    def feature_dim(self) -> int:
        return self.model.output_shape[-1]

    def save(self, path: str | pathlib.Path) -> None:
        """Writes a `.keras` file that `load_backbone` reads, preprocessing included."""
        with artifacts.atomic_path(path) as temporary:
            self.model.save(temporary)


def load_backbone(weights: str, patch_size: int = 224, seed: int = 0) -> Backbone:
    """The backbone for patches of `patch_size`.

    Args:
        weights: 'imagenet' (Keras downloads them once); the path of a `.h5` weights file of a
            Keras ResNet50 without top; the path of a `.keras` file of a whole backbone, as
            `Backbone.save` writes (a fine-tuned one, for instance); or 'random'.
        seed: of the random weights; unused otherwise.

    Raises:
        WeightsError: the weights cannot be downloaded, found or read, or do not fit.
    """
    if weights == RANDOM:
        logging.warning(
            "The ResNet-50 has RANDOM weights (seed %d): its features know nothing of cells. "
            "Use them to try the software, never to judge a sample.",
            seed,
        )
        model = _with_preprocessing(_random_resnet50(patch_size, seed))
    elif weights == IMAGENET:
        model = _with_preprocessing(_imagenet_resnet50(patch_size))
    else:
        model = _from_file(pathlib.Path(weights), patch_size)
    model.trainable = False
    return Backbone(model, hash_of_weights(model))


def hash_of_weights(model: keras.Model) -> str:
    """sha256 over shapes, dtypes and values of all weights in the order of the model."""
    digest = hashlib.sha256()
    for variable in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value)
    return digest.hexdigest()


def _resnet50(patch_size: int, weights: str | None) -> keras.Model:
    return keras.applications.ResNet50(
        include_top=False, weights=weights, input_shape=(patch_size, patch_size, 3), pooling="avg"
    )


def _with_preprocessing(resnet: keras.Model) -> keras.Model:
    patches = keras.Input(resnet.input_shape[1:], name="patches")
    features = resnet(CaffePreprocessing(name="preprocessing")(patches))
    return keras.Model(patches, features, name="backbone")


def _imagenet_resnet50(patch_size: int) -> keras.Model:
    try:
        return _resnet50(patch_size, IMAGENET)
    except Exception as error:  # `keras.utils.get_file` raises bare Exception
        raise WeightsError(
            f"The ImageNet weights of ResNet-50 cannot be downloaded ({error}). Give the path of "
            "`resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5`, fetched elsewhere, instead "
            "of 'imagenet'."
        ) from error


def _from_file(path: pathlib.Path, patch_size: int) -> keras.Model:
    if not path.is_file():
        raise WeightsError(
            f"`weights` must be 'imagenet', 'random' or the path of a .h5 or .keras file. "
            f"Received: '{path}', which is no file"
        )
    if path.suffix == ".keras":
        return _whole_backbone(path, patch_size)
    if path.suffix != ".h5":
        raise WeightsError(f"A weights file must end in .h5 or .keras. Received: {path}")
    resnet = _resnet50(patch_size, None)
    try:
        resnet.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{path} must hold the weights of a Keras ResNet50 without its top: {error}"
        ) from error
    return _with_preprocessing(resnet)


def _whole_backbone(path: pathlib.Path, patch_size: int) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} must be a Keras model file: {error}") from error
    if model.input_shape != (None, patch_size, patch_size, 3) or len(model.output_shape) != 2:
        raise WeightsError(
            f"{path} must take patches of shape (None, {patch_size}, {patch_size}, 3), as the "
            f"crop settings say, and give one vector each. "
            f"Received: {model.input_shape} -> {model.output_shape}"
        )
    return model


def _random_resnet50(patch_size: int, seed: int) -> keras.Model:
    """He-normal kernels from a generator of our own: no global random state is touched.

    The first normalisation divides by the spread of pixel values, and the last one of each
    residual branch scales it by 1/4, so that features are about as large as trained ones.
    """
    model = _resnet50(patch_size, None)
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            spread = np.sqrt(2 / np.prod(kernel.shape[:3]))
            kernel = generator.normal(0, spread, kernel.shape).astype(np.float32)
            layer.set_weights([kernel, bias])
        elif layer.name == "conv1_bn":
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 64.0**2))
        elif layer.name.endswith("_3_bn"):
            layer.gamma.assign(np.full(layer.gamma.shape, 0.25))
    return model


class FeatureExtractor:
    """Runs a backbone over any number of patches, in batches, as one compiled function.

    The function leaves the number of patches open, so nothing is traced again for the last batch.
    """

    def __init__(self, backbone: Backbone, batch_size: int = 32):
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
