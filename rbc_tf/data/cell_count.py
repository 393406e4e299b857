"""How many cells a region holds, judged from its area and outline alone."""

import cv2
import numpy as np

from rbc_tf.data.loops import Loops

# A region counts as convex where it fills more than this share of its convex hull.
_SOLIDITY = 0.9

# The limits below were chosen on the training and validation blocks of Chula RBC-12, on images
# labelled nearly throughout, where the number of labelled cells in a region is the truth.

# A concavity counts as the notch between two cells where it is deeper than this share of the
# typical cell's diameter; spicules and rough outlines are shallower.
_NOTCH_DEPTH = 0.08

# Up to this multiple of the typical cell's area, a region is one cell: without a notch (a
# macrocyte), with one (a bent cell) and with more (a teardrop, or a platelet touching a cell).
_LARGEST_SINGLE = (2.3, 1.5, 1.4)

# Convex regions to be seen before their median area counts as typical.
_FEWEST_FOR_TYPICAL = 3


def estimate(borders: Loops, areas: np.ndarray) -> np.ndarray:
    """Estimates the number of cells of each region of one image.

    The image's typical single cell is the median of its convex regions. A region that is larger
    than one cell of its outline can be holds as many cells as its area has room for.

    Args:
        borders: the loop around each region.
        areas: int [N], the number of pixels of each.

    Returns:
        int32 [N], at least 1.
    """
    areas = np.asarray(areas, np.float64)
    solid = _solid(borders)
    typical = typical_area(areas, solid)
    depth = _NOTCH_DEPTH * 2 * np.sqrt(typical / np.pi)
    ratio = areas / typical
    notches = np.zeros(len(areas), dtype=np.int32)
    # Smaller regions are one cell and larger ones are several, whatever their notches.
    rows = np.flatnonzero((ratio > min(_LARGEST_SINGLE)) & (ratio <= max(_LARGEST_SINGLE)))
    polygons = borders.only(rows).polygons_with_corners()
    notches[rows] = [_count_notches(polygon, depth) for polygon in polygons]
    return _combine(ratio, notches)


def typical_area(areas: np.ndarray, solid: np.ndarray) -> float:
    """Median area of single cells: of the solid regions, without fragments and clusters."""
    candidates = areas[solid] if solid.sum() >= _FEWEST_FOR_TYPICAL else areas
    if len(candidates) == 0:
        return 1.0
    # Dirt pulls a plain median down; half the upper quartile parts it from cells.
    candidates = candidates[candidates >= 0.4 * np.quantile(candidates, 0.75)]
    return float(np.median(candidates))


def _combine(ratio: np.ndarray, notches: np.ndarray) -> np.ndarray:
    """int32 [N] from areas as multiples of the typical one and the number of notches."""
    largest_single = np.array(_LARGEST_SINGLE)[np.minimum(notches, 2)]
    several = np.maximum(np.rint(ratio), 2)
    return np.where(ratio <= largest_single, 1, several).astype(np.int32)


def _solid(borders: Loops) -> np.ndarray:
    """bool [N], which regions are nearly convex: they fill most of their convex hull."""
    polygons = borders.hull_candidates()
    hulls = np.array([cv2.contourArea(cv2.convexHull(polygon)) for polygon in polygons])
    return (borders.polygon_areas() > _SOLIDITY * hulls) | (hulls == 0)


def _count_notches(contour: np.ndarray, depth: float) -> int:
    """How many concavities of the outline are deeper than `depth` pixels."""
    hull = cv2.convexHull(contour, returnPoints=False)
    if len(contour) < 4 or len(hull) < 4:
        return 0
    # OpenCV asks for hull points in order along the contour.
    hull[::-1].sort(axis=0)
    defects = cv2.convexityDefects(contour, hull)
    if defects is None:
        return 0
    # Depths are fixed point with 8 fractional bits.
    return int(np.count_nonzero(defects.reshape(-1, 4)[:, 3] > 256 * depth))
