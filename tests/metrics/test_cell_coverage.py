"""How much of labelled cells lies in detected regions, by hand."""

import numpy as np
import pytest

from rbc_tf.core.score import one
from rbc_tf.metrics.cell_coverage import score_coverage, share_inside

_REGION = np.float32([[0, 0, 10, 20]])


def test_the_share_of_a_cell_is_that_of_its_own_box():
    cells = [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [0, 15, 10, 25]]
    found = share_inside(np.float32(cells), np.float32([*_REGION, [0, 18, 10, 40]]))
    np.testing.assert_allclose(found, [1, 0.5, 0, 0.7])  # of two regions the better one counts


@pytest.mark.parametrize(("cells", "regions"), [(np.zeros((0, 4)), _REGION), (_REGION, [])])
def test_without_cells_or_regions_nothing_is_inside(cells, regions):
    np.testing.assert_array_equal(share_inside(cells, regions), np.zeros(len(cells)))


def test_scores_by_label():
    cells = [
        {"red": np.float32([[0, 0, 10, 10], [6, 0, 16, 10]]), "white": _REGION},
        {"red": np.float32([[0, 0, 10, 10]])},
        {},
    ]
    scores = score_coverage(cells, [_REGION, np.zeros((0, 4)), _REGION])
    assert one(scores, "num_regions").value == 2
    without = one(scores, "regions_without_cells")
    assert (without.value, without.support) == (0.5, 2)  # that of the third image
    red = one(scores, "cells_inside", label="red")
    assert (red.value, red.support) == (pytest.approx(1 / 3), 3)
    assert red.interval[0] < 1 / 3 < red.interval[1]
    white = one(scores, "cells_inside", label="white")
    assert (white.value, white.support, white.interval) == (1, 1, None)  # of one image alone


def test_cells_that_have_a_region_to_themselves():
    # Of the region's 200 pixels 100 and 80: IoU 0.5 and 0.4, both inside.
    cells = [{"red": np.float32([[0, 0, 10, 10], [0, 12, 10, 20]])}, {"red": _REGION}]
    scores = score_coverage(cells, [_REGION, np.zeros((0, 4))])
    assert one(scores, "cells_inside", label="red").value == pytest.approx(2 / 3)
    assert one(scores, "cells_alone", label="red").value == pytest.approx(1 / 3)
