"""Operating points: a hand-made curve, and scikit-learn as an independent implementation."""

import numpy as np
import pytest
from sklearn import metrics

from rbc_tf.metrics import operating_points
from rbc_tf.metrics.detection import Matches


def _matches(scores, correct, num_true, num_images=2):
    """Matches with all boxes in the first image; only their number matters here."""
    found = np.full(num_true, -1, np.float32)
    scores, correct = np.array(scores, np.float32), np.array(correct, bool)
    found[: correct.sum()] = scores[correct]
    of_first = np.zeros(len(scores), int)
    return Matches(scores, correct, found, of_first, np.zeros(num_true, int), num_images)


# Five true boxes in two images, of which one is never found.
_HAND_MADE = _matches([0.9, 0.8, 0.8, 0.6, 0.4, 0.3], [1, 1, 0, 1, 0, 1], num_true=5)


def test_a_hand_made_curve():
    curve = operating_points.threshold_curve(_HAND_MADE)
    # The two of score 0.8 come and go together: 3 kept, 2 right, and 1 wrong in 2 images.
    assert curve.score_threshold.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.4, 0.3])
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5, 4 / 6])
    assert curve.recall.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.6, 0.8])
    assert curve.false_positives_per_image.tolist() == [0, 0.5, 0.5, 1, 1]
    # Recall rises by 0.2 at all thresholds but the one of 0.4.
    expected = 0.2 * (1 + 2 / 3 + 3 / 4 + 4 / 6)
    assert operating_points.area(_HAND_MADE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("recall", "threshold", "false_positives"),
    # 0.5 is first passed at 0.6; 0.6 is reached there too, and not again at the lower 0.4.
    [(0.1, 0.9, 0), (0.4, 0.8, 0.5), (0.5, 0.6, 0.5), (0.6, 0.6, 0.5), (0.8, 0.3, 1)],
)
def test_false_positives_at_a_recall(recall, threshold, false_positives):
    curve = operating_points.threshold_curve(_HAND_MADE)
    point = operating_points.at_recall(curve, recall)
    assert point.score_threshold == pytest.approx(threshold)
    assert point.false_positives_per_image == false_positives
    assert point.recall >= recall


def test_a_recall_that_is_never_reached():
    assert operating_points.at_recall(operating_points.threshold_curve(_HAND_MADE), 0.9) is None


@pytest.mark.parametrize("threshold", [0.9, 0.8, 0.6, 0.4, 0.3])
def test_a_threshold_on_the_curve(threshold):
    curve = operating_points.threshold_curve(_HAND_MADE)
    row = curve.score_threshold.tolist().index(np.float32(threshold))
    point = operating_points.at_threshold(_HAND_MADE, np.float32(threshold))
    assert point.precision == curve.precision[row]
    assert point.recall == curve.recall[row]
    assert point.false_positives_per_image == curve.false_positives_per_image[row]


def test_above_every_score():
    point = operating_points.at_threshold(_HAND_MADE, 0.95)
    assert point.precision is None
    assert (point.recall, point.false_positives_per_image) == (0, 0)


def test_no_true_boxes():
    matches = _matches([0.9, 0.5], [0, 0], num_true=0)
    curve = operating_points.threshold_curve(matches)
    assert np.isnan(curve.recall).all()
    assert curve.false_positives_per_image.tolist() == [0.5, 1]
    assert operating_points.area(matches) is None
    assert operating_points.at_recall(curve, 0.5) is None
    assert operating_points.at_threshold(matches, 0.5).recall is None


def test_nothing_detected():
    matches = _matches([], [], num_true=3)
    curve = operating_points.threshold_curve(matches)
    assert len(curve.recall) == 0
    assert operating_points.area(matches) == 0
    assert operating_points.at_recall(curve, 0.1) is None


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.integers(1, 20, 60) / 20)[::-1]  # coarse, so that ties occur
    correct = rng.random(60) < scores
    num_true = int(correct.sum()) + 7
    matches = _matches(scores, correct, num_true)
    curve = operating_points.threshold_curve(matches)
    # scikit-learn takes the right detections for all there is to find.
    found = correct.sum() / num_true
    precision, recall, thresholds = metrics.precision_recall_curve(correct, scores)
    np.testing.assert_allclose(curve.score_threshold, thresholds[::-1], rtol=1e-6)
    np.testing.assert_allclose(curve.precision, precision[-2::-1])
    np.testing.assert_allclose(curve.recall, recall[-2::-1] * found)
    area = metrics.average_precision_score(correct, scores) * found
    assert operating_points.area(matches) == pytest.approx(area)
