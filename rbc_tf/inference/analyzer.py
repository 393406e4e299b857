"""The public face in Python: a bundle, loaded once and applied to many images.

import rbc_tf

analyzer = rbc_tf.load("bundle")
analysis = analyzer.analyze("smear.png")
for region in analysis.regions:
    print(region.box, region.labels, region.abnormal)
"""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection.tiling import AUTO, TilingConfig
from rbc_tf.graphs import frozen
from rbc_tf.inference import common_scale, image_analysis, overlap, pretrained
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.image_analysis import SourceImage
from rbc_tf.inference.view_config import AUTO as AUTO_SCALE
from rbc_tf.inference.view_config import ViewConfig

# A file, or pixels: uint8 [H, W, 3] RGB or [H, W] grey.
Image = str | os.PathLike | np.ndarray


def load(
    bundle: str | os.PathLike = pretrained.DEFAULT,
    *,
    plain_thresholds: bool = False,
    precision: str = frozen.AUTO,
    tile_size: str = AUTO,
    tile_overlap: int | None = None,
    scale: str | float = AUTO_SCALE,
    scale_of: str | os.PathLike | None = None,
    rotations: int = 1,
    light: str = AUTO_SCALE,
    bit_depth: int | None = None,
    intensity_range: tuple[int, int] | None = None,
) -> "Analyzer":
    """Loads a bundle; what is left out is as in the command `analyze`.

    Args:
        bundle: the name of one that comes with rbc_tf (`rbc_tf bundles` lists them), the folder
            of one, or the file of a packed one.
        plain_thresholds: take 0.5 for every type, as in the paper, instead of the bundle's own.
        precision: numbers that the networks compute with: 'float32', 'bfloat16', 'float16', or
            'auto': float16 on a GPU, bfloat16 on processors that have it, else float32.
        tile_size: larger images are cut for detection into tiles of this size, 'HxW' in pixels;
            'auto': that of the detector's training images; 'none': every image whole.
        tile_overlap: size in pixels up to which a region is in one tile as a whole; by default
            that of the largest region of the training, at most a third of a tile.
        scale: factor by which images are scaled for the analysis; 'auto': what makes their cells
            as large as those that the bundle learnt from, for each image by itself (the command
            takes those of a folder together); 'none': not at all.
        scale_of: with the scale 'auto', a folder of results of the command: images are scaled as
            those that it analysed, and so come out as they do.
        rotations: quarter turns, 1, 2 or 4, that the types of each region are averaged over: a
            little better, and as many times the features.
        light: 'auto': images darker than those that the bundle learnt from are made as bright for
            the analysis; 'none': every image as it is.
        bit_depth: bits that the camera fills of images of more than 8 bits. Without it and
            `intensity_range`, such images are refused if their files do not say it themselves:
            the command `analyze` estimates it for a folder, and one image says too little.
        intensity_range: (black, white), the same as values.

    Raises:
        ValueError: there is no such bundle, or it is damaged or of another format (BundleError);
            the machine does not have the precision; tiles, scale, rotations, light or intensities
            make no sense; `scale_of` holds no results.
    """
    if bit_depth is not None and intensity_range is not None:
        raise ValueError("Give `bit_depth` or `intensity_range`, not both")
    intensity = None
    if bit_depth is not None:
        intensity = IntensityRange.of_bits(bit_depth)
    elif intensity_range is not None:
        intensity = IntensityRange(*intensity_range)
    found = pretrained.find(bundle)
    if plain_thresholds:
        found = found.with_plain_thresholds()
    if scale_of is not None and scale != AUTO_SCALE:
        raise ValueError(f"`scale_of` must be without `scale`. Received: scale {scale}")
    common = None if scale_of is None else common_scale.of_results(scale_of)
    view_config = ViewConfig(str(scale), rotations, light, common)
    tiling_config = TilingConfig(tile_size, tile_overlap)
    return Analyzer(found, tiling_config, precision, intensity, view_config)


class Analyzer:
    """Finds the regions of images and predicts their cell types. `rbc_tf.load` makes one."""

    def __init__(
        self,
        bundle: Bundle,
        tiling_config: TilingConfig = TilingConfig(),
        precision: str = frozen.AUTO,
        intensity: IntensityRange | None = None,
        view_config: ViewConfig = ViewConfig(),
    ):
        """Loads the parts of a checked bundle.

        Raises BundleError where they do not belong together, ValueError where the machine does
        not have the precision.
        """
        self._chain = Chain(bundle, tiling_config, precision, view_config)
        self._intensity = intensity

    @property
    def cell_types(self) -> CellTypes:
        """The types, in the order of all probabilities."""
        return self._chain.manifest.cell_types

    @property
    def thresholds(self) -> dict[str, float]:
        """{name of a type: probability above which it is predicted}."""
        return dict(zip(self.cell_types.names, self._chain.manifest.thresholds, strict=True))

    @property
    def precision(self) -> str:
        """'float32', 'bfloat16' or 'float16', in which the networks compute."""
        return self._chain.precision

    def analyze(self, image: Image, name: str | None = None) -> Analysis:
        """Finds and classifies the regions of one image.

        Args:
            image: path of a PNG, JPEG, TIFF or BMP file; or pixels, uint8 [H, W, 3] in the order
                red, green, blue (OpenCV's order is the reverse), or grey, uint8 [H, W], which is
                taken as a grey file is: the same value in all three.
            name: what the analysis calls the image; by default the name of the file, '' of pixels.

        Raises:
            ValueError: the file cannot be read (ImageError), or the pixels have another type or
                shape.
            TypeError: `image` is neither a path nor an array.
        """
        return image_analysis.analyze(self._chain, self._source(image, name))

    def analyze_all(
        self,
        images: Iterable[Image],
        on_error: Callable[[Image, image_io.ImageError], None] | None = None,
    ) -> Iterator[Analysis]:
        """Analyses images one by one, in their order; the next are read meanwhile.

        A few images are in memory at a time, however many there are.

        Args:
            images: as of `analyze`.
            on_error: is given an image that cannot be read or analysed, and the error; it is then
                left out and the next are done. Without it, the error is raised.
        """
        with contextlib.closing(overlap.read_ahead(images, self._source)) as sources:
            for image, source in sources:
                try:
                    analysis = image_analysis.analyze(self._chain, source.result())
                except image_io.ImageError as error:
                    if on_error is None:
                        raise
                    on_error(image, error)
                    continue
                yield analysis

    def _source(self, image: Image, name: str | None = None) -> SourceImage:
        if isinstance(image, str | os.PathLike):
            path = pathlib.Path(image)
            content = image_io.read_bytes(path)
            return image_analysis.decode(name or path.name, path, content, self._intensity)
        return SourceImage(name or "", None, _rgb(image))


def _rgb(pixels: np.ndarray) -> np.ndarray:
    # No other objects, though NumPy would take them: of a palette image it sees places, not colours
    if not isinstance(pixels, np.ndarray):
        raise TypeError(
            "An image must be a path or an array uint8 [H, W, 3]. "
            f"Received: {type(pixels).__name__}"
        )
    is_grey = pixels.ndim == 2
    if pixels.dtype != np.uint8 or not (is_grey or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise ValueError(
            "Pixels must be uint8 [H, W, 3] RGB with values of 0 to 255, or grey uint8 [H, W]. "
            f"Received: {pixels.dtype} {list(pixels.shape)}"
        )
    if 0 in pixels.shape:
        raise ValueError(f"An image must have pixels. Received: {list(pixels.shape)}")
    return np.repeat(pixels[..., None], 3, axis=2) if is_grey else pixels
