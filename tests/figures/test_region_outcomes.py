"""Figure 7: what becomes of regions, and how it is drawn."""

import numpy as np
import pytest

from rbc_tf.figures import region_outcomes
from rbc_tf.figures.drawing import captions, style
from rbc_tf.figures.region_outcomes import Outcome
from tests.figures import layout

_ABNORMAL = np.array([False, True])  # of two types, the second


def _outcomes(true_boxes, labels, scored, detected, predicted):
    return region_outcomes.region_outcomes(
        np.array(true_boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int8).reshape(-1, 2),
        np.array(scored, bool),
        np.array(detected, np.float32).reshape(-1, 4),
        np.array(predicted, bool).reshape(-1, 2),
        _ABNORMAL,
    )


def test_every_outcome():
    true_boxes = [[0, 10 * n, 10, 10 * n + 10] for n in range(6)]
    labels = [[1, 0], [0, 1], [1, 1], [1, 0], [-1, 1], [0, 1]]
    scored = [True, True, True, True, False, True]
    # Detections of regions 3, 0, 1, 2 and 4, in that order, then one of nothing.
    detected = [true_boxes[n] for n in (3, 0, 1, 2, 4)] + [[50, 50, 60, 60]]
    predicted = [[0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 1]]
    found = _outcomes(true_boxes, labels, scored, detected, predicted)
    assert found.truth == (
        Outcome.RIGHT,  # normal, and so predicted
        Outcome.RIGHT,  # abnormal, and so predicted
        Outcome.WRONG,  # one of two types predicted
        Outcome.WRONG,  # another type predicted
        Outcome.UNSCORED,  # its labels are not complete
        Outcome.MISSED,
    )
    np.testing.assert_array_equal(found.abnormal_right, [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.false_positive, [0, 0, 0, 0, 0, 1])
    counts = {outcome: found.count(outcome) for outcome in Outcome}
    assert list(counts.values()) == [2, 2, 1, 1, 1]


def test_a_detection_takes_one_region_and_the_better_one_goes_first():
    # Both detections overlap the region by 0.5 or more (10 x 10 against 10 x 10 and 10 x 8); the
    # first has the better score and takes it; the second, with the right types, is of nothing.
    found = _outcomes(
        [[0, 0, 10, 10]],
        [[1, 0]],
        [True],
        [[0, 0, 10, 8], [0, 0, 10, 10]],
        [[0, 1], [1, 0]],
    )
    assert found.truth == (Outcome.WRONG,)
    np.testing.assert_array_equal(found.false_positive, [False, True])


def test_an_unlabelled_region_that_is_not_detected_is_missed():
    found = _outcomes([[0, 0, 10, 10]], [[-1, -1]], [False], [[0, 8, 10, 18]], [[1, 0]])
    assert found.truth == (Outcome.MISSED,)  # IoU 20 / 180
    assert found.count(Outcome.FALSE_POSITIVE) == 1


@pytest.mark.parametrize(("num_true", "num_detected"), [(0, 0), (0, 2), (2, 0)])
def test_outcomes_of_empty_images(num_true, num_detected):
    found = _outcomes(
        [[0, 0, 9, 9]] * num_true,
        [[1, 0]] * num_true,
        [True] * num_true,
        [[0, 0, 9, 9]] * num_detected,
        [[1, 0]] * num_detected,
    )
    assert found.truth == (Outcome.MISSED,) * num_true
    assert found.count(Outcome.FALSE_POSITIVE) == num_detected


@pytest.mark.parametrize("count", layout.COUNTS)
def test_whole_image(count):
    kinds, boxes = (Outcome.RIGHT, Outcome.MISSED)[:count], layout.BOXES[:count]
    abnormal = np.array([kind is Outcome.RIGHT for kind in kinds], bool)
    found = region_outcomes.RegionOutcomes(kinds, abnormal, np.ones(1, bool))
    extra = np.array([[40, 2, 55, 20]], np.float32)
    red = np.zeros(layout.IMAGE.shape[:2], bool)
    figure = region_outcomes.draw(layout.IMAGE, red, boxes, extra, found)
    layout.check(figure)
    texts = layout.texts(figure)
    right, missed = int(count > 0), int(count > 1)
    for text in (
        f"detected and classified right: {right}",
        f"of these with an abnormal type (red mask): {right}",
        "detected but misclassified: 0",
        f"missed by the detector: {missed}",
        "false positive: a detection, no region: 1",
        "detected, labels incomplete or none: 0",
    ):
        assert f"{text}" in texts
    assert texts.count("M") == 1 + missed  # one in the legend
    assert texts.count("F") == 2
    thresholds = captions.Thresholds(("a",), np.array([0.5]))
    caption = region_outcomes.caption("a", found, 0.5, thresholds, layout.SOURCE, "by a rule")
    assert caption.facts["missed"] == missed
    assert f"{captions.count(count, 'true region')}, {missed} missed" in caption.text
    assert "1 false positive (black" in caption.text


def test_frames_differ_without_their_colours():
    # By line style and letter.
    looks = {(frame.line, word) for frame, word in region_outcomes.FRAMES.values()}
    assert len(looks) == len(region_outcomes.FRAMES) == len(Outcome)
    assert region_outcomes.FRAMES[Outcome.MISSED][0].colour == style.BLUE
    assert region_outcomes.FRAMES[Outcome.RIGHT][0].colour == style.GREEN
    assert region_outcomes.FRAMES[Outcome.WRONG][0].colour == style.VERMILION
