"""The empty field: light and grain."""

import cv2
import numpy as np
import pytest

from rbc_tf.data.composed import field


def test_light_between_the_cells_is_found():
    y, x = np.mgrid[:300, :400]
    light = 150 + 0.1 * x + 0.05 * y
    mask = np.zeros((300, 400), bool)
    for cx, cy in np.random.default_rng(0).uniform(20, 280, (40, 2)):
        mask |= np.hypot(x - cx, y - cy) < 14
    image = np.where(mask, 0.6 * light, light)[..., None].repeat(3, 2)
    found = field.background(image.astype(np.uint8), mask)
    assert np.abs(found[20:-20, 20:-20, 0] / light[20:-20, 20:-20] - 1).max() < 0.03


def test_grain_has_the_strength_and_correlation_of_the_source():
    rng = np.random.default_rng(1)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (300, 300)), (0, 0), 1.2)
    grain *= 0.03 / grain.std()
    image = np.clip(np.rint(180 * (1 + grain)), 0, 255).astype(np.uint8)[..., None]
    mask = np.zeros((300, 300), bool)
    mask[100:160, 100:160] = True
    measured = field.measure_grain([(image.repeat(3, 2), mask)])
    drawn = measured.draw((300, 300), np.random.default_rng(2))[..., 0]
    assert drawn.std() == pytest.approx(grain.std(), rel=0.12)

    def neighbours(g):
        return np.corrcoef(g[:, 1:].ravel(), g[:, :-1].ravel())[0, 1]

    assert neighbours(drawn) == pytest.approx(neighbours(grain), abs=0.06)
