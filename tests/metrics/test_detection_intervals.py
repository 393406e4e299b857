"""Intervals over groups of images: hand-derived, by copying images, and held against SciPy."""

import numpy as np
import pytest
from scipy import stats

from rbc_tf.core import boxes
from rbc_tf.core.types import Detections
from rbc_tf.metrics import detection, detection_intervals
from rbc_tf.metrics.detection_intervals import ImageBootstrap


def test_two_groups_that_differ_in_everything():
    # All found in one, none in the other: a resample has 0, 1/2 or 1, and 0 and 1 each with
    # probability 1/4, far above 2.5 %.
    bootstrap = ImageBootstrap(["a", "b"], 500)
    assert bootstrap.of_ratio(np.array([10, 0]), np.array([10, 10])) == (0, 1)


def test_groups_that_are_all_alike():
    bootstrap = ImageBootstrap(["a", "a", "b", "c"], 500)
    # Every group has 4 of 8, that of two images 1 of 2 and 3 of 6.
    interval = bootstrap.of_ratio(np.array([1, 3, 4, 4]), np.array([2, 6, 8, 8]))
    assert interval == (0.5, 0.5)


def test_images_of_a_group_are_drawn_together():
    bootstrap = ImageBootstrap(["a", "b", "a", "c"], 200, seed=3)
    assert (bootstrap.times[:, 0] == bootstrap.times[:, 2]).all()
    assert (bootstrap.times[:, [0, 1, 3]].sum(axis=1) == 3).all()  # as many groups as there are
    assert (bootstrap.num_images, bootstrap.num_groups) == (4, 3)


def test_one_group_has_no_interval():
    bootstrap = ImageBootstrap(["a", "a"], 50)
    assert bootstrap.of_ratio(np.array([1, 2]), np.array([2, 2])) is None


def test_a_ratio_that_few_resamples_have():
    # Only one of two groups has anything to find; 1/4 of the resamples are without it.
    bootstrap = ImageBootstrap(["a", "b"], 500)
    assert bootstrap.of_ratio(np.array([1, 0]), np.array([2, 0])) is None


def test_the_seed_is_all_that_chance_is():
    groups = [str(n) for n in range(9)]
    found, total = np.arange(9), np.full(9, 10)
    first = ImageBootstrap(groups, 100, seed=1).of_ratio(found, total)
    assert ImageBootstrap(groups, 100, seed=1).of_ratio(found, total) == first
    assert ImageBootstrap(groups, 100, seed=2).of_ratio(found, total) != first


def test_a_ratio_is_near_that_of_scipy():
    rng = np.random.default_rng(0)
    total = rng.integers(20, 60, 15)
    found = rng.binomial(total, rng.uniform(0.6, 1, 15))
    ours = ImageBootstrap([str(n) for n in range(15)], 20_000).of_ratio(found, total)
    expected = stats.bootstrap(
        (found, total),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=rng,
    ).confidence_interval
    # The ends themselves have a standard error of about 0.0006 with so many resamples.
    assert ours == pytest.approx(tuple(expected), abs=0.004)


def _image(rng):
    low = rng.integers(0, 60, (rng.integers(0, 8), 2))
    truth = np.concatenate([low, low + rng.integers(5, 30, low.shape)], axis=1)
    found = truth + rng.integers(-3, 4, truth.shape)
    scores = rng.random(len(found), dtype=np.float32)  # without ties
    return boxes.as_boxes(truth), Detections(boxes.as_boxes(found), scores)


@pytest.mark.parametrize("seed", range(4))
def test_a_resample_scores_as_copied_images_do(seed):
    rng = np.random.default_rng(seed)
    truths, found = zip(*[_image(rng) for _ in range(6)], strict=True)
    times = rng.multinomial(6, [1 / 6] * 6)
    copies = np.repeat(np.arange(6), times)
    resampled = detection_intervals.resampled(detection.match(found, truths), times)
    expected = detection.match([found[n] for n in copies], [truths[n] for n in copies])
    np.testing.assert_array_equal(resampled.scores, expected.scores)
    assert detection.average_precision(resampled) == detection.average_precision(expected)
    assert resampled.num_images == expected.num_images


def test_average_precision_of_groups_that_differ_in_everything():
    truth = boxes.as_boxes([[0, 0, 10, 10]])
    right = Detections(truth, np.array([0.9], np.float32))
    nothing = Detections(boxes.as_boxes([]), np.zeros(0, np.float32))
    matches = detection.match([right, nothing], [truth, truth])
    assert ImageBootstrap(["a", "b"], 200).of_average_precision(matches) == (0, 1)
    assert ImageBootstrap(["a", "a"], 200).of_average_precision(matches) is None
