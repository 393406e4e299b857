"""Boxes of cells from a folder of Pascal VOC files or a CSV file."""

import pathlib

import numpy as np

from rbc_tf.core import boxes, image_io
from rbc_tf.data import csv_tables
from rbc_tf.data.formats import marked_images, voc
from rbc_tf.data.formats.image_finder import ImageFinder

# What edges in a CSV file are.
PIXELS, SHARES = "pixels", "shares"
UNITS = (PIXELS, SHARES)

_EDGES = ("ymin", "xmin", "ymax", "xmax")
_COLUMNS = ("image", *_EDGES, "label")

Cells = dict[str, np.ndarray]


def read(
    annotations: str | pathlib.Path,
    images_dir: str | pathlib.Path,
    problems: list[str],
    units: str = PIXELS,
) -> dict[pathlib.Path, Cells]:
    """The labelled cells of each image that the annotations name.

    Args:
        annotations: a folder of VOC files, one of them, or a CSV file with the columns image,
            ymin, xmin, ymax, xmax and label, a row a cell; edges count from the top left corner,
            the max edges behind the last pixel.
        images_dir: where the images lie.
        problems: takes one line, with file and line, for whatever is wrong; what is wrong is left
            out, be it a box without area or an image that is not there.
        units: of the edges in a CSV file: 'pixels', or 'shares' of the image's height and width.

    Returns:
        {image: {label: float32 [M, 4] (ymin, xmin, ymax, xmax) in pixels}}.

    Raises:
        ValueError: there are no such annotations, or none that is right; `units` is neither.
        ImageError: an image cannot be read.
    """
    if units not in UNITS:
        raise ValueError(f"`units` must be one of {', '.join(UNITS)}. Received: {units!r}")
    finder = ImageFinder(images_dir)
    if pathlib.Path(annotations).suffix.lower() == ".csv":
        found = _from_csv(pathlib.Path(annotations), finder, units, problems)
    else:
        found = _from_voc(annotations, finder, problems)
    if not found:
        raise ValueError("\n".join([f"{annotations}: labelled cells are required", *problems]))
    return {path: _by_label(rows) for path, rows in sorted(found.items())}


def _from_voc(
    folder: str | pathlib.Path, finder: ImageFinder, problems: list[str]
) -> dict[pathlib.Path, list]:
    found: dict[pathlib.Path, list] = {}
    # Edges as they are: files that count from 0 would be refused, and a pixel is nothing here.
    for image in voc.read(folder, problems, zero_based=True):
        try:
            path = marked_images.find(image, finder)
            if path in found:
                raise ValueError(f"another file is of {finder.relative(path)} as well")
        except ValueError as error:
            problems.append(f"{image.where}: {error}")
            continue
        found[path] = [(region.types[0], region.box) for region in image.regions]
    return found


def _from_csv(
    path: pathlib.Path, finder: ImageFinder, units: str, problems: list[str]
) -> dict[pathlib.Path, list]:
    found: dict[pathlib.Path, list] = {}
    sizes: dict[pathlib.Path, tuple[int, int]] = {}
    for row in csv_tables.read(path, _COLUMNS, _EDGES, problems):
        try:
            image = finder.find(row.text("image"))
            box = np.array([row.number(edge) for edge in _EDGES])
            if not (box[2:] > box[:2]).all():
                raise ValueError("a box must have a height and a width")
        except ValueError as error:
            problems.append(f"{path}: line {row.line}: {error}")
            continue
        if units == SHARES:
            if image not in sizes:
                sizes[image] = image_io.read_image(image).shape[:2]
            box *= np.tile(sizes[image], 2)
        found.setdefault(image, []).append((row.text("label"), tuple(box.tolist())))
    return found


def _by_label(rows: list[tuple[str, tuple]]) -> Cells:
    found: dict[str, list] = {}
    for label, box in rows:
        found.setdefault(label, []).append(box)
    return {label: boxes.as_boxes(of_label) for label, of_label in found.items()}
