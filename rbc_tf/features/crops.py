"""Patches cut from an image, one per box (the paper: each detected box, resized to 224x224).

One TensorFlow function serves the feature cache, the analysis of new images and the exported
graph, so that a patch has the same values wherever it is made.

Geometry. Coordinates are continuous: pixel k of the source covers [k, k + 1), its centre is
k + 0.5; a box [ymin, ymax) is an interval of these coordinates. The box is grown by `context` times
its height above and below and by `context` times its width left and right. A patch looks at a
*window* of the image, which the mode derives from the grown box; what lies in the window but not in
the part that the mode shows is filled. To add a mode, write one function (see `MODES`).

Output pixel i of S looks at the source coordinate

    start + (i + 0.5) * (stop - start) / S

and takes the bilinear mean of the four pixel centres around it (half-pixel centres: a window of
exactly S x S pixels gives those pixels back). Regions are mostly smaller than a patch, where
bilinear interpolation is right; where patches are smaller than regions, `supersample` = k takes
the mean of k x k evenly spaced such samples per output pixel, against aliasing. Neighbouring
pixels outside the box take part at its edge; at the edge of the image the last pixel is repeated.
Samples outside the image are filled with a colour that the backbone chooses: for ResNet-50 the
ImageNet mean, which its preprocessing makes 0, and with 0 its convolutions pad too.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable

import numpy as np

from rbc_tf.core import boxes as box_lib
from rbc_tf.core import config as config_lib
from rbc_tf.features import backbone_spec, background
from rbc_tf.features.backbone_spec import BackboneSpec

if typing.TYPE_CHECKING:
    import tensorflow as tf
else:
    from rbc_tf.features.lazy_tensorflow import tf  # commands list modes and settings without it

# Enters the fingerprint of the feature cache: raise it whenever the values of patches change.
CROP_VERSION = 1

# Beyond, a patch is cut from the part of the image around it, and the colour of the background is
# that of as many of its pixels.
_LARGE_PIXELS = 40_000_000


@dataclasses.dataclass(frozen=True)
class Mode:
    """A way to choose what a patch looks at.

    Attributes:
        look: grown boxes float32 [N, 4] and settings -> windows [N, 4], and the part of each that
            is shown [N, 4]; None: all of it.
        summary: what it keeps, for flags and documentation.
        takes: those of the settings 'context' and 'window' that mean something to it.
    """

    look: Callable[[tf.Tensor, CropConfig], tuple[tf.Tensor, tf.Tensor | None]]
    summary: str
    takes: tuple[str, ...]


# By name, in the order they are listed to the user. Each function below with `@_mode` adds itself.
MODES: dict[str, Mode] = {}


def _mode(summary: str, takes: tuple[str, ...]) -> Callable:
    def add(look: Callable) -> Callable:
        MODES[look.__name__.removeprefix("_")] = Mode(look, summary, takes)
        return look

    return add


@_mode("as the paper, both sides become the patch's", takes=("context",))
def _stretch(boxes, config):
    """The grown box."""
    return boxes, None


@_mode("keeps proportions", takes=("context",))
def _letterbox(boxes, config):
    """The square around the grown box: its longer side, the same centre. The box alone is shown."""
    half = tf.reduce_max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True) / 2
    return _square(boxes, half), boxes


@_mode("keeps size as well, neighbours included", takes=("window",))
def _fixed_scale(boxes, config):
    """`window` source pixels around the centre of the box; a box larger than that is cut off."""
    return _square(boxes, tf.constant(config.window / 2, tf.float32)), None


@_mode("keeps size, the box alone", takes=("window", "context"))
def _fixed_scale_filled(boxes, config):
    """As fixed_scale, but only the grown box is shown, so that no neighbour takes part."""
    return _square(boxes, tf.constant(config.window / 2, tf.float32)), boxes


@_mode("keeps size, the box alone, larger boxes shrunk to fit", takes=("window", "context"))
def _fixed_scale_fitted(boxes, config):
    """As fixed_scale_filled, but the window of a grown box larger than it is that of letterbox.

    So the window can be little larger than a cell, which then has many pixels, and a cluster is
    still seen as a whole.
    """
    longer = tf.reduce_max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True)
    return _square(boxes, tf.maximum(longer, config.window) / 2), boxes


def describe_modes(takes: str | None = None) -> str:
    """One line for users: the modes, or those that a setting means something to."""
    if takes:
        return ", ".join(name for name, mode in MODES.items() if takes in mode.takes)
    return "; ".join(f"{name}: {mode.summary}" for name, mode in MODES.items())


@dataclasses.dataclass(frozen=True)
class CropConfig:
    """How patches are cut; see the module for the geometry.

    Attributes:
        mode: one of `MODES`; 'stretch' in the paper.
        size: height and width of a patch in pixels; 224 in the paper.
        context: margin on each side of the box as a share of that side; 0 in the paper, and for
            modes that take none.
        window: side of the window in source pixels, for modes that take it and for them alone.
        supersample: samples per output pixel along each axis.
        fill: RGB, 0 to 255, of what is not shown; None: ResNet-50's. See `for_backbone`.
        background: brightness, 1 to 255, that the empty background of each image is brought to by
            dividing each colour by it (see `background`), so that lamps, white balances and
            exposures agree; None, as in the paper: the image as it is.
    """

    mode: str = "stretch"
    size: int = 224
    context: float = 0.0
    window: float | None = None
    supersample: int = 1
    fill: tuple[float, float, float] | None = dataclasses.field(
        default=None, metadata=config_lib.ADDED_LATER
    )
    background: float | None = dataclasses.field(default=None, metadata=config_lib.ADDED_LATER)

    def __post_init__(self):
        if self.mode not in MODES:
            raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: {self.mode!r}")
        if self.size < 1:
            raise ValueError(f"`size` must be 1 or more. Received: {self.size}")
        if not 0 <= self.context < float("inf"):
            raise ValueError(f"`context` must be 0 or more. Received: {self.context}")
        if not 1 <= self.supersample <= 16:
            raise ValueError(f"`supersample` must be 1 to 16. Received: {self.supersample}")
        if not all(0 <= value <= 255 for value in self.fill or ()):
            raise ValueError(f"`fill` must be RGB in [0, 255]. Received: {self.fill}")
        if self.background is not None and not 1 <= self.background <= 255:
            raise ValueError(f"`background` must be 1 to 255. Received: {self.background}")
        self._check_window()

    def _check_window(self):
        takes = MODES[self.mode].takes
        if "window" not in takes and self.window is not None:
            raise ValueError(
                f"`window` must be left out unless `mode` is {describe_modes('window')}. "
                f"Received: {self.window} with mode {self.mode}"
            )
        if "window" in takes and not (self.window and 1 <= self.window < float("inf")):
            raise ValueError(
                f"`window` must be 1 or more source pixels where `mode` is {self.mode}. "
                f"Received: {self.window}"
            )
        if "context" not in takes and self.context:
            raise ValueError(
                f"`context` must be 0 where `mode` is {self.mode}: the window already says what "
                f"is seen. Received: {self.context}"
            )


def for_backbone(config: CropConfig, spec: BackboneSpec) -> CropConfig:
    """The same with the colour of the fill that a backbone wants."""
    fill = None if spec.name == backbone_spec.UNNAMED else spec.fill
    return dataclasses.replace(config, fill=fill)


def check_boxes(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """The boxes as float32 [N, 4], for an image of that size.

    Raises ValueError naming the first box that is not finite, has a side of less than one pixel
    or lies outside the image. A box that is partly outside is accepted.
    """
    boxes = box_lib.as_boxes(boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    visible = box_lib.area(box_lib.clip(boxes, height, width)) > 0
    usable = np.isfinite(boxes).all(axis=1) & (sides >= 1).all(axis=1) & visible
    if not usable.all():
        first = int(np.argmin(usable))
        raise ValueError(
            f"A box must have finite edges (ymin, xmin, ymax, xmax), sides of one pixel or more, "
            f"and overlap the image of {height}x{width}. "
            f"Received: box {first} = {boxes[first].tolist()}"
        )
    return boxes


def background_colour(image: np.ndarray | tf.Tensor, config: CropConfig) -> tf.Tensor | None:
    """float32 [3] RGB of the background that patches are divided by; None where they are not.

    Of an array of more than `_LARGE_PIXELS`, every so many rows of blocks are looked at.
    """
    if config.background is None:
        return None
    if isinstance(image, np.ndarray):
        image = background.thinned(image, _LARGE_PIXELS)
    return background.colour(image)


def cut_patches(
    image: tf.Tensor, boxes: tf.Tensor, config: CropConfig, colour: tf.Tensor | None = None
) -> tf.Tensor:
    """One patch per box; the same eagerly, in `tf.data` and in an exported graph.

    Every finite box has a result, a box outside of the image one of fill alone, so that graphs
    can pad their boxes; `check_boxes` refuses boxes that make no sense.

    Args:
        image: uint8 or float [H, W, 3] RGB, 0 to 255.
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in pixels of the image.
        colour: of `background_colour`, for who cuts several times from one image, or from a part
            of it; None: that of this image.

    Returns:
        float32 [N, size, size, 3] RGB, 0 to 255, not rounded; [0, size, size, 3] for no boxes.
    """
    image = tf.convert_to_tensor(image)
    image.shape.assert_is_compatible_with([None, None, 3])
    boxes = tf.reshape(tf.cast(boxes, tf.float32), [-1, 4])
    windows, shown = MODES[config.mode].look(_grow(boxes, config.context), config)
    ys, xs = _sample_places(windows, config.size * config.supersample)
    samples = _bilinear(image, ys, xs)
    if config.background is not None:
        colour = background_colour(image, config) if colour is None else colour
        gain = config.background / colour
        samples = tf.minimum(samples * gain, 255.0)
    keep = _inside(ys, 0.0, tf.shape(image)[0]), _inside(xs, 0.0, tf.shape(image)[1])
    if shown is not None:
        keep = (
            keep[0] & _inside(ys, shown[:, 0:1], shown[:, 2:3]),
            keep[1] & _inside(xs, shown[:, 1:2], shown[:, 3:4]),
        )
    keep = keep[0][:, :, None, None] & keep[1][:, None, :, None]
    fill = config.fill or backbone_spec.find(backbone_spec.UNNAMED).fill
    patches = tf.where(keep, samples, tf.constant(fill, tf.float32))
    return _mean_of_samples(patches, config)


def cut_patches_of(
    image: np.ndarray, boxes: np.ndarray, config: CropConfig, colour: tf.Tensor | None = None
) -> tf.Tensor:
    """As `cut_patches`, from an array, in memory that does not grow with the image.

    Of a large image each patch is cut from the part around its box: `cut_patches` needs four
    times the memory of all its pixels, twice. Coordinates in a part are rounded otherwise, in
    their seventh digit.
    """
    if len(boxes) == 0:
        image = image[:1, :1]  # nothing is cut from it, however large it is
    if image.shape[0] * image.shape[1] <= _LARGE_PIXELS:
        return cut_patches(image, boxes, config, colour)
    colour = background_colour(image, config) if colour is None else colour
    grown = _grow(tf.reshape(tf.cast(boxes, tf.float32), [-1, 4]), config.context)
    windows = MODES[config.mode].look(grown, config)[0].numpy()
    return tf.concat(
        [
            _cut_from_part(image, window, np.asarray(box), config, colour)
            for window, box in zip(windows, boxes, strict=True)
        ],
        axis=0,
    )


def _cut_from_part(
    image: np.ndarray,
    window: np.ndarray,
    box: np.ndarray,
    config: CropConfig,
    colour: tf.Tensor | None,
) -> tf.Tensor:
    """float32 [1, size, size, 3]; two pixels around what is looked at are all that it touches."""
    sides = np.array(image.shape[:2])
    low = np.clip(np.floor(window[:2]) - 2, 0, sides - 1).astype(int)
    high = np.clip(np.ceil(window[2:]) + 2, low + 1, sides).astype(int)
    part = image[low[0] : high[0], low[1] : high[1]]
    return cut_patches(part, (box - np.tile(low, 2))[None], config, colour)


def cut_pictures(image: np.ndarray, boxes: np.ndarray, config: CropConfig) -> np.ndarray:
    """uint8 [N, size, size, 3], the patches of checked boxes, rounded.

    A quarter of the memory, and the last digit changes neither training nor pictures.

    Raises:
        ValueError: see `check_boxes`.
    """
    checked = check_boxes(boxes, *image.shape[:2])
    return np.rint(cut_patches(image, checked, config).numpy()).astype(np.uint8)


def _grow(boxes: tf.Tensor, context: float) -> tf.Tensor:
    margin = context * (boxes[:, 2:] - boxes[:, :2])
    return tf.concat([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def _square(boxes: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    """Squares around the centres of the boxes, `half` to each side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return tf.concat([centres - half, centres + half], axis=1)


