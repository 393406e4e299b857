"""Figure 4: which detections are drawn, and how their scores are written."""

import numpy as np
import pytest

from rbc_tf.core.types import Detections
from rbc_tf.figures import detected_regions
from rbc_tf.figures.drawing import captions
from tests.figures import layout


@pytest.mark.parametrize("count", layout.COUNTS)
def test_detections(count):
    scores = np.array([0.97, 0.62], np.float32)[:count]
    # One more lies below the threshold, and is not drawn.
    boxes = np.concatenate([layout.BOXES[:count], [[0, 0, 9, 9]]]).astype(np.float32)
    found = Detections(boxes, np.append(scores, 0.3))
    figure = detected_regions.draw(layout.IMAGE, found, 0.5)
    layout.check(figure)
    texts = layout.texts(figure)
    assert (".97" in texts, ".62" in texts) == (count > 0, count > 1)
    assert ".30" not in texts
    assert f"score 0.5 or more, below 0.9: {int(count == 2)}" in texts
    caption = detected_regions.caption("a", found.scores, 0.5, layout.SOURCE, "by a rule")
    assert f"{captions.count(count, 'detection')} with a score of 0.5 or more" in caption.text
    assert caption.facts["detections_not_drawn"] == 1


def test_detections_above_a_high_threshold():
    found = Detections(layout.BOXES, np.array([0.97, 0.92]))
    texts = layout.texts(detected_regions.draw(layout.IMAGE, found, 0.95))
    assert "score 0.9 or more: 1" in texts
    assert not any("below 0.9" in text for text in texts)


@pytest.mark.parametrize(
    ("score", "text"),
    [(1.0, "1"), (0.999, ".99"), (0.9, ".90"), (np.float32(0.9), ".90"), (0.057, ".05")],
)
def test_scores_are_cut_off(score, text):
    assert detected_regions.written(score) == text
