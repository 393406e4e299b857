"""Scores of detected boxes against true ones, without a cap on boxes per image.

Everywhere one `Detections` and one array of true boxes per image, in the same order.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections

COCO_IOUS = np.linspace(0.5, 0.95, 10)
_COCO_RECALLS = np.linspace(0, 1, 101)


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Which detections of a whole set of images are right, at one IoU.

    Attributes:
        scores: float32 [N], descending; ties in the order of images and of their detections.
        correct: bool [N], matched with a true box that no better detection took.
        found_score: float32 [M], of each true box (images in order) the score of the detection
            that took it, -1 where none did.
        image: int64 [N], index of the image that each detection lies in.
        true_image: int64 [M], index of the image of each true box.
        num_images: how many images there are, those without any box included.
    """

    scores: np.ndarray
    correct: np.ndarray
    found_score: np.ndarray
    image: np.ndarray
    true_image: np.ndarray
    num_images: int


def match(
    detections: Sequence[Detections], truths: Sequence[np.ndarray], min_iou: float = 0.5
) -> Matches:
    """Greedy matching by score, as COCO and Pascal VOC do it.

    Each detection, best first, takes the free true box that it overlaps most, where their IoU is
    at least `min_iou`.

    Raises:
        ValueError: the two sequences differ in length.
    """
    _check_lengths(detections, truths)
    parts: list[np.ndarray] = []
    correct, found = [], []
    for detected, truth in zip(detections, truths, strict=True):
        order = np.argsort(-detected.scores, kind="stable")
        taken = match_image(boxes.iou(detected.boxes[order], truth), min_iou)
        parts.append(detected.scores[order])
        correct.append(taken >= 0)
        found_score = np.full(len(truth), -1, dtype=np.float32)
        found_score[taken[taken >= 0]] = detected.scores[order][taken >= 0]
        found.append(found_score)
    scores = _concatenate(parts, np.float32)
    order = np.argsort(-scores, kind="stable")
    return Matches(
        scores=scores[order],
        correct=_concatenate(correct, bool)[order],
        found_score=_concatenate(found, np.float32),
        image=_image_of_each(detections)[order],
        true_image=_image_of_each(truths),
        num_images=len(truths),
    )


def match_image(ious: np.ndarray, min_iou: float = 0.5) -> np.ndarray:
    """The matching of `match` within one image.

    Args:
        ious: float [N, M], of detections, best first, with true boxes.
        min_iou: the least IoU of a match.

    Returns:
        int64 [N], the true box that each detection takes, -1 for none.
    """
    taken = np.full(len(ious), -1, dtype=np.int64)
    if ious.size == 0:
        return taken
    free = ious.copy()
    for row in np.flatnonzero(ious.max(axis=1) >= min_iou):
        best = free.shape[1] - 1 - int(np.argmax(free[row, ::-1]))  # of equals the last, as COCO
        if free[row, best] >= min_iou:
            taken[row] = best
            free[:, best] = -1
    return taken


def precision_recall(matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall, float64 [N] each, when the best n detections are kept.

    Recall is nan where there is no true box.
    """
    right = np.cumsum(matches.correct)
    precision = right / np.arange(1, len(right) + 1)
    num_true = len(matches.found_score)
    recall = right / num_true if num_true else np.full(len(right), np.nan)
    return precision, recall


def average_precision(matches: Matches) -> float | None:
    """Area under the precision-recall curve; None where there is no true box.

    Precision at a recall is the best at that recall or above, which takes out the curve's teeth
    (Pascal VOC 2010 and later).
    """
    if len(matches.found_score) == 0:
        return None
    precision, recall = precision_recall(matches)
    return float(np.sum(_envelope(precision) * np.diff(recall, prepend=0.0)))


def coco_average_precision(matches: Matches) -> float | None:
    """COCO's average precision: the mean over 101 recalls; None where there is no true box."""
    if len(matches.found_score) == 0:
        return None
    precision, recall = precision_recall(matches)
    place = np.searchsorted(recall, _COCO_RECALLS, side="left")
    return float(np.append(_envelope(precision), 0.0)[place].mean())


def count_points_inside(
    detections: Sequence[Detections], points: Sequence[np.ndarray], score_threshold: float = 0.5
) -> np.ndarray:
    """int64 [images], how many labelled cells of each lie in a detection.

    Args:
        detections: per image.
        points: per image float [K, 2], (y, x).
        score_threshold: detections below are left out.

    Raises:
        ValueError: the two sequences differ in length.
    """
    _check_lengths(detections, points)
    inside = np.zeros(len(points), dtype=np.int64)
    for place, (detected, image_points) in enumerate(zip(detections, points, strict=True)):
        kept = detected.boxes[detected.scores >= score_threshold]
        inside[place] = boxes.contain_points(kept, image_points).any(axis=0).sum()
    return inside


def _envelope(precision: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(precision[::-1])[::-1]


def _image_of_each(per_image: Sequence) -> np.ndarray:
    """int64 [sum of lengths], the index of the entry that each box comes from."""
    lengths = np.array([len(entry) for entry in per_image], dtype=np.int64)
    return np.repeat(np.arange(len(per_image)), lengths)


def _concatenate(parts: list[np.ndarray], dtype) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)


def _check_lengths(detections: Sequence, truths: Sequence) -> None:
    if len(detections) != len(truths):
        raise ValueError(
            "Detections and truth must be given for the same images. "
            f"Received: {len(detections)} and {len(truths)}"
        )
