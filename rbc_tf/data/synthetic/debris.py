"""What lies on a slide and is no red cell: platelets, stain precipitate, dust."""

import cv2
import numpy as np

from rbc_tf.data.synthetic import outlines
from rbc_tf.data.synthetic.canvas import Canvas
from rbc_tf.data.synthetic.config import SmearConfig
from rbc_tf.data.synthetic.placement import shared_windows
from rbc_tf.data.synthetic.scene import Scene
from rbc_tf.data.synthetic.texture import mottling


def add_platelets(
    haemoglobin: np.ndarray,
    basophilia: np.ndarray,
    scene: Scene,
    config: SmearConfig,
    diameter: float,
    rng: np.random.Generator,
):
    """Adds small violet granular discs (float32 [H, W] maps of dye, changed in place).

    They lie clear of the cells: on one, a platelet would pass for its granules.
    """
    for _ in range(rng.poisson(config.platelets_per_cell * len(scene.placed))):
        y, x = (int(rng.integers(0, size)) for size in scene.clear.shape)
        platelet = _platelet(rng, 0.5 * diameter * rng.uniform(0.18, 0.40))
        top, left = y - platelet.shape[0] // 2, x - platelet.shape[1] // 2
        in_frame, in_canvas = shared_windows(top, left, platelet.shape, basophilia.shape)
        if scene.clear[in_frame].all():
            basophilia[in_frame] += platelet[in_canvas]
            # They hold no haemoglobin, but their granules take eosin too, which makes them violet.
            haemoglobin[in_frame] += rng.uniform(0.5, 1.2) * platelet[in_canvas]


def add_debris(
    haemoglobin: np.ndarray,
    basophilia: np.ndarray,
    num_specks: float,
    diameter: float,
    rng: np.random.Generator,
):
    """Adds about `num_specks` specks anywhere (float32 [H, W] maps of dye, changed in place)."""
    for _ in range(rng.poisson(num_specks)):
        y, x = (int(rng.integers(0, size)) for size in basophilia.shape)
        speck = _speck(rng, diameter)
        top, left = y - speck.shape[0] // 2, x - speck.shape[1] // 2
        in_frame, in_canvas = shared_windows(top, left, speck.shape, basophilia.shape)
        dye = basophilia if rng.random() < 0.5 else haemoglobin
        dye[in_frame] += speck[in_canvas]


def _platelet(rng, radius) -> np.ndarray:
    outline = outlines.ellipse(rng, radius, 1.0 + abs(rng.normal(0, 0.3)), 0.12)
    canvas = Canvas.of_outline(outline, rng.uniform(0, 2 * np.pi), margin=4)
    grains = 1.0 + 0.25 * mottling(rng, canvas.shape, 8)
    drawn = rng.uniform(0.25, 0.65) * canvas.body(0.45 * radius) * grains
    return cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), max(0.5, 0.12 * radius))


def _speck(rng, diameter) -> np.ndarray:
    """A sharp small grain, or a large faint smudge far from the plane of focus."""
    if rng.random() < 0.75:
        radius, strength, blur = diameter * rng.uniform(0.012, 0.03), rng.uniform(0.3, 1.3), 0.01
    else:
        radius, strength, blur = diameter * rng.uniform(0.05, 0.20), rng.uniform(0.1, 0.3), 0.08
    sigma = max(0.4, blur * diameter)
    outline = outlines.ellipse(rng, radius, rng.uniform(1.0, 2.5), 0.15)
    canvas = Canvas.of_outline(outline, rng.uniform(0, 2 * np.pi), margin=round(3 * sigma) + 1)
    return cv2.GaussianBlur(np.float32(strength) * canvas.mask.astype(np.float32), (0, 0), sigma)
