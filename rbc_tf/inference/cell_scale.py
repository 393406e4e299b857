"""Images whose cells are larger or smaller than those learnt from, looked at in the size learnt.

A detector also finds cells of half and of twice the size that it learnt from, though not as well,
and so says how large those of an image are. Where that is not among the sizes that most images had
that the bundle learnt from, the image is scaled so that its cells are alike, and looked at again.
What is found is given in pixels of the image as it came.

How large cells are also differs between smears, and to scale that away takes from the types what
distinguishes microcytes and macrocytes. So the sizes at both ends of what was learnt from are
scaled, and those in the middle are not. Where images have a scale in common (see `common_scale`),
one is only scaled by itself where its cells are of a size far from that of the others.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping

import cv2
import numpy as np

from rbc_tf.core import boxes as box_lib
from rbc_tf.core import names
from rbc_tf.core.image_io import ImageError
from rbc_tf.core.types import Detections
from rbc_tf.features import background
from rbc_tf.inference import appearance
from rbc_tf.inference.view_config import (
    LARGEST_FACTOR,
    NONE,
    SMALLEST_FACTOR,
    CommonScale,
    ViewConfig,
)

# What is found at about the right size corrects what was found before: small cells merge.
_ROUNDS = 3
# The middle part of the sizes learnt from, as the logarithm has it, that are not scaled. Chosen on
# validation images of Chula of 0.75 to 1.3 of their size; docs/RESULTS.md, Other microscopes, says
# what it costs.
_MIDDLE = 0.7
# The same, of images that have a common scale.
_MIDDLE_OF_COMMON = 1.5
# The least that is tolerated on either side: by as much, and by more where there are few, the
# median of an image's regions differs from others' by which cells it happens to show.
_LEAST_TOLERATED = 1.14
# Nothing is enlarged beyond, so that memory stays bounded however small the cells are: with a
# factor that was given such an image fails, else it stays as it is.
_MOST_ENLARGED_PIXELS = 40_000_000
# A detector scales what is smaller than its training images up to their size, and cells with it.
# From this factor on an empty margin is put around instead.
_BLOWN_UP_FROM = 1.25
# Factors that differ so much, of images scaled one by one, are of several microscopes.
_UNLIKE_FROM = 1.5
# A smaller image, in cells, is no field but the crop of one.
_LEAST_FIELD = 2

Detect = Callable[[np.ndarray], Detections]


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """An image in the size, and the light, in which it is looked at.

    Attributes:
        pixels: uint8 [H, W, 3] RGB, scaled and lit.
        factor: by which it was scaled; 1 for an image as it came.
        source_size: (height, width) of the image as it came.
        detections: every one, in pixels of the scaled image.
        gain: by which its values were multiplied; see `light`.
    """

    pixels: np.ndarray
    factor: float
    source_size: tuple[int, int]
    detections: Detections
    gain: float = 1.0

    def to_source(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes [N, 4] of the scaled image in pixels of the image as it came."""
        return boxes if self._is_source else (boxes / self._ratios()).astype(np.float32)

    def from_source(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes [N, 4] of the image as it came in pixels of the scaled one."""
        return boxes if self._is_source else (boxes * self._ratios()).astype(np.float32)

    def cell_size(self, score_threshold: float) -> float | None:
        """In pixels of the scaled image; None where there are too few regions to say it."""
        boxes = self.above(score_threshold).boxes
        return appearance.cell_size(boxes, *self.pixels.shape[:2])

    def above(self, score_threshold: float) -> Detections:
        """The detections of that score or more, in pixels of the scaled image."""
        kept = self.detections.scores >= score_threshold
        return Detections(self.detections.boxes[kept], self.detections.scores[kept])

    @property
    def _is_source(self) -> bool:
        return self.pixels.shape[:2] == self.source_size

    def _ratios(self) -> np.ndarray:
        # Sides are rounded to whole pixels, each on its own.
        return np.tile(np.divide(self.pixels.shape[:2], self.source_size), 2)


def look(
    detect: Detect,
    image: np.ndarray,
    config: ViewConfig,
    seen: Mapping[str, appearance.Range],
    training_size: tuple[int, int] | None,
    score_threshold: float,
) -> View:
    """Detects in an image, scaled as `config` says.

    Args:
        detect: gives every detection in an image uint8 [H, W, 3] RGB.
        image: such an image.
        config: what is asked for.
        seen: of the bundle, see `appearance.ranges`; without a size of cells no scale is found.
        training_size: (height, width) of the detector's training images, if it is known.
        score_threshold: detections below say nothing of the size of cells.

    Returns:
        The view. An image stays as it is, or at the scale that it has in common with others, where
        too few regions are found to tell the size of its cells, or where these would come out no
        more like those that were learnt from, or those of the others; and where it is a crop of a
        cell or two, on an empty margin.

    Raises:
        ImageError: the image would be too large at the factor that was given.
    """
    if config.factor is not None:
        _check(config.factor, image.shape)
        return _view(detect, image, config.factor, training_size)
    if is_crop(image, seen):
        factor = 1.0 if config.common is None else config.common.factor
        return _view(detect, image, factor, training_size)
    view = _first_view(detect, image, config.common, training_size)
    if config.scale == NONE or "cell_size" not in seen:
        return view
    wanted, tolerated = _wanted(seen["cell_size"], _MIDDLE)
    if config.common is not None:
        wanted = config.common.size * config.common.factor
        _, tolerated = _wanted(seen["cell_size"], _MIDDLE_OF_COMMON)
    for _ in range(_ROUNDS):
        size = view.cell_size(score_threshold)
        if not size or 1 / tolerated <= size / wanted <= tolerated:
            break
        factor = view.factor * wanted / size
        if not _is_possible(factor, image.shape):
            break
        other = _view(detect, image, factor, training_size)
        found = other.cell_size(score_threshold)
        if not found or abs(np.log(found / wanted)) >= abs(np.log(size / wanted)):
            break
        view = other
    return view


def _first_view(
    detect: Detect,
    image: np.ndarray,
    common: CommonScale | None,
    training_size: tuple[int, int] | None,
) -> View:
    if common is not None and common.factor != 1 and _is_possible(common.factor, image.shape):
        return _view(detect, image, common.factor, training_size)
    # Without a margin, which would leave small cells of small images too small to be found.
    return View(image, 1.0, image.shape[:2], detect(image))


def is_crop(image: np.ndarray, seen: Mapping[str, appearance.Range]) -> bool:
    """Whether an image [H, W, 3] is too small for more than a cell or two of the size learnt.

    A detector would scale it up, and find the pieces of a cell. They say nothing of its size.
    """
    if "cell_size" not in seen:
        return False
    wanted, _ = _wanted(seen["cell_size"], _MIDDLE)
    return max(image.shape[:2]) < _LEAST_FIELD * wanted


def factor_for(size: float, seen: appearance.Range) -> float:
    """The factor for images whose regions are of that size, in pixels; 1 where it is tolerated."""
    wanted, tolerated = _wanted(seen, _MIDDLE)
    if 1 / tolerated <= size / wanted <= tolerated:
        return 1.0
    factor = min(max(wanted / size, SMALLEST_FACTOR), LARGEST_FACTOR)
    return float(f"{factor:.3g}")


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    """The image uint8 [H, W, 3] with its sides multiplied by `factor`, at least a pixel each."""
    if factor == 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    # Averages where pixels merge, so that fine structure does not turn into patterns.
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=interpolation)


def note(factors: Mapping[str, float], total: int, is_given: bool = False) -> str:
    """One line of the images that were scaled; '' where none was.

    Args:
        factors: {name of an image: its factor}; those of 1 may be left out.
        total: number of images.
        is_given: the factor was given, not found.
    """
    found = sorted(factor for factor in factors.values() if factor != 1)
    if not found:
        return ""
    span = " to ".join(dict.fromkeys(f"{factor:.3g}" for factor in (found[0], found[-1])))
    reason = "" if is_given else ", so that their cells are as large as those learnt from"
    images = f"{len(found)} of {names.number(total, 'image')} {names.was_or_were(len(found))}"
    return f"{images} scaled by {span} for the analysis{reason}"


def warning_of_unlike(factors: Collection[float]) -> str | None:
    """One line for images without a common scale whose factors differ much; None where not.

    Args:
        factors: of images each of which was scaled by itself, and in which the size of cells can
            be told: others say nothing.
    """
    found = sorted(factors)
    if not found or found[-1] < _UNLIKE_FROM * found[0]:
        return None
    return (
        f"images were scaled each by itself, by {found[0]:.3g} to {found[-1]:.3g}: their cells "
        "differ too much in size to be of one microscope, and sizes in one cannot be held against "
        "those in another. Analyse the images of each microscope in a folder of its own, or give "
        "--scale"
    )


def _wanted(seen: appearance.Range, middle: float) -> tuple[float, float]:
    """The size of cells that is wanted, and by which factor one may differ from it.

    `middle` is the part of the sizes seen, as the logarithm has it, that is tolerated.
    """
    low, high = seen
    tolerated = (high / low) ** (middle / 2) if low > 0 else _LEAST_TOLERATED
    return (low * high) ** 0.5, max(tolerated, _LEAST_TOLERATED)


def _view(
    detect: Detect, image: np.ndarray, factor: float, training_size: tuple[int, int] | None
) -> View:
    pixels = scaled(image, factor)
    canvas = _with_margin(pixels, training_size)
    found = detect(canvas)
    if canvas is not pixels:
        found = _inside(found, *pixels.shape[:2])
    return View(pixels, factor, image.shape[:2], found)


def _with_margin(pixels: np.ndarray, training_size: tuple[int, int] | None) -> np.ndarray:
    """The image at the top left of one of the training's size, on its own empty background."""
    height, width = pixels.shape[:2]
    if training_size is None:
        return pixels
    full_height, full_width = training_size
    if min(full_height / height, full_width / width) < _BLOWN_UP_FROM:
        return pixels
    canvas = np.empty((full_height, full_width, 3), np.uint8)
    canvas[:] = np.rint(np.asarray(background.colour(pixels))).astype(np.uint8)
    canvas[:height, :width] = pixels
    return canvas


def _inside(found: Detections, height: int, width: int) -> Detections:
    """What lies at least by half in the image, cut off at its edges."""
    cut = box_lib.clip(found.boxes, height, width)
    areas, cut_areas = box_lib.area(found.boxes), box_lib.area(cut)
    kept = (cut_areas > 0) & (cut_areas >= areas / 2)
    return Detections(cut[kept], found.scores[kept])


def _check(factor: float, shape: tuple[int, ...]) -> None:
    if not _is_possible(factor, shape):
        raise ImageError(
            f"Scaled by {factor:g}, an image must have at most {_MOST_ENLARGED_PIXELS:,} pixels. "
            f"Received: {shape[1]} x {shape[0]}, scaled by {factor:g}"
        )


def _is_possible(factor: float, shape: tuple[int, ...]) -> bool:
    if not SMALLEST_FACTOR <= factor <= LARGEST_FACTOR:
        return False
    pixels = shape[0] * shape[1]
    return factor <= 1 or pixels * factor**2 <= max(pixels, _MOST_ENLARGED_PIXELS)
