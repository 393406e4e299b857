"""Segments held against regions and labelled cells: which lie in which, one cell in each or not.

A segment is what a method takes for one cell. What makes it, watershed or a network, is
held against the truth alike.
"""

import numpy as np


def assign_segments(segments: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """The region in which each segment has most of its pixels.

    A method that finds its own mask may join two regions: the joint segment counts for one of
    them, and the other has none.

    Args:
        segments: int [H, W], 0 outside and 1 to S on the segments.
        regions: int [H, W], 0 outside and 1 to N on the regions.

    Returns:
        int [S], row of the region of each segment (0 for label 1), the first of equals; -1 for a
        segment outside of all.
    """
    if segments.shape != regions.shape:
        raise ValueError(
            "`segments` and `regions` must be of one shape. "
            f"Received: {segments.shape} and {regions.shape}"
        )
    num_segments, num_regions = int(segments.max(initial=0)), int(regions.max(initial=0))
    if num_regions == 0:
        return np.full(num_segments, -1)
    pairs = segments.ravel().astype(np.int64) * (num_regions + 1) + regions.ravel()
    shared = np.bincount(pairs, minlength=(num_segments + 1) * (num_regions + 1))
    shared = shared.reshape(num_segments + 1, num_regions + 1)[1:, 1:]
    return np.where(shared.max(axis=1) > 0, shared.argmax(axis=1), -1)


def have_own_segment(segments: np.ndarray, points: np.ndarray) -> np.ndarray:
    """bool [K], whether a point lies in a segment in which no other point lies.

    Args:
        segments: int [H, W], 0 outside.
        points: float [K, 2], (y, x) of all labelled cells of the image.
    """
    ys, xs = np.asarray(points, np.float64).reshape(-1, 2).astype(np.int64).T
    at = segments[ys, xs]
    points_in = np.bincount(at, minlength=1)
    return (at > 0) & (points_in[at] == 1)


def segment_boxes(segments: np.ndarray) -> np.ndarray:
    """float32 [S, 4] (ymin, xmin, ymax, xmax), max edges exclusive, of segments 1 to S.

    Args:
        segments: int [H, W], 0 outside; every label from 1 to S occurs.
    """
    count = int(segments.max(initial=0))
    ys, xs = np.nonzero(segments)
    rows = segments[ys, xs] - 1
    low = np.full((count, 2), max(segments.shape))
    high = np.full((count, 2), -1)
    for axis, places in enumerate((ys, xs)):
        np.minimum.at(low[:, axis], rows, places)
        np.maximum.at(high[:, axis], rows, places)
    return np.concatenate([low, high + 1], axis=1).astype(np.float32)
