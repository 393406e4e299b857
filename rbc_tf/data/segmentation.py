"""Masks of stained cells by thresholding, for datasets that have points but no masks.

Red blood cells are darker than the lit background. The green channel, in which haemoglobin
absorbs most, is divided by a smooth estimate of the background, thresholded by Otsu's method,
and its holes (central pallor) are filled.
"""

import dataclasses

import cv2
import numpy as np
from scipy import ndimage


@dataclasses.dataclass(frozen=True)
class SegmentationConfig:
    """Settings, in pixels of the image.

    Attributes:
        background_size: window of the background estimate; larger than any cell.
        smoothing: standard deviation of the blur before thresholding.
        opening: diameter of the disc that wipes out specks and thin bridges.
        min_area: smaller regions are dirt (platelets among it).
        max_hole: larger holes are background enclosed by a ring of cells, and stay.
    """

    background_size: int = 151
    smoothing: float = 1.0
    opening: int = 5
    min_area: int = 250
    max_hole: int = 2000


def segment_cells(
    image: np.ndarray, config: SegmentationConfig = SegmentationConfig()
) -> np.ndarray:
    """uint8 [H, W, 3] RGB to bool [H, W], True on cells."""
    green = cv2.GaussianBlur(image[..., 1], (0, 0), config.smoothing)
    flat = np.clip(green / _background(green, config.background_size), 0, 1)
    levels = np.rint(flat * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = _fill_holes(levels <= threshold, config.max_hole)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (config.opening, config.opening))
    mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc) > 0
    return _drop_small(mask, config.min_area)


def _background(green: np.ndarray, size: int) -> np.ndarray:
    """float32 [H, W], brightness of the empty field at each pixel."""
    # A high percentile in coarse tiles sees between the cells; a blur joins the tiles.
    scale = 8
    small = cv2.resize(green, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    window = max(3, size // scale) | 1
    bright = ndimage.percentile_filter(small, 90, size=window, mode="nearest")
    smooth = cv2.GaussianBlur(bright.astype(np.float32), (0, 0), window / 2)
    background = cv2.resize(smooth, green.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.maximum(background, 1)


def _fill_holes(mask: np.ndarray, max_hole: int) -> np.ndarray:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (~mask).astype(np.uint8), connectivity=4
    )
    height, width = mask.shape
    left, top, w, h, area = stats.T
    inside = (left > 0) & (top > 0) & (left + w < width) & (top + h < height)
    hole = inside & (area <= max_hole) & (np.arange(count) > 0)
    return mask | hole[labels]


def _drop_small(mask: np.ndarray, min_area: int) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= min_area
    keep[0] = False
    return keep[labels]
