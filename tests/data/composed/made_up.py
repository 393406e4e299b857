"""Cells, patches and empty fields that the tests of composed smears share."""

import csv

import cv2
import numpy as np

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset
from rbc_tf.data.composed import source
from rbc_tf.data.composed.library import Backdrop


def cell(mask, passed, name="Oval"):
    shares = np.where(mask[..., None], np.float32(passed), 1).astype(np.float32)
    shares = np.broadcast_to(shares, (*mask.shape, 3))
    return source.SourceCell(mask, shares, mask.astype(np.float32), name, "a", 0.0, 0.0)


def disc(size=21, radius=9):
    y, x = np.mgrid[:size, :size] - size // 2
    return np.hypot(y, x) <= radius


def even(shape, level=200.0):
    return Backdrop(np.full((*shape, 3), level, np.float32), np.zeros((*shape, 3)), np.zeros(3))


def patch(seed, transmittance, axes, centre=(30, 30), size=60, level=200):
    """uint8 [60, 60, 3] and its mask: an ellipse that lets so much light through, with grain."""
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, cv2.FILLED)
    soft = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 0.8)
    grain = np.random.default_rng(seed).normal(0, 0.01, (size, size))
    image = level * (1 - soft * (1 - transmittance)) * (1 + grain)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)[..., None].repeat(3, 2), mask > 0


_TYPES = ("Oval", "Elon", "Gran")


def write_source(root):
    """A source of 36 patches: 6 groups of 2 subjects, each group with two cells of each type."""
    samples, cells = [], []
    for group in range(6):
        for number, name in enumerate(_TYPES * 2):
            image = f"g{group}_{number}"
            axes = {"Oval": (15, 14), "Elon": (20, 8), "Gran": (12, 12)}[name]
            pixels, mask = patch(10 * group + number, 0.8, axes)
            image_io.write_png(root / "images" / f"{image}.png", pixels)
            image_io.write_mask(root / "masks" / f"{image}.png", mask)
            cells.append((image, 30, 30, name))
            path = root / "images" / f"{image}.png"
            samples.append(Sample(image, path, None, f"g{group}", subject=f"p{group % 2}"))
    with (root / "cells.csv").open("w", newline="") as file:
        csv.writer(file).writerows([dataset.CELLS_HEADER, *cells])
    dataset.write_images_table(root, samples)
    return root
