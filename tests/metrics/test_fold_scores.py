"""Scores over folds, by hand."""

import numpy as np
import pytest

from rbc_tf.metrics.fold_scores import Measured


def _measured(*folds):
    """Of folds as they are, and of one resample that is the same."""
    by_fold = np.repeat(np.array(folds, float)[:, None], 2, axis=1)
    mean = np.full(2, np.nanmean(folds))
    return Measured(by_fold, mean, mean)


def test_a_mean_difference_is_over_the_folds_that_define_both():
    first, second = _measured(1.0, 0.0, 0.5), _measured(1.0, np.nan, 0.25)
    found = first.minus(second).score("precision", {})
    assert found.per_fold == (0.0, None, 0.25)
    assert (found.num_folds, found.mean) == (2, pytest.approx(0.125))
    assert found.mean_interval == pytest.approx((0.125, 0.125))
    # Pooled values know no folds.
    assert found.pooled == pytest.approx(0.5 - 0.625)