def _sample_places(windows: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Source coordinates float32 [N, count] of the samples, down and across."""
    steps = (tf.range(count, dtype=tf.float32) + 0.5) / count
    ys = windows[:, 0:1] + steps * (windows[:, 2:3] - windows[:, 0:1])
    xs = windows[:, 1:2] + steps * (windows[:, 3:4] - windows[:, 1:2])
    return ys, xs


def _inside(places: tf.Tensor, start, stop) -> tf.Tensor:
    return (places >= start) & (places < tf.cast(stop, tf.float32))


def _bilinear(image: tf.Tensor, ys: tf.Tensor, xs: tf.Tensor) -> tf.Tensor:
    """float32 [N, count, count, 3] at evenly spaced places; right only inside of the image.

    `tf.image.crop_and_resize` counts from pixel centres (place - 0.5), spreads its samples from
    the first place to the last, divides places by (side - 1) and gives nothing beyond the
    outermost centres. One repeated pixel all around (hence + 1) covers the half pixel there.
    """
    padded = tf.pad(tf.cast(image, tf.float32), [[1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    last = tf.cast(tf.shape(padded)[:2] - 1, tf.float32)
    ends = tf.stack([ys[:, 0], xs[:, 0], ys[:, -1], xs[:, -1]], axis=1) - 0.5 + 1
    normalised = ends / tf.concat([last, last], axis=0)
    count = ys.shape[1]
    which = tf.zeros([tf.shape(ys)[0]], tf.int32)
    return tf.image.crop_and_resize(padded[None], normalised, which, [count, count])


def _mean_of_samples(patches: tf.Tensor, config: CropConfig) -> tf.Tensor:
    if config.supersample == 1:
        return patches
    fine = [-1, config.size, config.supersample, config.size, config.supersample, 3]
    return tf.reduce_mean(tf.reshape(patches, fine), axis=[2, 4])
