"""Figure 3 of few and many regions."""

import numpy as np
import pytest

from rbc_tf.core.types import Region
from rbc_tf.data.regions import RegionConfig
from rbc_tf.figures import label_mask
from tests.figures import layout


@pytest.mark.parametrize(
    ("count", "single", "several"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)], ids=["0", "1", "2"]
)
def test_few_regions_and_many(count, single, several):
    mask = np.zeros(layout.IMAGE.shape[:2], bool)
    for ymin, xmin, ymax, xmax in layout.BOXES[:count].astype(int):
        mask[ymin:ymax, xmin:xmax] = True
    cells = zip(layout.BOXES[:count].tolist(), (1, 3), strict=False)
    regions = [Region(tuple(box), num_cells=num_cells) for box, num_cells in cells]
    figure = label_mask.draw(layout.IMAGE, mask, regions)
    layout.check(figure)
    texts = layout.texts(figure)
    assert f"region of one cell: {single}" in texts
    assert f"of several cells, with their number: {several}" in texts
    assert texts.count("3") == 2 * several  # in both pictures
    text = label_mask.caption("a", regions, RegionConfig(), layout.SOURCE, "by a rule").text
    assert f"{count} connected region" in text
    assert f"{single} of one cell" in text
