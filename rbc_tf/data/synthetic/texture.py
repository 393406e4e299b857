"""Fine structure inside a cell: reticulum, granules, spicules seen from above, uneven stain.

Each function returns a float32 [h, w] map over the cell's canvas, of about 1 at its strongest.
"""

import cv2
import numpy as np

from rbc_tf.data.synthetic.canvas import Canvas

_SUBPIXEL_BITS = 4


def reticulum(
    rng: np.random.Generator, canvas: Canvas, radius: float, num_strands: int, thickness: float
) -> np.ndarray:
    """A network of winding strands with knots: the precipitated RNA of a reticulocyte.

    `radius` is the cell's and `thickness` the strands', in pixels.
    """
    drawn = np.zeros(canvas.shape, dtype=np.float32)
    for x, y in canvas.inside(rng, num_strands, min_depth=0.30 * radius):
        num_steps = rng.integers(3, 10)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.9, num_steps))
        steps = 0.13 * radius * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        strand = _subpixel(np.array([x, y]) + np.cumsum(steps, axis=0))
        width = max(1, round(thickness * rng.uniform(0.6, 1.2)))
        cv2.polylines(drawn, [strand], False, rng.uniform(0.6, 1.0), width, shift=_SUBPIXEL_BITS)
        for knot in strand[:: rng.integers(2, 5)]:
            _dot(drawn, knot, thickness * rng.uniform(0.4, 1.0), 1.0)
    inner = canvas.body(edge_width=0.12 * radius) ** 2
    return _softened(drawn, 0.35 * thickness) * inner


def granules(
    rng: np.random.Generator, canvas: Canvas, radius: float, count: int, size: float
) -> np.ndarray:
    """`count` separate grains of `size` pixels radius, strewn over the cell."""
    drawn = np.zeros(canvas.shape, dtype=np.float32)
    for place in canvas.inside(rng, count, min_depth=0.10 * radius):
        _dot(drawn, _subpixel(place), size * rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.0))
    return _softened(drawn, 0.4 * size) * canvas.mask


def spicules_from_above(
    rng: np.random.Generator, canvas: Canvas, radius: float, count: int
) -> np.ndarray:
    """Spicules that point at the viewer: blurred dark spots away from the edge."""
    drawn = np.zeros(canvas.shape, dtype=np.float32)
    for place in canvas.inside(rng, count, min_depth=0.28 * radius):
        _dot(drawn, _subpixel(place), radius * rng.uniform(0.06, 0.11), rng.uniform(0.5, 1.0))
    return _softened(drawn, 0.07 * radius)


def mottling(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Smooth noise of mean 0 and about unit deviation, with `cells` periods along a side."""
    coarse = rng.standard_normal((cells + 2, cells + 2), dtype=np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _subpixel(points: np.ndarray) -> np.ndarray:
    return np.rint(points * 2**_SUBPIXEL_BITS).astype(np.int32)


def _dot(drawn: np.ndarray, subpixel_place: np.ndarray, radius: float, value: float):
    center = (int(subpixel_place[0]), int(subpixel_place[1]))
    scaled_radius = max(2 ** (_SUBPIXEL_BITS - 1), round(radius * 2**_SUBPIXEL_BITS))
    cv2.circle(drawn, center, scaled_radius, value, cv2.FILLED, shift=_SUBPIXEL_BITS)


def _softened(drawn: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(drawn, (0, 0), max(0.4, sigma))
