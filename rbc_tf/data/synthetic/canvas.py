"""The small canvas one cell is drawn on, and the fields its drawing is made of."""

import dataclasses

import cv2
import numpy as np

from rbc_tf.data.synthetic import outlines

_SUBPIXEL_BITS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Canvas:
    """A cell's pixels and coordinates.

    Attributes:
        mask: bool [h, w], True on the cell.
        depth: float32 [h, w], distance to the edge in pixels inside the cell, 0 outside.
        u: float32 [h, w], pixels from the centre along the cell's long axis.
        v: float32 [h, w], pixels from the centre across it.
    """

    mask: np.ndarray
    depth: np.ndarray
    u: np.ndarray
    v: np.ndarray

    @classmethod
    def of_outline(cls, outline: np.ndarray, angle: float, margin: int) -> "Canvas":
        """The canvas that holds `outline`, turned by `angle`, with `margin` pixels about it."""
        points = outlines.rotated(outline, angle)
        half_w, half_h = np.ceil(np.abs(points).max(axis=0)).astype(int) + margin
        shape = (2 * half_h + 1, 2 * half_w + 1)
        filled = np.zeros(shape, dtype=np.uint8)
        center = np.array((half_w, half_h))
        scaled = np.rint((points + center) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(filled, [scaled], 1, shift=_SUBPIXEL_BITS)
        y, x = np.mgrid[-half_h : half_h + 1, -half_w : half_w + 1].astype(np.float32)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return cls(
            mask=filled.astype(bool),
            depth=cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_5),
            u=x * cos + y * sin,
            v=y * cos - x * sin,
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.mask.shape

    def body(self, edge_width: float) -> np.ndarray:
        """float32 [h, w] in [0, 1]: thickness that rises from the edge within `edge_width`."""
        return 1.0 - np.exp(-self.depth / np.float32(edge_width))

    def rim(self, position: float, width: float) -> np.ndarray:
        """float32 [h, w] in [0, 1]: a band along the edge, `position` pixels inside it."""
        return np.exp(-(((self.depth - position) / np.float32(width)) ** 2)) * self.mask

    def blob(self, center: tuple, radii: tuple, softness: float) -> np.ndarray:
        """float32 [h, w] in [0, 1]: a soft ellipse in (u, v), e.g. central pallor.

        `softness` is the relative width of its border.
        """
        distance = np.hypot((self.u - center[0]) / radii[0], (self.v - center[1]) / radii[1])
        return _falling((distance - 1.0) / softness)

    def slit(self, length: float, width: float, curve: float, softness: float) -> np.ndarray:
        """float32 [h, w] in [0, 1]: a bar along u through the centre, e.g. a stoma.

        Args:
            length: half of its length, in pixels.
            width: half of its width, in pixels.
            curve: how far its ends are bent off the axis, in pixels.
            softness: width of its border, in pixels.
        """
        across = self.v - curve * (self.u / length) ** 2 + 0.5 * curve
        beyond = np.maximum(np.abs(self.u) - (length - width), 0.0)
        return _falling((np.hypot(beyond, across) - width) / softness)

    def inside(self, rng: np.random.Generator, count: int, min_depth: float) -> np.ndarray:
        """int [n, 2] (x, y) of `count` random pixels at least `min_depth` inside the edge.

        None ([0, 2]) where the cell is too thin for that.
        """
        y, x = np.nonzero(self.depth >= min_depth)
        if not len(x):
            return np.zeros((0, 2), dtype=int)
        chosen = rng.integers(0, len(x), count)
        return np.stack([x[chosen], y[chosen]], axis=1)


def _falling(value: np.ndarray) -> np.ndarray:
    # A logistic step from 1 to 0; tanh does not overflow.
    return (0.5 - 0.5 * np.tanh(0.5 * value)).astype(np.float32)
