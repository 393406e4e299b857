"""What the figures are made from, read or computed when a figure first asks for it."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tqdm
from matplotlib.figure import Figure

from rbc_tf.core import boxes, image_io
from rbc_tf.core.types import UNKNOWN, Region, Sample
from rbc_tf.data import examples, regions
from rbc_tf.data.dataset import Dataset
from rbc_tf.evaluation.baselines.unet import UNet
from rbc_tf.evaluation.cross_validation.predictions import Predictions
from rbc_tf.evaluation.cross_validation.run import PREDICTIONS_FILE
from rbc_tf.features import crops
from rbc_tf.figures import choice
from rbc_tf.figures.drawing.captions import Caption, Source, Thresholds
from rbc_tf.inference import pretrained
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.view_config import ViewConfig

Drawn = tuple[Figure, Caption]

# IoU from which a detection counts as the region's: that of the paper's average precision.
MIN_IOU = 0.5

_WHITE = 255


class CannotMake(ValueError):
    """A figure that cannot be made of what is there; the message says why."""


@dataclasses.dataclass(frozen=True)
class FigureSettings:
    """What the figures are made from; None for what there is not.

    Attributes:
        bundle: name, packed file or folder of the chain whose predictions are shown.
        cross_validation_dir: folder with the predictions of a cross-validation.
        unet_path: a trained U-Net.
        split: whose images are shown; the bundle should not have seen them.
        seed: of random choices.
        image: name of the image for the figures of one image; chosen by a rule where None.
    """

    bundle: str | pathlib.Path | None = None
    cross_validation_dir: str | pathlib.Path | None = None
    unet_path: str | pathlib.Path | None = None
    split: str = "test"
    seed: int = 0
    image: str | None = None


def _of_last_sample(make: Callable) -> Callable:
    """Keeps what a method returned for the last sample, since regions come image by image."""

    @functools.wraps(make)
    def call(self, sample):
        if self._kept.get(make, (None,))[0] is not sample:
            self._kept[make] = sample, make(self, sample)
        return self._kept[make][1]

    return call


class FigureSources:
    """The images of one split with their regions, and the models; each is loaded once.

    Raises:
        ValueError: no image is assigned to the split, the image asked for is not in it, or what
            is given besides is damaged or of other types: at once, before any work.
    """

    def __init__(self, dataset: Dataset, settings: FigureSettings):
        self.dataset = dataset
        self.settings = settings
        self.region_config = regions.RegionConfig()
        self._kept: dict[Callable, tuple[Sample, np.ndarray]] = {}
        self.samples = dataset.in_split(settings.split)
        self.names = dataset.cell_types.names
        name = dataset.root.resolve().name
        self.source = Source(name, settings.split, len(self.samples), settings.seed)
        self._check()

    @functools.cached_property
    def regions(self) -> tuple[tuple[Region, ...], ...]:
        """The regions of each image of the split."""
        progress = tqdm.tqdm(self.samples, desc="regions", unit="image")
        return tuple(regions.find_regions(sample, self.region_config) for sample in progress)

    @functools.cached_property
    def chosen(self) -> tuple[Sample, str]:
        """The image of the figures that show one, and the rule it was chosen by."""
        if self.settings.image is not None:
            return self._named_sample(self.settings.image), "asked for by name"
        complete = [[r for r in found if is_scored(r)] for found in self.regions]
        multi = np.array([sum(r.num_cells > 1 for r in found) for found in complete])
        place = choice.best_image(multi, np.array([len(found) for found in complete]))
        return self.samples[place], choice.BEST_IMAGE_RULE

    def regions_of(self, sample: Sample) -> tuple[Region, ...]:
        return self.regions[self.samples.index(sample)]

    def whole_regions(self) -> list[tuple[Sample, Region]]:
        """Completely labelled regions of all images, those cut by the edge left out."""
        return [
            (sample, region)
            for sample, found in zip(self.samples, self.regions, strict=True)
            for region in found
            if is_scored(region) and not region.touches_border
        ]

    def labels_of(self, found: Sequence[Region]) -> np.ndarray:
        """int8 [N, T] of regions; all unknown where a type is not in the list."""
        types = self.dataset.cell_types
        unknown = np.full(len(types), UNKNOWN, np.int8)
        labels = [
            examples.label_vector(r, types) if examples.is_example(r) else unknown for r in found
        ]
        return np.array(labels, np.int8).reshape(-1, len(types))

    @_of_last_sample
    def image(self, sample: Sample) -> np.ndarray:
        """uint8 [H, W, 3]."""
        return image_io.read_image(sample.image_path, sample.intensity)

    @_of_last_sample
    def region_pixels(self, sample: Sample) -> np.ndarray:
        """int32 [H, W], 1 + row of each region on its pixels, on its box where it has no mask."""
        if sample.regions is None:
            mask = image_io.read_mask(sample.mask_path)
            return regions.label_regions(mask, self.region_config)[0]
        pixels = np.zeros(self.image(sample).shape[:2], np.int32)
        for row, region in enumerate(sample.regions, start=1):
            ymin, xmin, ymax, xmax = np.rint(region.box).astype(int)
            pixels[ymin:ymax, xmin:xmax] = row
        return pixels

    @_of_last_sample
    def unet_segments(self, sample: Sample) -> np.ndarray:
        """int32 [H, W], the connected regions of U-Net's mask; small ones are dirt, as in masks."""
        return regions.label_regions(self.unet.segment(self.image(sample)), self.region_config)[0]

    def patch(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """uint8 [S, S, 3], the patch of one box float32 [1, 4] as the chain's network gets it."""
        return crops.cut_pictures(image, box, self.bundle.manifest.crop)[0]

    @functools.cached_property
    def bundle(self) -> Bundle:
        """The bundle; raises CannotMake where there is none."""
        if self.settings.bundle is None:
            raise CannotMake("it needs a bundle (--bundle)")
        bundle = pretrained.find(self.settings.bundle)
        self._check_types(self.settings.bundle, bundle.manifest.cell_types.names)
        return bundle

    @property
    def thresholds(self) -> Thresholds:
        """The bundle's, of the types."""
        manifest = self.bundle.manifest
        values = np.array(manifest.thresholds)
        at_least_one = manifest.calibration.at_least_one
        return Thresholds(self.names, values, manifest.threshold_objective, at_least_one)

    @functools.cached_property
    def chain(self) -> Chain:
        # Patches and features are drawn beside what is said of them: all of the image as it is.
        return Chain(self.bundle, view_config=ViewConfig.as_it_is())

    @functools.cached_property
    def unet(self) -> UNet | None:
        return UNet.load(self.settings.unet_path) if self.settings.unet_path else None

    @functools.cached_property
    def predictions(self) -> Predictions:
        """Those of the cross-validation; raises CannotMake where there is none."""
        folder = self.settings.cross_validation_dir
        if folder is None:
            raise CannotMake("it needs a cross-validation (--cross_validation_dir)")
        found = Predictions.load(pathlib.Path(folder) / PREDICTIONS_FILE)
        self._check_types(folder, found.names)
        return found

    def _check(self) -> None:
        """Reads what is given, for its errors."""
        settings = self.settings
        if settings.image is not None:
            self._named_sample(settings.image)
        given = {
            "bundle": settings.bundle,
            "predictions": settings.cross_validation_dir,
            "unet": settings.unet_path,
        }
        for name, path in given.items():
            if path is not None:
                getattr(self, name)

    def _check_types(self, path: str | pathlib.Path, names: tuple[str, ...]) -> None:
        if tuple(names) != self.names:
            raise ValueError(
                f"{path}: must be of the dataset's types, {', '.join(self.names)}. "
                f"Received: {', '.join(names)}"
            )

    def _named_sample(self, name: str) -> Sample:
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise ValueError(
            f"{self.dataset.root}: the image must be one of the split '{self.settings.split}', "
            f"which is scored. Received: '{name}'"
        )


def is_scored(region: Region) -> bool:
    """Whether every cell of a region is labelled with a type of the list."""
    return region.complete and examples.is_example(region)


def cut(pixels: np.ndarray, box, fill: int = _WHITE) -> np.ndarray:
    """The pixels that a box touches; what lies outside of the image has the value `fill`.

    Args:
        pixels: [H, W] or [H, W, 3].
        box: (ymin, xmin, ymax, xmax).
        fill: outside of the image.
    """
    ymin, xmin = np.floor(np.asarray(box[:2]) + 1e-3).astype(int)
    ymax, xmax = np.ceil(np.asarray(box[2:]) - 1e-3).astype(int)
    height, width = pixels.shape[:2]
    patch = np.full((ymax - ymin, xmax - xmin, *pixels.shape[2:]), fill, pixels.dtype)
    inside = boxes.clip([[ymin, xmin, ymax, xmax]], height, width)[0].astype(int)
    top, left, bottom, right = inside
    if bottom > top and right > left:
        place = np.s_[top - ymin : bottom - ymin, left - xmin : right - xmin]
        patch[place] = pixels[top:bottom, left:right]
    return patch


def square_around(box, side: int) -> tuple[int, int, int, int]:
    """The square of `side` pixels around the centre of a box, (ymin, xmin, ymax, xmax)."""
    ymin = round((box[0] + box[2]) / 2 - side / 2)
    xmin = round((box[1] + box[3]) / 2 - side / 2)
    return ymin, xmin, ymin + side, xmin + side
