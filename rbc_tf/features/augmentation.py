"""Patches seen anew: out of focus, compressed, turned, mirrored, under other light and stain.

NumPy and OpenCV alone.
"""

import dataclasses

import cv2
import numpy as np

# What blur and compression, where they are asked for, are applied to; the rest stays sharp.
_DEGRADED_SHARE = 0.5

# Side of what JPEG stores at a time, in pixels: two blocks, where colour has half the resolution.
_JPEG_UNIT = 16


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """How far patches are varied. Cells have no up and down: every angle is as likely.

    Attributes:
        zoom: largest relative change of size; small, since size distinguishes types.
        shift: largest shift, as a share of the side.
        stain: largest relative change of each colour channel, drawn for each.
        density: largest relative change of the optical density of each colour channel, one part of
            it drawn for all channels and one, half as large, for each: a stain taken up more or
            less, which leaves the background as it is.
        white: brightness of the background, 1 to 255, whose density is 0: the crop's `background`.
        light: largest change of brightness, in grey values of 255.
        contrast: largest relative change of contrast.
        blur: largest deviation of the Gaussian, in pixels of the patch, that half of the patches
            are softened by: focus that other microscopes have.
        jpeg_quality: lowest quality, 1 to 100, at which half of the patches are compressed as JPEG;
            100: none is.
    """

    zoom: float = 0.05
    shift: float = 0.05
    stain: float = 0.08
    density: float = 0.0
    white: float = 255.0
    light: float = 15.0
    contrast: float = 0.15
    blur: float = 0.0
    jpeg_quality: int = 100

    def __post_init__(self):
        for name in ("zoom", "shift", "stain", "density", "contrast"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be 0 or more, below 1. Received: {getattr(self, name)}"
                )
        if not 0 <= self.light < 256:
            raise ValueError(f"`light` must be 0 to 255. Received: {self.light}")
        if not 1 <= self.white <= 255:
            raise ValueError(f"`white` must be 1 to 255. Received: {self.white}")
        if not 0 <= self.blur < 100:
            raise ValueError(f"`blur` must be 0 or more, below 100. Received: {self.blur}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"`jpeg_quality` must be 1 to 100. Received: {self.jpeg_quality}")


def augment(
    patches: np.ndarray, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """float32 [N, S, S, 3] in [0, 255] from patches uint8 [N, S, S, 3]; the input is unchanged."""
    turned = np.empty(patches.shape, np.float32)
    for i, patch in enumerate(patches):
        # As in an image: it is out of focus before it is compressed, and turned only here.
        softened = _blur(patch, config, rng) if config.blur else patch
        stored = _compress(softened, config, rng) if config.jpeg_quality < 100 else softened
        turned[i] = _move(stored, config, rng)
    if config.density:
        turned = _restain(turned, config, rng)
    return _relight(turned, config, rng)


def _blur(patch: np.ndarray, config: AugmentationConfig, rng: np.random.Generator) -> np.ndarray:
    if rng.random() >= _DEGRADED_SHARE:
        return patch
    # A deviation of 0 would let OpenCV choose one.
    deviation = max(rng.uniform(0, config.blur), 1e-3)
    return cv2.GaussianBlur(patch, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101)


def _compress(
    patch: np.ndarray, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """As JPEG stores it, the patch lying anyhow on the grid of blocks."""
    if rng.random() >= _DEGRADED_SHARE:
        return patch
    quality = int(rng.integers(config.jpeg_quality, 101))
    top, left = rng.integers(0, _JPEG_UNIT, 2).tolist()
    placed = cv2.copyMakeBorder(patch, top, 0, left, 0, cv2.BORDER_REFLECT_101)
    blue_first = np.ascontiguousarray(placed[..., ::-1])
    _, encoded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)[top:, left:]


def _move(patch: np.ndarray, config: AugmentationConfig, rng: np.random.Generator) -> np.ndarray:
    """Rotated by any angle about its centre, perhaps mirrored, zoomed and shifted."""
    side = patch.shape[0]
    centre = (side - 1) / 2
    zoom = 1 + rng.uniform(-config.zoom, config.zoom)
    affine = cv2.getRotationMatrix2D((centre, centre), rng.uniform(0, 360), zoom)
    affine[:, 2] += rng.uniform(-config.shift, config.shift, 2) * side
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    # What turns into view at the corners was not cut: the patch is continued by its mirror image.
    return cv2.warpAffine(
        np.ascontiguousarray(patch),
        affine,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )


def _restain(
    patches: np.ndarray, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """Optical densities, the negative logarithms of what share of light passes, times a factor."""
    count, limit = len(patches), config.density
    factor = 1 + rng.uniform(-limit, limit, (count, 1, 1, 1))
    factor = factor * (1 + rng.uniform(-limit / 2, limit / 2, (count, 1, 1, 3)))
    passed = np.maximum(patches, 1.0) / config.white
    return (config.white * passed**factor).astype(np.float32)


def _relight(
    patches: np.ndarray, config: AugmentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """One gain per patch and channel, one brightness and one contrast per patch."""
    count = len(patches)
    gain = 1 + rng.uniform(-config.stain, config.stain, (count, 1, 1, 3))
    contrast = 1 + rng.uniform(-config.contrast, config.contrast, (count, 1, 1, 1))
    light = rng.uniform(-config.light, config.light, (count, 1, 1, 1))
    mean = patches.mean(axis=(1, 2), keepdims=True)
    relit = ((patches - mean) * contrast + mean) * gain + light
    return np.clip(relit, 0, 255).astype(np.float32)
