"""Detection scores: hand-derived cases, and pycocotools as an independent implementation."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections
from rbc_tf.metrics import detection, detection_scores, operating_points
from rbc_tf.metrics.detection_intervals import ImageBootstrap


def _detections(rows):
    array = np.array(rows, dtype=np.float32).reshape(-1, 5)
    return Detections(array[:, :4], array[:, 4])


def test_average_precision_of_a_hand_made_curve():
    truth = boxes.as_boxes([[0, 0, 10, 10], [20, 20, 30, 30]])
    found = _detections(
        [
            [0, 0, 10, 10, 0.9],  # right: precision 1, recall 1/2
            [50, 50, 60, 60, 0.8],  # wrong
            [20, 20, 30, 30, 0.7],  # right: precision 2/3, recall 1
        ]
    )
    matches = detection.match([found], [truth])
    assert matches.correct.tolist() == [True, False, True]
    # 1/2 * 1 + 1/2 * 2/3
    assert detection.average_precision(matches) == pytest.approx(5 / 6)
    # Recalls 0, 0.01, ..., 0.50 (51 of 101) see precision 1, the other 50 see 2/3.
    assert detection.coco_average_precision(matches) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_second_detection_of_the_same_box_is_wrong():
    truth = boxes.as_boxes([[0, 0, 10, 10]])
    found = _detections([[0, 0, 10, 10, 0.6], [0, 0, 10, 9, 0.9]])
    matches = detection.match([found], [truth])
    assert matches.correct.tolist() == [True, False]
    assert matches.found_score.tolist() == [pytest.approx(0.9)]


def test_a_detection_takes_the_next_box_when_its_best_is_gone():
    truth = boxes.as_boxes([[0, 0, 10, 10], [0, 3, 10, 13]])
    # Both detections overlap the first box most; the second one also has IoU 0.54 with the other.
    found = _detections([[0, 0, 10, 10, 0.9], [0, 0, 10, 10, 0.8]])
    assert detection.match([found], [truth]).correct.tolist() == [True, True]  # 70 / 130 = 0.538


@pytest.mark.parametrize("num_detected", [0, 1, 2])
def test_images_without_true_boxes_make_no_number(num_detected):
    found = _detections([[0, 0, 5, 5, 0.9]] * num_detected)
    scores = _scores([found], [boxes.as_boxes([])])
    assert [scores[name].value for name in ("ap50", "ap75", "ap50_95", "recall")] == [None] * 4
    assert scores["precision"].support == num_detected


def test_nothing_detected_scores_zero():
    scores = _scores([_detections([])], [boxes.as_boxes([[0, 0, 5, 5]])])
    assert [scores[name].value for name in ("ap50", "ap50_95", "recall")] == [0, 0, 0]
    assert scores["precision"].value is None


def test_images_of_different_number_are_refused():
    with pytest.raises(ValueError, match="same images"):
        detection.match([], [boxes.as_boxes([])])


@pytest.mark.parametrize(("threshold", "share"), [(0.5, 0.5), (0.2, 1)])
def test_recall_of_chosen_boxes(threshold, share):
    truth = boxes.as_boxes([[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]])
    found = _detections([[0, 0, 10, 10, 0.9], [20, 20, 30, 30, 0.3]])
    subsets = {"first two": np.array([True, True, False]), "none": np.zeros(3, bool)}
    bootstrap = ImageBootstrap(["group"], 1)
    matches = detection.match([found], [truth])
    _, two, none = detection_scores.recalls_of(matches, threshold, bootstrap, subsets)
    assert (two.value, two.support) == (share, 2)
    assert (none.value, none.support) == (None, 0)


@pytest.mark.parametrize(("threshold", "share"), [(0.5, 0.5), (0.2, 0.75)])
def test_share_of_points_inside(threshold, share):
    found = _detections([[0, 0, 10, 10, 0.9], [20, 20, 30, 30, 0.3]])
    points = np.array([[5, 5], [9.9, 0], [10, 5], [25, 25]])  # the max edge is exclusive
    bootstrap = ImageBootstrap(["group"], 1)
    inside = detection_scores.points_inside([found], [points], threshold, bootstrap)
    assert (inside.value, inside.support) == (share, 4)


def _scores(detections, truths):
    """Those of all boxes by name."""
    bootstrap = ImageBootstrap(["group"] * len(truths), 1)
    scores = detection_scores.score_boxes(detections, truths, bootstrap)
    return {score.name: score for score in scores}


def _random_image(rng, most_boxes):
    truth = rng.integers(0, 60, (rng.integers(0, most_boxes), 2))
    truth = np.concatenate([truth, truth + rng.integers(5, 30, truth.shape)], axis=1)
    chosen = rng.integers(0, len(truth), rng.integers(0, most_boxes)) if len(truth) else []
    near = truth[np.asarray(chosen, dtype=int)]
    near = near + rng.integers(-4, 5, near.shape)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    scores = rng.integers(0, 12, (len(near), 1)) / 12  # coarse, so that ties occur
    return boxes.as_boxes(truth), _detections(np.concatenate([near, scores], axis=1))


def _coco(truths, detections, most):
    """COCOeval's tables with `most` detections per image.

    Precision and score by [10 IoUs, 101 recalls], and the highest recall by [10 IoUs].
    """
    images = [{"id": i, "width": 100, "height": 100} for i in range(len(truths))]
    annotations, results = [], []
    for i, (truth, found) in enumerate(zip(truths, detections, strict=True)):
        for y, x, y2, x2 in truth.tolist():
            annotation = {"bbox": [x, y, x2 - x, y2 - y], "area": (x2 - x) * (y2 - y)}
            common = {"id": len(annotations) + 1, "image_id": i, "category_id": 1, "iscrowd": 0}
            annotations.append(annotation | common)
        for (y, x, y2, x2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
            bbox = [x, y, x2 - x, y2 - y]
            results.append({"image_id": i, "category_id": 1, "bbox": bbox, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 10, most]
        evaluation.evaluate()
        evaluation.accumulate()
    tables = evaluation.eval
    return (
        tables["precision"][:, :, 0, 0, 2],
        tables["scores"][:, :, 0, 0, 2],
        tables["recall"][:, 0, 0, 2],
    )


def _random_images(seed):
    rng = np.random.default_rng(seed)
    # The last seeds have more than the hundred boxes at which COCO's own summary stops.
    most_boxes = 12 if seed < 6 else 180
    pairs = [_random_image(rng, most_boxes) for _ in range(6)]
    # Of these some are empty by chance; one without truth and one without detections always are.
    (truth, found), nothing = pairs[0], _detections([])
    pairs += [(boxes.as_boxes([]), found), (truth, nothing), (boxes.as_boxes([]), nothing)]
    return zip(*pairs, strict=True)


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_pycocotools(seed):
    truths, detections = _random_images(seed)
    expected, _, _ = _coco(truths, detections, most=1000)
    scores = _scores(detections, truths)
    assert scores["ap50_95"].value == pytest.approx(expected.mean(), abs=1e-6)
    assert scores["ap75"].value == pytest.approx(expected[5].mean(), abs=1e-6)
    assert scores["ap50_coco"].value == pytest.approx(expected[0].mean(), abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_operating_points_are_those_of_pycocotools(seed):
    truths, detections = _random_images(seed)
    _, expected_scores, highest_recall = _coco(truths, detections, most=1000)
    for row, min_iou in enumerate(detection.COCO_IOUS):
        curve = operating_points.threshold_curve(detection.match(detections, truths, min_iou))
        assert curve.recall.max(initial=0) == pytest.approx(highest_recall[row])
        for column, recall in enumerate(np.linspace(0, 1, 101)):
            point = operating_points.at_recall(curve, recall)
            # COCO's score is 0 where a recall is never reached; some of ours are 0 as well.
            expected = expected_scores[row, column]
            assert (point.score_threshold if point else 0) == pytest.approx(expected)


def test_points_are_counted_image_by_image():
    found = _detections([[0, 0, 10, 10, 0.9], [0, 5, 10, 15, 0.8]])
    # The first point lies in both boxes and counts once; the second lies in none.
    points = [np.array([[5, 7], [20, 20]]), np.zeros((0, 2)), np.array([[1, 14]])]
    nothing = _detections([])
    inside = detection.count_points_inside([found, found, nothing], points)
    assert inside.tolist() == [1, 0, 0]


def test_matches_know_their_images():
    truth = boxes.as_boxes([[0, 0, 10, 10]])
    first = _detections([[0, 0, 10, 10, 0.4]])
    third = _detections([[0, 0, 10, 10, 0.9], [30, 30, 40, 40, 0.2]])
    matches = detection.match([first, _detections([]), third], [truth, truth, boxes.as_boxes([])])
    # Scores 0.9 and 0.2 are of the third image, which has no true box, 0.4 of the first.
    assert matches.image.tolist() == [2, 0, 2]
    assert matches.correct.tolist() == [False, True, False]
    assert matches.true_image.tolist() == [0, 1]
    assert matches.num_images == 3


@settings(max_examples=50)
@given(st.integers(0, 2**31))
def test_scores_stay_in_their_bounds(seed):
    rng = np.random.default_rng(seed)
    truth, found = _random_image(rng, 10)
    matches = detection.match([found], [truth])
    assert matches.correct.sum() == (matches.found_score >= 0).sum() <= len(truth)
    if len(truth):
        assert 0 <= detection.average_precision(matches) <= 1
        perfect = Detections(truth, np.linspace(1, 0.5, len(truth), dtype=np.float32))
        assert detection.average_precision(detection.match([perfect], [truth])) == 1
