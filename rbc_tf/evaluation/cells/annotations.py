"""Boxes of cells from a folder of Pascal VOC files or a CSV file."""

import pathlib

import numpy as np

from rbc_tf.core import boxes, image_io
from rbc_tf.data import csv_tables
from rbc_tf.data.formats import voc
from rbc_tf.data.formats.image_finder import ImageFinder

# What edges in a CSV file are.
PIXELS, SHARES = "pixels", "shares"
UNITS = (PIXELS, SHARES)

_EDGES = ("ymin", "xmin", "ymax", "xmax")
_COLUMNS = ("image", *_EDGES, "label")

Cells = dict[str, np.ndarray]


def read(
    annotations: str | pathlib.Path, images_dir: str | pathlib.Path, units: str = PIXELS
) -> dict[pathlib.Path, Cells]:
    """The labelled cells of each image that the annotations name.

    Args:
        annotations: a folder of VOC files, one of them, or a CSV file with the columns image,
            ymin, xmin, ymax, xmax and label, a row a cell; edges count from the top left corner,
            the max edges behind the last pixel.
        images_dir: where the images lie.
        units: of the edges in a CSV file: 'pixels', or 'shares' of the image's height and width.

    Returns:
        {image: {label: float32 [M, 4] (ymin, xmin, ymax, xmax) in pixels}}.

    Raises:
        ValueError: the annotations cannot be read, name an image that is not there, or a box that
            has no area or no place in its image.
        ImageError: an image cannot be read.
    """
    finder = ImageFinder(images_dir)
    if pathlib.Path(annotations).suffix.lower() == ".csv":
        found = _from_csv(pathlib.Path(annotations), finder, units)
    else:
        found = _from_voc(annotations, finder)
    return {path: _by_label(rows) for path, rows in sorted(found.items())}


def _from_voc(folder: str | pathlib.Path, finder: ImageFinder) -> dict[pathlib.Path, list]:
    problems: list[str] = []
    # Edges as they are: files that count from 0 would be refused, and a pixel is nothing here.
    images = voc.read(folder, problems, zero_based=True)
    if problems:
        raise ValueError("\n".join(problems))
    return {
        finder.find(image.name): [(region.types[0], region.box) for region in image.regions]
        for image in images
    }


def _from_csv(path: pathlib.Path, finder: ImageFinder, units: str) -> dict[pathlib.Path, list]:
    found: dict[pathlib.Path, list] = {}
    sizes: dict[pathlib.Path, tuple[int, int]] = {}
    problems: list[str] = []
    for row in csv_tables.read(path, _COLUMNS, _EDGES, problems):
        where = f"{path}: line {row.line}"
        try:
            image = finder.find(row.text("image"))
            box = np.array([row.number(edge) for edge in _EDGES])
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        if units == SHARES:
            if image not in sizes:
                sizes[image] = image_io.read_image(image).shape[:2]
            box *= np.tile(sizes[image], 2)
        if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
            problems.append(f"{where}: edges of a box with an area are required")
            continue
        found.setdefault(image, []).append((row.text("label"), tuple(box.tolist())))
    if problems:
        raise ValueError("\n".join(problems))
    return found


def _by_label(rows: list[tuple[str, tuple]]) -> Cells:
    found: dict[str, list] = {}
    for label, box in rows:
        found.setdefault(label, []).append(box)
    return {label: boxes.as_boxes(of_label) for label, of_label in found.items()}
