"""Images and boxes turned by quarters of a circle: the same regions, seen from other sides."""

import numpy as np


def spread(count: int) -> range:
    """So many numbers of quarter turns, 1, 2 or 4, evenly spread over the circle, 0 among them."""
    return range(0, 4, 4 // count)


def turn(image: np.ndarray, boxes: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Turned counter-clockwise.

    Args:
        image: uint8 [H, W, 3].
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in pixels of it.
        turns: quarters of a circle, 0 to 3.

    Returns:
        The image and the boxes in pixels of it; both as they are where nothing is turned.
    """
    if not turns:
        return image, boxes
    for _ in range(turns):
        ymin, xmin, ymax, xmax = np.asarray(boxes, np.float32).reshape(-1, 4).T
        width = np.float32(image.shape[1])
        boxes = np.stack([width - xmax, ymin, width - xmin, ymax], axis=1)
        image = np.rot90(image)
    return np.ascontiguousarray(image), boxes
