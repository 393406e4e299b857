"""Boxes: float32 [N, 4] (ymin, xmin, ymax, xmax), pixels, max edges exclusive."""

import numpy as np

# A box that comes so near to the border of its image, in pixels, touches it.
_NEAR_BORDER = 1


def as_boxes(boxes) -> np.ndarray:
    """float32 [N, 4] from any sequence of boxes, [0, 4] from an empty one."""
    array = np.asarray(boxes, dtype=np.float32)
    if array.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"Boxes must have shape [N, 4]. Received: {list(array.shape)}")
    return array


def area(boxes: np.ndarray) -> np.ndarray:
    """float64 [N], 0 for a box whose edges cross."""
    boxes = as_boxes(boxes).astype(np.float64)
    height = np.maximum(boxes[:, 2] - boxes[:, 0], 0)
    width = np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    return height * width


def intersection(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float64 [N, M], area shared by each pair."""
    first, second = as_boxes(first).astype(np.float64), as_boxes(second).astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """float64 [N, M], intersection over union; 0 where both boxes are empty."""
    shared = intersection(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def clip(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes cut at the edges of an image of that size."""
    return np.clip(as_boxes(boxes), 0, np.array([height, width, height, width], np.float32))


def at_border(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """bool [N], whether a box touches the border of an image of that size, and may be cut by it."""
    boxes = as_boxes(boxes)
    last = np.array([height, width]) - _NEAR_BORDER
    return np.any(boxes[:, :2] <= _NEAR_BORDER, axis=1) | np.any(boxes[:, 2:] >= last, axis=1)


def normalise(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels to shares of the image's height and width, as TFRecords hold them."""
    return as_boxes(boxes) / np.array([height, width, height, width], np.float32)


def contain_points(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """bool [N, M], whether box n holds point m; points float [M, 2] as (y, x)."""
    boxes = as_boxes(boxes)
    points = np.asarray(points, dtype=np.float32).reshape(-1, 2)
    inside_low = points[None, :, :] >= boxes[:, None, :2]
    inside_high = points[None, :, :] < boxes[:, None, 2:]
    return np.all(inside_low & inside_high, axis=2)
