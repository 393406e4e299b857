"""Figure 5: the caption; `drawing/test_predicted_patches.py` tests what is drawn."""

import numpy as np

from rbc_tf.figures import patch_predictions
from rbc_tf.figures.drawing.captions import Thresholds
from tests.figures import layout


def test_the_caption_counts_what_is_right():
    # Two types; the first patch has one true type, the second both; values are 0.99 and 0.2.
    thresholds = Thresholds(layout.NAMES[:2], np.array([0.5, 0.5]), "exact_match")
    caption = patch_predictions.caption(
        layout.predicted(2, 2), thresholds, layout.SOURCE, "stretch"
    )
    assert caption.facts["right"] == 1
    assert "Exactly right: 1 of 2" in caption.text
    assert "2 regions from the 4 images" in caption.text
    assert "(seed 7)" in caption.text
    assert "0.5 for every type; chosen on validation images for exact match" in caption.text
    first, second = caption.facts["regions"]
    assert (first["true"], second["true"]) == ("Oval", "Oval + Elon")
    assert first["predicted"] == second["predicted"] == "Oval"


def test_at_most_six_are_shown():
    thresholds = Thresholds(layout.NAMES[:6], np.full(6, 0.5))
    caption = patch_predictions.caption(
        layout.predicted(7, 6), thresholds, layout.SOURCE, "stretch"
    )
    assert len(caption.facts["regions"]) == 6
    assert caption.text.startswith("6 regions")
