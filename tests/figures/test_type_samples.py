"""Figure 1 of few and many types."""

import pytest
from matplotlib.image import AxesImage

from rbc_tf.core.cell_types import CellType
from rbc_tf.figures import type_samples
from tests.figures import layout


@pytest.mark.parametrize("num_types", layout.TYPE_COUNTS)
def test_samples(num_types):
    rows = [
        type_samples.TypeSamples(
            CellType(str(n), f"{name} cell", n > 0), (layout.IMAGE[:50, :50],) * min(n, 9), 11 * n
        )
        for n, name in enumerate(layout.NAMES[:num_types])
    ]
    figure = type_samples.draw(rows, 50)
    layout.check(figure)
    texts = layout.texts(figure)
    assert "Oval cell" in texts
    assert "normal, n = 0" in texts
    assert "no such region in these images" in texts
    assert "20 pixels" in texts  # of the patch's 50
    # 0, 1, 2, ... patches, at most nine.
    pictures = len(figure.findobj(AxesImage))
    assert pictures == sum(min(n, 9) for n in range(num_types))
    caption = type_samples.caption(rows, layout.SOURCE, 50)
    assert "the 4 images of the split 'test' of smears" in caption.text
    assert "(seed 7)" in caption.text
    assert caption.facts["regions_by_type"]["0"] == 0
    assert caption.facts["side_pixels"] == 50
