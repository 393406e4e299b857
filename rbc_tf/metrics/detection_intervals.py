"""95 % intervals of detection scores, from resamples of the groups of images.

Whole groups are drawn, as in `bootstrap`; here the rows are images, and average precision needs
the sorted detections of all images of a resample.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core.score import Interval, Score
from rbc_tf.metrics import detection
from rbc_tf.metrics.bootstrap import draw_groups, interval, interval_of_ratio


class ImageBootstrap:
    """The same resamples of images, in whole groups, for every score.

    An interval is None where all images are of one group, which says nothing of how groups
    differ, and where too few resamples have the score. Of few groups any interval is rough.

    Attributes:
        num_images, num_groups: how many there are.
        times: int64 [R, images], how often each image is in each resample.
    """

    def __init__(self, groups: Sequence[str], num_resamples: int = 2000, seed: int = 0):
        """Draws the resamples.

        Args:
            groups: of each image, in the order of everything else here; at least one.
            num_resamples: R, at least 1.
            seed: of the draw.
        """
        group_of_image, drawn = draw_groups(groups, num_resamples, seed)
        self.num_images, self.num_groups = len(groups), drawn.shape[1]
        self.times = drawn[:, group_of_image]

    def of_ratio(self, numerators: np.ndarray, denominators: np.ndarray) -> Interval | None:
        """Of sum(numerators) / sum(denominators), [images] each: found and all true boxes."""
        if self.num_groups == 1:
            return None
        return interval_of_ratio(self.times @ numerators, self.times @ denominators)

    def share(
        self, name: str, counted: np.ndarray, of_all: np.ndarray, of: Mapping[str, str]
    ) -> Score:
        """The share that `counted` is of `of_all`, int [n] each: the image of each box."""
        numerators, denominators = (
            np.bincount(image, minlength=self.num_images) for image in (counted, of_all)
        )
        value = len(counted) / len(of_all) if len(of_all) else None
        return Score(name, value, self.of_ratio(numerators, denominators), of, len(of_all))

    def of_average_precision(self, matches: detection.Matches) -> Interval | None:
        """Of the area under the precision-recall curve."""
        if self.num_groups == 1:
            return None
        drawn = (resampled(matches, times) for times in self.times)
        areas = [detection.average_precision(one) for one in drawn]
        return interval(np.array(areas, np.float64))  # None becomes nan


def resampled(matches: detection.Matches, times: np.ndarray) -> detection.Matches:
    """The matches where each image is there as often as int64 [images] says."""
    per_detection, per_truth = times[matches.image], times[matches.true_image]
    return dataclasses.replace(
        matches,
        scores=np.repeat(matches.scores, per_detection),
        correct=np.repeat(matches.correct, per_detection),
        image=np.repeat(matches.image, per_detection),
        found_score=np.repeat(matches.found_score, per_truth),
        true_image=np.repeat(matches.true_image, per_truth),
        num_images=int(times.sum()),
    )
