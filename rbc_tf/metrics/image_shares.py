"""Shares of regions, with intervals that take images as independent, not regions.

Regions of one image share its place in the smear, its stain and its focus, and are alike. So the
share is a ratio of two sums over images, whose variance is that between images (Cochran 1977,
Sampling Techniques, section 6.4), and the interval is Wilson's with the number of independent
regions that would vary as much (Korn and Graubard 1998, Survey Methodology 24: 193-201).
"""

import math

import numpy as np

from rbc_tf.metrics import intervals


class ImageShares:
    """Shares of several kinds of regions, from counts of one image after another.

    What is kept does not grow with the number of images.
    """

    def __init__(self, num_kinds: int):
        self.num_images = 0
        self._counts = np.zeros(num_kinds)  # of each kind, over all images
        self._total = 0
        self._squares = np.zeros(num_kinds)
        self._products = np.zeros(num_kinds)
        self._total_squares = 0.0

    def add(self, counts: np.ndarray, total: int) -> None:
        """Counts one image: int [K], its regions of each kind, of `total` regions."""
        if not total:
            return  # it says nothing of shares
        counts = np.asarray(counts, np.float64)
        self.num_images += 1
        self._counts += counts
        self._total += total
        self._squares += counts**2
        self._products += counts * total
        self._total_squares += total**2

    def share(self, kind: int) -> float | None:
        """Of all regions; None where there is none."""
        return float(self._counts[kind] / self._total) if self._total else None

    def interval(self, kind: int) -> tuple[float, float] | None:
        """95 %; None of fewer than two images with regions."""
        if self.num_images < 2:
            return None
        share = float(self._counts[kind] / self._total)
        independent = self._independent_regions(kind, share)
        low, high = intervals.wilson(share * independent, independent)
        return float(low), float(high)

    def _independent_regions(self, kind: int, share: float) -> float:
        images = self.num_images
        if share in (0, 1):
            # No image differs from another: each counts once, however many regions it has.
            return images * _t_correction(images)
        residuals = (
            self._squares[kind] - 2 * share * self._products[kind] + share**2 * self._total_squares
        )
        variance = images / (images - 1) * residuals / self._total**2
        effect = variance * self._total / (share * (1 - share))
        return self._total / max(1.0, effect) * _t_correction(images)


def _t_correction(images: int) -> float:
    """Fewer images say less of how much images vary: (normal quantile / Student's)^2."""
    from scipy import stats

    return (intervals.Z_95 / float(stats.t.ppf(0.975, images - 1))) ** 2 if images > 1 else math.nan
