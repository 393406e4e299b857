"""ResNet-50 in Keras alone, on whichever backend Keras runs.

Nothing here calls TensorFlow, so that a backbone can be trained where only another backend has the
accelerator.
"""

import hashlib

import keras
import numpy as np

# RGB, 0 to 255: what the Keras application's preprocessing of ResNet-50 subtracts.
IMAGENET_MEAN = (123.68, 116.779, 103.939)

# ResNet-50 divides the sides by 32 on its way to the last convolution.
SMALLEST_PATCH = 32


@keras.saving.register_keras_serializable(package="rbc_tf")
class CaffePreprocessing(keras.layers.Layer):
    """The Keras application's preprocessing of ResNet-50: RGB 0 to 255 to BGR, mean subtracted.

    A layer, so that a saved backbone takes RGB patches and nobody can preprocess them otherwise.
    """

    def call(self, patches):
        mean = keras.ops.cast(np.array(IMAGENET_MEAN, np.float32), patches.dtype)
        return keras.ops.flip(patches - mean, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


def build_resnet50(patch_size: int, weights: str | None = None) -> keras.Model:
    """Preprocessed BGR [N, size, size, 3] -> [N, 2048], the average of the last convolution."""
    return keras.applications.ResNet50(
        include_top=False, weights=weights, input_shape=(patch_size, patch_size, 3), pooling="avg"
    )


def with_preprocessing(resnet: keras.Model) -> keras.Model:
    """RGB patches, 0 to 255 -> features: the form in which backbones are saved and used."""
    patches = keras.Input(resnet.input_shape[1:], name="patches")
    # Half precision, where a policy asks for it, begins after this: pixels need their 8 bits.
    preprocessed = CaffePreprocessing(name="preprocessing", dtype="float32")(patches)
    features = resnet(preprocessed)
    return keras.Model(patches, features, name="backbone")


def randomise(resnet: keras.Model, seed: int) -> None:
    """He-normal kernels from a generator of our own: no global random state is touched.

    The first normalisation divides by the spread of pixel values, and the last one of each
    residual branch scales it by 1/4, so that features are about as large as trained ones.
    """
    generator = np.random.default_rng(seed)
    for layer in resnet.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            spread = np.sqrt(2 / np.prod(kernel.shape[:3]))
            kernel = generator.normal(0, spread, kernel.shape).astype(np.float32)
            layer.set_weights([kernel, bias])
        elif layer.name == "conv1_bn":
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 64.0**2))
        elif layer.name.endswith("_3_bn"):
            layer.gamma.assign(np.full(layer.gamma.shape, 0.25))


def hash_of_weights(model: keras.Model) -> str:
    """sha256 over shapes, dtypes and values of all weights in the order of the model."""
    digest = hashlib.sha256()
    for variable in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value)
    return digest.hexdigest()
