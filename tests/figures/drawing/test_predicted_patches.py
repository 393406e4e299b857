"""Patches with their types, and which of them are right."""

import numpy as np
import pytest

from rbc_tf.figures.drawing import predicted_patches
from tests.figures import layout


@pytest.mark.parametrize(("count", "num_types"), [(0, 6), (1, 1), (1, 2), (1, 6), (2, 12), (7, 6)])
def test_few_patches_and_many(count, num_types):
    found, names = layout.predicted(count, num_types), layout.NAMES[:num_types]
    thresholds = np.full(num_types, 0.5)
    figure = predicted_patches.draw(found, names, thresholds)
    layout.check(figure)
    texts = layout.texts(figure)
    shown = min(count, predicted_patches.MOST)
    assert sum(text.startswith("true: Oval") for text in texts) == shown
    assert sum(text.startswith("predicted: Oval") for text in texts) == shown
    right = sum(patch.is_right(thresholds) for patch in found[:shown])
    assert sum("\u2713 exactly right" in text for text in texts) == right


def test_what_is_predicted_of_a_patch():
    patch = layout.predicted(2, 6)[
        1
    ]  # true: the first two; values 0.99, 0.832, 0.674, 0.516, 0.358, 0.2
    thresholds = np.array([0.5, 0.5, 0.7, 0.6, 0.5, 0.5])
    np.testing.assert_array_equal(patch.predicted(thresholds), [1, 1, 0, 0, 0, 0])
    assert patch.is_right(thresholds)
    assert not patch.is_right(np.full(6, 0.5))


def test_types_in_words():
    assert predicted_patches.type_list(np.array([1, 0, 1], bool), "abc") == "a + c"
    assert predicted_patches.type_list(np.array([0, 0, 0], bool), "abc") == "none"
