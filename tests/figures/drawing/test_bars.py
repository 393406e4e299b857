"""Probabilities in words."""

import pytest

from rbc_tf.figures.drawing import bars


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (1e-9, "<.01"),
        (0.0049, "<.01"),
        (0.0051, "0.01"),
        (0.5, "0.50"),
        (0.9949, "0.99"),
        (0.995, ">.99"),
        (1 - 1e-9, ">.99"),
        (1, "1.00"),
    ],
)
def test_probabilities_are_never_rounded_to_certainty(value, text):
    assert bars.written(value) == text
