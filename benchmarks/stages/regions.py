"""Regions of a mask, beside OpenCV's and SciPy's labelling and a search in plain Python.

Only rbc_tf counts the cells of a region and finds which labelled cells lie in it; 'boxes alone' is
what of its work the others do too. `findContoursLinkRuns`, which it builds on, is shown by itself:
it runs in one thread, OpenCV's labelling in as many as there are cores.
"""

import collections
import dataclasses
import pathlib

import cv2
import numpy as np
from scipy import ndimage

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.core import image_io
from rbc_tf.core.types import Cell, Sample
from rbc_tf.data import outlines, regions
from rbc_tf.data.synthetic import SmearConfig, render_smear

RBC_TF = "rbc_tf"
BOXES_ALONE = "rbc_tf, boxes alone"
FROM_FILE = "rbc_tf, from the PNG"
OPENCV = "cv2.connectedComponents"
OPENCV_STATS = "cv2.connectedComponentsWithStats"
OPENCV_BORDERS = "cv2.findContoursLinkRuns"
OPENCV_FROM_FILE = "cv2.imread + connectedComponents"
SCIPY = "scipy.ndimage label + find_objects"
PLAIN = "breadth-first search in plain Python"

_SIZES, _SHAPE = (10, 50, 100, 200, 400), (1080, 1920)
_QUICK_SIZES, _QUICK_SHAPE = (3, 12), (270, 480)

# Of an image's area that all cells cover, about as in the paper's images.
_COVERAGE = 0.18

# About two in three cells are a region; more are drawn than are kept.
_CELLS_PER_REGION = 1.8


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A mask bool [H, W] with a known number of regions, its cells, and both as a dataset's."""

    mask: np.ndarray
    cells: tuple[Cell, ...]
    sample: Sample


def measure(settings: Settings) -> list[Measurement]:
    """Masks of 1920 x 1080 with 10 to 400 regions."""
    measured = []
    for size in _QUICK_SIZES if settings.quick else _SIZES:
        shape = _QUICK_SHAPE if settings.quick else _SHAPE
        case = make_case(size, shape, settings.scratch_dir)
        facts = {"height": shape[0], "width": shape[1], "cells": len(case.cells)}
        *libraries, plain = contenders(case)
        # Plain Python fills the caches with its lists: the next contender would pay for it.
        taken = compare(libraries, settings.repetitions) | compare([plain], settings.repetitions)
        for name, seconds in taken.items():
            measured.append(Measurement("regions", name, size, "region", seconds, facts=facts))
    return measured


def make_case(num_regions: int, shape: tuple[int, int], folder: pathlib.Path) -> Case:
    """A synthetic smear's mask of which so many regions, drawn at random, are left."""
    num_cells = round(_CELLS_PER_REGION * num_regions) + 10
    diameter = min(60.0, 2 * np.sqrt(_COVERAGE * shape[0] * shape[1] / num_cells / np.pi))
    config = SmearConfig(*shape, num_cells=num_cells, cell_diameter=float(diameter))
    smear = render_smear(config, seed=num_regions)
    labels, stats = regions.label_regions(smear.mask, regions.RegionConfig())
    if len(stats) < num_regions:
        raise RuntimeError(f"The smear for {num_regions} regions has {len(stats)} only")
    kept = np.random.default_rng(num_regions).permutation(len(stats))[:num_regions] + 1
    mask = np.isin(labels, kept)
    cells = tuple(cell for cell in smear.cells if mask[int(cell.y), int(cell.x)])
    path = folder / f"mask_{num_regions}.png"
    image_io.write_mask(path, mask)
    return Case(mask, cells, Sample("smear", path, path, "smear", cells=cells))


def contenders(case: Case) -> list[Contender]:
    """All that find the regions of a case, plain Python last; each call does the work anew."""
    mask, pixels, path = case.mask, case.mask.view(np.uint8), str(case.sample.mask_path)
    return [
        Contender(RBC_TF, lambda: regions.find_regions_in_mask(mask, case.cells)),
        Contender(BOXES_ALONE, lambda: outlines.trace(mask, 8)),
        Contender(FROM_FILE, lambda: regions.find_regions(case.sample)),
        Contender(OPENCV, lambda: cv2.connectedComponents(pixels)),
        Contender(OPENCV_STATS, lambda: cv2.connectedComponentsWithStats(pixels)),
        Contender(OPENCV_BORDERS, lambda: cv2.findContoursLinkRuns(pixels)),
        Contender(OPENCV_FROM_FILE, lambda: cv2.connectedComponents(cv2.imread(path, 0))),
        Contender(SCIPY, lambda: ndimage.find_objects(ndimage.label(mask, np.ones((3, 3)))[0])),
        Contender(PLAIN, lambda: breadth_first(mask)),
    ]


def breadth_first(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Boxes (ymin, xmin, ymax, xmax) of a mask's regions as the paper's search finds them."""
    height, width = mask.shape
    left = mask.tolist()
    found = []
    for y, x in np.argwhere(mask).tolist():
        if not left[y][x]:
            continue
        left[y][x] = False
        queue = collections.deque([(y, x)])
        ymin, xmin, ymax, xmax = y, x, y, x
        while queue:
            row, column = queue.popleft()
            ymin, ymax = min(ymin, row), max(ymax, row)
            xmin, xmax = min(xmin, column), max(xmax, column)
            for near_row in range(max(row - 1, 0), min(row + 2, height)):
                for near_column in range(max(column - 1, 0), min(column + 2, width)):
                    if left[near_row][near_column]:
                        left[near_row][near_column] = False
                        queue.append((near_row, near_column))
        found.append((ymin, xmin, ymax + 1, xmax + 1))
    return found
