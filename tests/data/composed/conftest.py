"""A source of cells."""

import csv

import pytest

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset
from tests.data.composed import made_up

_TYPES = ("Oval", "Elon", "Gran")


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """A source of 36 patches: 6 groups of 2 subjects, each group with two cells of each type."""
    root = tmp_path_factory.mktemp("source")
    samples, cells = [], []
    for group in range(6):
        for number, name in enumerate(_TYPES * 2):
            image = f"g{group}_{number}"
            axes = {"Oval": (15, 14), "Elon": (20, 8), "Gran": (12, 12)}[name]
            pixels, mask = made_up.patch(10 * group + number, 0.8, axes)
            image_io.write_png(root / "images" / f"{image}.png", pixels)
            image_io.write_mask(root / "masks" / f"{image}.png", mask)
            cells.append((image, 30, 30, name))
            path = root / "images" / f"{image}.png"
            samples.append(Sample(image, path, None, f"g{group}", subject=f"p{group % 2}"))
    with (root / "cells.csv").open("w", newline="") as file:
        csv.writer(file).writerows([dataset.CELLS_HEADER, *cells])
    dataset.write_images_table(root, samples)
    return root
