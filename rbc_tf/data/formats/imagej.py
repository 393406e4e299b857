"""ImageJ ROI archives, one per image: what Fiji's ROI Manager opens (out only).

OUTPUT_DIR/NAME.zip holds a rectangle per region, with fractions of a pixel, named
'0007 Oval+Stom 0.998' (number in regions.csv, types or '?', score) and in the colour of its types.
Its properties are `types` (separated by ';') and, where known, `score`, `abnormal_probability`,
`p_TYPE` of each type, `num_cells` and `complete`. An image without regions has an empty archive.
Edges are ours; width and height are rounded to float32, as the format has them.
"""

import functools
import math
import pathlib
import zipfile
from collections.abc import Callable, Sequence

import roifile

from rbc_tf.core import files
from rbc_tf.core.cell_types import SEPARATOR
from rbc_tf.data.formats.marked import MarkedImage, MarkedRegion, colour_of_types

_NO_TYPE = "?"


def writer(
    output_dir: str | pathlib.Path, type_names: Sequence[str]
) -> Callable[[MarkedImage], None]:
    """A function that writes OUTPUT_DIR/NAME.zip of an image, NAME with its extension."""
    return functools.partial(_write, pathlib.Path(output_dir), tuple(type_names))


def _write(output_dir: pathlib.Path, type_names: tuple[str, ...], image: MarkedImage) -> None:
    with (
        files.atomic_path(output_dir / f"{image.name}.zip") as path,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for number, region in enumerate(image.regions, start=1):
            roi = _roi(number, region, type_names)
            # A '/' would make a folder in the archive. ZipInfo without a time: equal regions give
            # equal files.
            entry = zipfile.ZipInfo(f"{roi.name.replace('/', '_')}.roi")
            archive.writestr(entry, roi.tobytes(), zipfile.ZIP_DEFLATED)


def _roi(number: int, region: MarkedRegion, type_names: tuple[str, ...]) -> roifile.ImagejRoi:
    ymin, xmin, ymax, xmax = region.box
    score = "" if region.score is None else f" {region.score:.3f}"
    name = f"{number:04d} {'+'.join(region.types) or _NO_TYPE}{score}"
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        options=roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
        # The format counts UTF-16 units, roifile characters: beyond 16 bits they differ.
        name="".join(letter if ord(letter) < 0x10000 else "\ufffd" for letter in name),
        top=math.floor(ymin),
        left=math.floor(xmin),
        bottom=math.ceil(ymax),
        right=math.ceil(xmax),
        xd=xmin,
        yd=ymin,
        widthd=xmax - xmin,
        heightd=ymax - ymin,
        stroke_color=bytes((255, *colour_of_types(region.types, type_names))),
        props="".join(f"{_escape(k)}: {_escape(v)}\n" for k, v in _properties(region).items()),
    )


def _properties(region: MarkedRegion) -> dict[str, str]:
    known = {
        "types": SEPARATOR.join(region.types),
        "score": region.score,
        "abnormal_probability": region.abnormal_probability,
        **{f"p_{name}": value for name, value in region.probabilities.items()},
        "num_cells": region.num_cells,
        "complete": None if region.complete is None else str(region.complete).lower(),
    }
    return {key: str(value) for key, value in known.items() if value is not None}


def _escape(text: str) -> str:
    """As Java's Properties, with which ImageJ reads them, wants everything but plain letters."""
    escaped = []
    for letter in text:
        if letter.isascii() and letter.isprintable() and letter not in " \\:=#!":
            escaped.append(letter)
        else:
            units = letter.encode("utf-16-be")
            escaped += [f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2)]
    return "".join(escaped)
