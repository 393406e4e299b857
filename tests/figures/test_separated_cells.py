"""Figure 8 with and without a U-Net."""

import numpy as np
import pytest

from rbc_tf.figures import separated_cells
from tests.figures import layout


def _separated(found, unet):
    segments = np.zeros((20, 20), np.int32)
    for number in range(found):
        segments[2:18, 2 + 6 * number : 7 + 6 * number] = number + 1
    mask = segments > 0
    found = {"watershed": segments} | ({"U-Net": mask * 1} if unet else {})
    patch = layout.IMAGE[:20, :20]
    return separated_cells.Separated("a", patch, mask, np.zeros_like(mask), 2, found)


@pytest.mark.parametrize("unet", [False, True])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_separation(count, unet):
    regions = [_separated(2 + number % 2, unet) for number in range(count)]
    figure = separated_cells.draw(regions)
    layout.check(figure)
    texts = layout.texts(figure)
    shown = min(count, separated_cells.MOST)
    assert texts.count("\u2713 found 2") == -(-shown // 2)
    assert texts.count("\u2717 found 3") == shown // 2
    assert texts.count("\u2717 found 1") == (shown if unet else 0)
    caption = separated_cells.caption(regions, regions, layout.SOURCE)
    assert f"watershed in {-(-count // 2)}" in caption.text
    assert ("U-Net in 0" in caption.text, "left out: no trained U-Net" in caption.text) == (
        unet,
        not unet,
    )
    assert caption.facts["watershed_found"] == [2 + n % 2 for n in range(shown)]


def test_segments_are_counted():
    assert separated_cells.count_found(np.zeros((3, 3), int)) == 0
    assert separated_cells.count_found(np.array([[0, 4], [4, 9]])) == 2
    assert separated_cells.count_found(np.array([[4, 4], [4, 9]])) == 2  # no background
