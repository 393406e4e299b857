"""95 % intervals of detection scores, from resamples of the groups of images.

Whole groups are drawn, as in `bootstrap`; here the rows are images, and average precision needs
the sorted detections of all images of a resample.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rbc_tf.evaluation import detection
from rbc_tf.evaluation.bootstrap import interval

Interval = tuple[float, float]


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
        names, group_of_image = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        shares = np.full(len(names), 1 / len(names))
        drawn = np.random.default_rng(seed).multinomial(len(names), shares, size=num_resamples)
        self.num_images, self.num_groups = len(groups), len(names)
        self.times = drawn[:, group_of_image]

    def of_ratio(self, numerators: np.ndarray, denominators: np.ndarray) -> Interval | None:
        """Of sum(numerators) / sum(denominators), [images] each: say found and all true boxes."""
        totals = (self.times @ denominators).astype(np.float64)
        undefined = np.full_like(totals, np.nan)
        return self._interval(
            np.divide(self.times @ numerators, totals, out=undefined, where=totals > 0)
        )

    def of_average_precision(self, matches: detection.Matches) -> Interval | None:
        """Of the area under the precision-recall curve."""
        drawn = (resampled(matches, times) for times in self.times)
        return self._interval(np.array([detection.average_precision(one) for one in drawn]))

    def _interval(self, replicates: np.ndarray) -> Interval | None:
        return interval(replicates) if self.num_groups > 1 else None


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
