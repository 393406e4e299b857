"""U-Net, which segments cells from background (Ronneberger et al. 2015; the paper: figure 8).

A small one for processors without a GPU: four levels of two 3x3 convolutions with batch
normalisation, 16 filters on the first and twice as many on each below. It is trained on masks in
which touching cells are one region, and so does not separate them.
"""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.core import network_files
from rbc_tf.core.keras_settings import keras

_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class UNetConfig:
    """Size of the network and how it is trained.

    Attributes:
        base_filters: filters of the first level.
        levels: 1 or more; each but the first works at half the resolution of the one above.
        tile_size: side of the training tiles in pixels; a multiple of 2^(levels - 1).
        batch_size: tiles per step.
        tiles_per_image: how many tiles of a batch come from one image; changes speed mostly.
        steps_per_epoch: steps between two looks at the validation images.
        epochs: how often that is done; the weights of the best look are kept.
        learning_rate: of Adam at the start; it falls to 0 along half a cosine.
        light: colour channels are scaled by up to so much, see `augmentation.vary_light`.
        stopping_images: how many validation images, evenly spread, are looked at.
        seed: of initial weights, tiles and their variation.
    """

    base_filters: int = 16
    levels: int = 4
    tile_size: int = 128
    batch_size: int = 8
    tiles_per_image: int = 2
    steps_per_epoch: int = 50
    epochs: int = 10
    learning_rate: float = 2e-3
    light: float = 0.15
    stopping_images: int = 8
    seed: int = 0

    def __post_init__(self):
        for name in (
            "base_filters",
            "levels",
            "batch_size",
            "tiles_per_image",
            "steps_per_epoch",
            "epochs",
            "stopping_images",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {getattr(self, name)}")
        if self.tile_size < 1 or self.tile_size % 2 ** (self.levels - 1):
            raise ValueError(
                f"`tile_size` must be a multiple of {2 ** (self.levels - 1)} with {self.levels} "
                f"levels. Received: {self.tile_size}"
            )
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        if not 0 <= self.light < 1:
            raise ValueError(f"`light` must be in [0, 1). Received: {self.light}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@dataclasses.dataclass(frozen=True, eq=False)
class UNet:
    """A trained U-Net.

    Attributes:
        model: float32 [N, H, W, 3] RGB, 0 to 255 -> float32 [N, H, W, 1], the probability of
            cell; H and W are multiples of `stride`.
    """

    model: keras.Model

    @property
    def stride(self) -> int:
        """What the sides of the network's input must be a multiple of."""
        pools = [x for x in self.model.layers if isinstance(x, keras.layers.MaxPooling2D)]
        return 2 ** len(pools)

    def segment(self, image: np.ndarray) -> np.ndarray:
        """bool [H, W], True on cells, of a whole image uint8 [H, W, 3] RGB of any size."""
        height, width = image.shape[:2]
        padded = np.pad(
            image, [(0, -height % self.stride), (0, -width % self.stride), (0, 0)], mode="symmetric"
        )
        found = self.model(padded[None].astype(np.float32), training=False)
        return keras.ops.convert_to_numpy(found)[0, :height, :width, 0] > 0.5

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "UNet":
        """Reads a `.keras` file without running code of it.

        Raises ValueError, naming the file, where it holds no such network.
        """
        try:
            model = network_files.load(path)
            shapes = model.input_shape, model.output_shape
        except network_files.ERRORS as error:
            raise ValueError(f"{path} holds no U-Net: {error}") from error
        if shapes != ((None, None, None, _CHANNELS), (None, None, None, 1)):
            raise ValueError(
                f"{path} must take images of any size and give one value per pixel. "
                f"Received: {shapes[0]} -> {shapes[1]}"
            )
        return cls(model)


def build_unet(config: UNetConfig) -> UNet:
    """An untrained network; its weights follow the seed."""
    seeds = iter(range(config.seed * 1000, (config.seed + 1) * 1000))
    images = keras.Input((None, None, _CHANNELS), name="images")
    values = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    passed = []
    for level in range(config.levels - 1):
        values = _convolve_twice(values, config.base_filters * 2**level, seeds)
        passed.append(values)
        values = keras.layers.MaxPooling2D()(values)
    values = _convolve_twice(values, config.base_filters * 2 ** (config.levels - 1), seeds)
    for skipped in reversed(passed):
        values = keras.layers.UpSampling2D()(values)
        values = keras.layers.Concatenate()([skipped, values])
        values = _convolve_twice(values, skipped.shape[-1], seeds)
    cells = keras.layers.Conv2D(
        1,
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        name="cells",
    )(values)
    return UNet(keras.Model(images, cells, name="unet"))


def _convolve_twice(values, filters: int, seeds):
    for _ in range(2):
        values = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(next(seeds)),
        )(values)
        values = keras.layers.BatchNormalization(momentum=0.95)(values)
        values = keras.layers.ReLU()(values)
    return values
