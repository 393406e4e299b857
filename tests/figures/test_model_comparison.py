"""Figure 6: who is right how often, which regions are shown, and what is printed."""

import numpy as np
import pytest

from rbc_tf.figures import model_comparison
from rbc_tf.figures.drawing.captions import Thresholds
from tests.figures import layout


@pytest.mark.parametrize(("count", "num_types"), [(0, 6), (1, 1), (2, 2), (2, 12)])
def test_comparison(count, num_types):
    pairs = [(patch, patch) for patch in layout.predicted(count, num_types)]
    thresholds = Thresholds(layout.NAMES[:num_types], np.full(num_types, 0.5))
    kinds = ("both_right", "only_a", "only_b", "both_wrong")
    counts = {
        "all_regions": dict(zip(kinds, (10, 5, 4, 1), strict=True)),
        "mixed_regions": dict(zip(kinds, (0, 3, 2, 1), strict=True)),
    }
    figure = model_comparison.draw(pairs, thresholds, counts, seed=7)
    layout.check(figure)
    texts = layout.texts(figure)
    for model in ("A", "B"):
        assert sum(text.startswith(f"Model {model}: ") for text in texts) == count
    # The counts that keep a reader from being misled are printed, not in the caption alone.
    printed = " ".join(texts)
    assert "Of 20 regions completely labelled: A right and B wrong: 5; B right and A wrong: 4" in (
        printed
    )
    assert "Of 6 of several cells and several types: A right and B wrong: 3" in printed
    assert ("there is no region with A right and B wrong" in texts) == (count == 0)
    caption = model_comparison.caption(pairs, thresholds, counts, layout.SOURCE, folds=5)
    assert "B right and A wrong: 4" in caption.text
    assert "5 folds" in caption.text
    assert caption.facts["all_regions"]["only_b"] == 4


def test_counts_of_the_comparison():
    a = np.array([1, 1, 0, 0, 1, 1], bool)
    b = np.array([1, 0, 1, 0, 0, 0], bool)
    counted = np.array([1, 1, 1, 1, 1, 0], bool)
    found = model_comparison.agreement(a, b, counted)
    assert found == {"both_right": 1, "only_a": 2, "only_b": 1, "both_wrong": 1}


@pytest.mark.parametrize("num_types", [1, 6, 12, 40])
def test_regions_of_the_comparison_fit_on_a_page(num_types):
    assert 1 <= model_comparison.most(num_types) <= 6
    # 247 mm are what A4 leaves between margins of 25 mm; with 40 types one region is taller.
    needed = model_comparison.most(num_types) * model_comparison._item_height(num_types)
    assert needed < 230 or model_comparison.most(num_types) == 1
