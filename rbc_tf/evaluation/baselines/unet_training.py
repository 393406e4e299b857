"""Training the U-Net on random tiles of images and masks."""

import dataclasses
import pathlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
from absl import logging
from tqdm import tqdm

from rbc_tf.core import divergence, files, image_io
from rbc_tf.core.keras_settings import keras
from rbc_tf.core.types import Sample
from rbc_tf.evaluation.baselines.augmentation import turn, vary_light
from rbc_tf.evaluation.baselines.unet import UNet, UNetConfig, build_unet


@dataclasses.dataclass(frozen=True)
class UNetReport:
    """How a training went.

    Attributes:
        losses: mean loss of the steps of each epoch.
        stopping_ious: pixel IoU on the images that decide which epoch is kept, after each.
        epoch: the epoch, from 1, whose weights are kept.
        validation_iou: pixel IoU of these on all validation images.
        seconds: time of the whole training.
        seconds_per_step: of the training steps alone, reading of tiles included.
    """

    losses: tuple[float, ...]
    stopping_ious: tuple[float, ...]
    epoch: int
    validation_iou: float
    seconds: float
    seconds_per_step: float


def train_unet(
    samples: Sequence[Sample],
    validation: Sequence[Sample],
    config: UNetConfig,
    output_path: str | pathlib.Path,
) -> UNetReport:
    """Trains a U-Net and saves it as a `.keras` file, which `UNet.load` reads.

    Args:
        samples: images with masks to train on.
        validation: images with masks of other groups; the epoch that is kept is chosen on them.
        config: size and settings.
        output_path: where the network goes.

    Raises:
        ValueError: no image to train or to validate on, or one of them has no mask.
        ImageError: an image or a mask cannot be read.
        DivergedError: the loss is no number any more.
    """
    _check_samples("samples", samples)
    _check_samples("validation", validation)
    start = time.monotonic()
    unet = build_unet(config)
    _compile(unet.model, config)
    spread = np.linspace(0, len(validation) - 1, min(config.stopping_images, len(validation)))
    stopping = [validation[int(place)] for place in spread]
    losses, ious, learning, best = [], [], 0.0, None
    for epoch in tqdm(range(config.epochs), desc="Training U-Net", unit="epoch"):
        began = time.monotonic()
        losses.append(_run_epoch(unet, samples, config, epoch))
        divergence.check_loss(losses[-1], f"epoch {epoch + 1}")
        learning += time.monotonic() - began
        ious.append(pixel_iou(unet, stopping))
        logging.info("Epoch %d: loss %.4f, IoU %.4f.", epoch + 1, losses[-1], ious[-1])
        if best is None or ious[-1] > max(ious[:-1]):
            best = epoch + 1, unet.model.get_weights()
    unet.model.set_weights(best[1])
    with files.atomic_path(output_path) as temporary:
        unet.model.save(temporary)
    return UNetReport(
        losses=tuple(losses),
        stopping_ious=tuple(ious),
        epoch=best[0],
        validation_iou=pixel_iou(unet, validation),
        seconds=time.monotonic() - start,
        seconds_per_step=learning / (config.epochs * config.steps_per_epoch),
    )


def pixel_iou(unet: UNet, samples: Sequence[Sample]) -> float:
    """Cell pixels found and true, over cell pixels found or true, of all images together.

    nan where no pixel is either.
    """
    both = either = 0
    for sample in samples:
        found = unet.segment(image_io.read_image(sample.image_path, sample.intensity))
        truth = image_io.read_mask(sample.mask_path)
        both += int((found & truth).sum())
        either += int((found | truth).sum())
    return both / either if either else float("nan")


def cross_entropy_and_dice(truth, found):
    """Mean cross-entropy of the pixels plus 1 - Dice coefficient of each tile, averaged."""
    entropy = keras.ops.mean(keras.losses.binary_crossentropy(truth, found))
    axes = (1, 2, 3)
    shared = keras.ops.sum(truth * found, axes)
    total = keras.ops.sum(truth, axes) + keras.ops.sum(found, axes)
    return entropy + 1 - keras.ops.mean((2 * shared + 1) / (total + 1))


def _check_samples(name: str, samples: Sequence[Sample]) -> None:
    if not samples:
        raise ValueError(f"`{name}` must hold one image or more. Received: none")
    without = [sample.name for sample in samples if sample.mask_path is None]
    if without:
        raise ValueError(f"The images of `{name}` must have masks. Without: {without[:5]}")


def _compile(model: keras.Model, config: UNetConfig) -> None:
    steps = config.epochs * config.steps_per_epoch
    falling = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    model.compile(keras.optimizers.Adam(falling), loss=cross_entropy_and_dice, jit_compile=False)


def _run_epoch(unet: UNet, samples: Sequence[Sample], config: UNetConfig, epoch: int) -> float:
    """The mean loss of one epoch's steps."""
    generator = np.random.default_rng([config.seed, epoch])
    batches = _draw_batches(samples, config, generator)
    steps = tqdm(range(config.steps_per_epoch), desc="steps", unit="step", leave=False)
    return float(np.mean([unet.model.train_on_batch(*next(batches)) for _ in steps]))


def _draw_batches(
    samples: Sequence[Sample], config: UNetConfig, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tiles float32 [N, S, S, 3] and their masks float32 [N, S, S, 1], without end."""
    images_per_batch = -(-config.batch_size // config.tiles_per_image)
    while True:
        chosen = generator.integers(len(samples), size=images_per_batch)
        tiles = [_cut_tiles(samples[place], config, generator) for place in chosen]
        tiles = turn(np.concatenate(tiles)[: config.batch_size], generator)
        light = vary_light(tiles[..., :3], config.light, generator)
        yield light, (tiles[..., 3:] > 0).astype(np.float32)


def _cut_tiles(sample: Sample, config: UNetConfig, generator: np.random.Generator) -> np.ndarray:
    """uint8 [tiles_per_image, S, S, 4], RGB and mask at random places of one image."""
    image = image_io.read_image(sample.image_path, sample.intensity)
    mask = image_io.read_mask(sample.mask_path).astype(np.uint8)
    both = np.concatenate([image, mask[..., None]], axis=2)
    size = config.tile_size
    missing = [max(0, size - side) for side in both.shape[:2]]
    both = np.pad(both, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")
    tiles = np.empty((config.tiles_per_image, size, size, 4), np.uint8)
    for tile in tiles:
        y, x = (generator.integers(side - size + 1) for side in both.shape[:2])
        tile[:] = both[y : y + size, x : x + size]
    return tiles
