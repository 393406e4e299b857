"""The empty field of a source image: its level, unevenness and grain, without its cells."""

import dataclasses
from collections.abc import Iterable

import cv2
import numpy as np

# Farther than this from the cells, in pixels, the halo of their rims has faded.
HALO = 6

# Where less of an image than this is free of cells, its edge stands for the background.
_LEAST_FREE = 20  # pixels

# Images with a side below this are patches cut around a cell: their field is even.
_PATCH_SIDE = 160

_OTHER_HUE = 0.06  # relative to the mean of R, G and B

_SMOOTHING = 40.0  # pixels, of the smooth field between the cells
_COARSE = 8  # it is computed on an image that many times smaller

_LAGS = 12  # pixels within which grain is correlated


@dataclasses.dataclass(frozen=True, eq=False)
class Grain:
    """What is known of the grain: its independent parts and how each is correlated in space.

    Attributes:
        colours: float64 [3, 3], columns are the independent parts, as relative brightness in R, G
            and B.
        correlations: float64 [3, 2 * LAGS + 1, 2 * LAGS + 1], autocovariance of each part.
    """

    colours: np.ndarray
    correlations: np.ndarray

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """float32 [H, W, 3], relative brightness of mean 0: noise of the same correlations."""
        parts = [_noise(correlation, shape, rng) for correlation in self.correlations]
        return (np.stack(parts, axis=-1) @ self.colours.T).astype(np.float32)


def is_patch(shape: tuple[int, int]) -> bool:
    """Whether an image of that shape is a patch that was cut around a cell, no whole field."""
    return min(shape) < _PATCH_SIDE


def background(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """float32 [H, W, 3], the light of the empty field at each pixel of uint8 [H, W, 3].

    Between the cells of `mask` it is what is seen there, smoothed; a patch is taken as even.
    """
    free = cv2.dilate(mask.astype(np.uint8), _disc(2 * HALO + 1)) == 0
    if free.sum() < _LEAST_FREE:
        free = ~mask
    if free.sum() < _LEAST_FREE:
        free = np.pad(np.zeros(np.subtract(mask.shape, 2), bool), 1, constant_values=True)
    if is_patch(mask.shape):
        level = np.median(image[free], axis=0)
        return np.broadcast_to(level.astype(np.float32), image.shape).copy()
    image = image.astype(np.float32)
    plain = free & ~_coloured(image, free)
    return _smooth(image, plain if plain.sum() > 0.02 * plain.size else free)


def measure_grain(images: Iterable[tuple[np.ndarray, np.ndarray]]) -> Grain:
    """The grain of (image uint8 [H, W, 3], mask bool [H, W]) pairs, over all that is free."""
    residuals, frees = [], []
    for image, mask in images:
        field = background(image, mask)
        free = cv2.dilate(mask.astype(np.uint8), _disc(2 * HALO + 1)) == 0
        residual = image / np.maximum(field, 1) - 1
        # Platelets and dirt are no grain.
        spread = 1.4826 * np.median(np.abs(residual[free])) if free.any() else 0.0
        dirt = np.abs(cv2.GaussianBlur(residual, (0, 0), 1.5)).max(axis=-1) > max(3 * spread, 0.02)
        free &= cv2.dilate(dirt.astype(np.uint8), _disc(5)) == 0
        if free.any():
            residual = residual - residual[free].mean(axis=0)
        residuals.append(residual)
        frees.append(free)
    pixels = np.concatenate([r[f] for r, f in zip(residuals, frees, strict=True)])
    covariance = np.cov(pixels.T) if len(pixels) > 3 else np.eye(3) * 1e-6
    _, colours = np.linalg.eigh(covariance)
    shares = [_autocovariance([r @ colours[:, k] for r in residuals], frees) for k in range(3)]
    return Grain(colours, np.stack(shares))


def _coloured(image: np.ndarray, free: np.ndarray) -> np.ndarray:
    """bool [H, W], what has another hue than most of the free field: spots of dye, white cells."""
    hue = image / np.maximum(image.mean(axis=-1, keepdims=True), 1)
    hue = cv2.GaussianBlur(hue, (0, 0), 2.0)
    return np.abs(hue - np.median(hue[free], axis=0)).max(axis=-1) > _OTHER_HUE


def _smooth(image: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The image between the cells, spread over them."""
    size = (image.shape[1] // _COARSE, image.shape[0] // _COARSE)
    weight = cv2.resize(free.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    light = cv2.resize(image * free[..., None], size, interpolation=cv2.INTER_AREA)
    found = np.zeros((*weight.shape, 3), np.float32)
    # Wide windows where the narrow one sees no background.
    for width in (4, 2, 1):
        sigma = width * _SMOOTHING / _COARSE
        seen = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        mean = cv2.GaussianBlur(light, (0, 0), sigma) / np.maximum(seen, 1e-6)
        trust = np.clip(seen / 0.1, 0, 1)
        found = trust * mean + (1 - trust) * found if found.any() else mean
    return cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _autocovariance(parts: list[np.ndarray], frees: list[np.ndarray]) -> np.ndarray:
    """float64 [2 L + 1, 2 L + 1], mean product of pixels a lag apart, over free pairs."""
    products, pairs = np.zeros((2, 2 * _LAGS + 1, 2 * _LAGS + 1))
    for part, free in zip(parts, frees, strict=True):
        shape = tuple(side + _LAGS for side in free.shape)
        seen = np.fft.rfft2(free.astype(np.float64), shape)
        values = np.fft.rfft2(np.where(free, part, 0.0), shape)
        products = products + _near_lags(np.fft.irfft2(np.abs(values) ** 2, shape))
        pairs = pairs + _near_lags(np.fft.irfft2(np.abs(seen) ** 2, shape))
    return products / np.maximum(pairs, 1)


def _near_lags(correlation: np.ndarray) -> np.ndarray:
    lags = np.arange(-_LAGS, _LAGS + 1)
    return correlation[np.ix_(lags, lags)]


def _noise(covariance: np.ndarray, shape: tuple[int, int], rng) -> np.ndarray:
    """float64 [H, W], Gaussian noise of an autocovariance."""
    # Faded out towards the largest lag; what the estimate has of negative power is dropped.
    lags = np.arange(-_LAGS, _LAGS + 1)
    fade = np.cos(np.pi / 2 * np.minimum(np.hypot(lags[:, None], lags) / (_LAGS + 1), 1)) ** 2
    full = tuple(int(side) + 2 * _LAGS for side in shape)
    placed = np.zeros(full)
    placed[np.ix_(lags, lags)] = covariance * fade
    power = np.maximum(np.fft.fft2(placed).real, 0)
    total = power.mean()
    if total <= 0:
        return np.zeros(shape)
    power *= max(covariance[_LAGS, _LAGS], 0) / total
    white = np.fft.fft2(rng.standard_normal(full))
    return np.fft.ifft2(white * np.sqrt(power)).real[: shape[0], : shape[1]]


def _disc(diameter: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
