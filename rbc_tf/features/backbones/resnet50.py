"""ResNet-50, the paper's (Features): pre-trained on ImageNet, 2048 values of a patch.

The paper takes the output of the last convolution layer. The pooling is not named: global average
here.
"""

import numpy as np

from rbc_tf.core.keras_settings import keras
from rbc_tf.features.backbone_spec import BackboneSpec

# RGB, 0 to 255: what the Keras application's preprocessing of ResNet-50 subtracts. A patch is
# filled with it because it becomes 0, which is also what the convolutions pad with.
IMAGENET_MEAN = (123.68, 116.779, 103.939)


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


def build(patch_size: int, weights: str | None = None) -> keras.Model:
    """Preprocessed BGR [N, size, size, 3] -> [N, 2048], the average of the last convolution."""
    return keras.applications.ResNet50(
        include_top=False, weights=weights, input_shape=(patch_size, patch_size, 3), pooling="avg"
    )


def build_imagenet(patch_size: int) -> keras.Model:
    """`build` with the weights that Keras downloads."""
    return build(patch_size, "imagenet")


def randomise(network: keras.Model, seed: int) -> None:
    """He-normal kernels from a generator of our own: no global random state is touched.

    The first normalisation divides by the spread of pixel values, and the last one of each
    residual branch scales it by 1/4, so that features are about as large as trained ones.
    """
    generator = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            spread = np.sqrt(2 / np.prod(kernel.shape[:3]))
            kernel = generator.normal(0, spread, kernel.shape).astype(np.float32)
            layer.set_weights([kernel, bias])
        elif layer.name == "conv1_bn":
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 64.0**2))
        elif layer.name.endswith("_3_bn"):
            layer.gamma.assign(np.full(layer.gamma.shape, 0.25))


BACKBONE = BackboneSpec(
    name="resnet50",
    title="ResNet-50",
    source="He et al., 'Deep Residual Learning for Image Recognition', CVPR 2016; Keras's weights",
    feature_dim=2048,
    patch_size=224,
    smallest_patch=32,  # the sides are divided by 32 on the way to the last convolution
    fill=IMAGENET_MEAN,
    preprocessing=CaffePreprocessing,
    build=build,
    randomise=randomise,
    readers={".h5": lambda network, path: network.load_weights(path)},
    weights_file="the weights of a Keras ResNet50 without its top, such as "
    "`resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5`",
    build_imagenet=build_imagenet,
)
