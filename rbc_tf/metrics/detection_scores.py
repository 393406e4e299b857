"""Everything that is scored of detected boxes, as one list, with intervals over groups of images.

Scores of one IoU are at 0.5, but for those of COCO, whose names say otherwise.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core.score import Score
from rbc_tf.core.types import Detections
from rbc_tf.metrics import detection, merges, operating_points
from rbc_tf.metrics.detection import Matches
from rbc_tf.metrics.detection_intervals import ImageBootstrap


def score_boxes(
    detections: Sequence[Detections],
    truths: Sequence[np.ndarray],
    bootstrap: ImageBootstrap,
    score_threshold: float = 0.5,
    recalls: Sequence[float] = (),
    subsets: Mapping[str, np.ndarray] | None = None,
) -> list[Score]:
    """All scores of detected boxes against true ones.

    Args:
        detections: per image, whatever their score.
        truths: per image, true boxes float32 [M, 4].
        bootstrap: over the same images.
        score_threshold: detections below are left out of recall, precision and merges.
        recalls: at which false positives per image are scored.
        subsets: bool [sum of M] by name: true boxes of which recall is scored apart.

    Returns:
        `of` holds 'score_threshold', 'at_recall' and 'subset' where a score depends on them.
    """
    matches = detection.match(detections, truths)
    return [
        *average_precisions(detections, truths, bootstrap),
        _precision(matches, score_threshold, bootstrap),
        *recalls_of(matches, score_threshold, bootstrap, subsets or {}),
        *_false_positives(matches, score_threshold, recalls),
        *_extent(detections, matches),
        *_merges(detections, truths, matches, score_threshold),
    ]


def average_precisions(
    detections: Sequence[Detections], truths: Sequence[np.ndarray], bootstrap: ImageBootstrap
) -> list[Score]:
    """Areas under precision against recall, each of all true boxes.

    'ap50' is the paper's; 'ap50_measured' leaves the curve its teeth; 'ap50_coco' and 'ap75' are
    means over 101 recalls; 'ap50_95' is the mean of these over IoU 0.50:0.95.
    """
    by_iou = [detection.match(detections, truths, iou) for iou in detection.COCO_IOUS]
    coco = [detection.coco_average_precision(matches) for matches in by_iou]
    # With one true box all of them are defined, without any none is.
    defined = [value for value in coco if value is not None]
    values = {
        "ap50": detection.average_precision(by_iou[0]),
        "ap50_measured": operating_points.area(by_iou[0]),
        "ap50_coco": coco[0],
        "ap75": coco[5],
        "ap50_95": float(np.mean(defined)) if defined else None,
    }
    intervals = {"ap50": bootstrap.of_average_precision(by_iou[0])}
    num_true = len(by_iou[0].found_score)
    return [
        Score(name, value, intervals.get(name), support=num_true) for name, value in values.items()
    ]


def recalls_of(
    matches: Matches,
    score_threshold: float,
    bootstrap: ImageBootstrap,
    subsets: Mapping[str, np.ndarray],
) -> list[Score]:
    """Share of true boxes found: of all, and of each subset bool [M]."""
    of = _at(score_threshold)
    everything = np.ones(len(matches.found_score), bool)
    found = matches.found_score >= score_threshold
    chosen: list[tuple[str | None, np.ndarray]] = [(None, everything), *subsets.items()]
    return [
        bootstrap.share(
            "recall",
            matches.true_image[rows & found],
            matches.true_image[rows],
            of if name is None else {**of, "subset": name},
        )
        for name, rows in chosen
    ]


def points_inside(
    detections: Sequence[Detections],
    points: Sequence[np.ndarray],
    score_threshold: float,
    bootstrap: ImageBootstrap,
) -> Score:
    """Share of labelled cells that lie in a detection; independent of how boxes were made.

    Args:
        detections: per image.
        points: per image float [K, 2], (y, x).
        score_threshold: detections below are left out.
        bootstrap: over the same images.
    """
    inside = detection.count_points_inside(detections, points, score_threshold)
    image = np.arange(len(points))
    all_points = np.repeat(image, [len(of_image) for of_image in points])
    of = _at(score_threshold)
    return bootstrap.share("points_inside", np.repeat(image, inside), all_points, of)


def _precision(matches: Matches, score_threshold: float, bootstrap: ImageBootstrap) -> Score:
    kept = matches.scores >= score_threshold
    right = matches.image[kept & matches.correct]
    return bootstrap.share("precision", right, matches.image[kept], _at(score_threshold))


def _false_positives(
    matches: Matches, score_threshold: float, recalls: Sequence[float]
) -> list[Score]:
    """False positives per image at the threshold, and at recalls, with the threshold there."""
    point = operating_points.at_threshold(matches, score_threshold)
    name = "false_positives_per_image"
    scores = [Score(name, point.false_positives_per_image, of=_at(score_threshold))]
    curve = operating_points.threshold_curve(matches)
    for recall in recalls:
        there, of = operating_points.at_recall(curve, recall), {"at_recall": f"{recall:g}"}
        for field in (name, "score_threshold", "precision", "recall"):
            scores.append(Score(field, None if there is None else getattr(there, field), of=of))
    return scores


def _extent(detections: Sequence[Detections], matches: Matches) -> list[Score]:
    """How far the curve goes, and the detections that there are, whatever their score."""
    return [
        Score("recall_of_all_detections", operating_points.at_threshold(matches, 0.0).recall),
        Score("lowest_score", matches.scores[-1] if len(matches.scores) else None),
        Score("most_detections_in_an_image", max(map(len, detections), default=0)),
    ]


def _merges(
    detections: Sequence[Detections],
    truths: Sequence[np.ndarray],
    matches: Matches,
    score_threshold: float,
) -> list[Score]:
    """Counts of `merges`; supported by the regions missed and by the wrong detections."""
    counts = merges.count_merges(detections, truths, score_threshold)
    kept = matches.scores >= score_threshold
    missed = int((matches.found_score < score_threshold).sum())
    of, wrong = _at(score_threshold), int((kept & ~matches.correct).sum())
    return [
        Score("merging_detections", counts.merging_detections, of=of),
        Score("merged_regions", counts.merged_regions, of=of, support=missed),
        Score("split_regions", counts.split_regions, of=of),
        Score("splitting_detections", counts.splitting_detections, of=of, support=wrong),
    ]


def _at(score_threshold: float) -> dict[str, str]:
    return {"score_threshold": f"{score_threshold:g}"}
