"""Regions of an analysis or of a dataset, written in the formats of other programs."""

import contextlib
import dataclasses
import pathlib

import tqdm
from absl import logging

from rbc_tf.data.formats import coco, geojson, imagej
from rbc_tf.data.formats.sources import Source

FORMATS = ("coco", "geojson", "imagej")

# Of formats with a file for each image.
_ENDINGS = {"geojson": ".geojson", "imagej": ".zip"}

# Errors of one image, after which the others are written; an error of COCO's only file is of all.
_OF_ONE_IMAGE = {
    "coco": (ValueError,),
    "geojson": (OSError, ValueError),
    "imagej": (OSError, ValueError),
}


@dataclasses.dataclass(frozen=True)
class ExportSummary:
    """What was written, and one line for each image that could not be read."""

    images: int
    regions: int
    problems: tuple[str, ...]


def export(
    source: Source, file_format: str, output_dir: str | pathlib.Path, object_type: str = ""
) -> ExportSummary:
    """Writes all images of a source, one in memory at a time.

    Args:
        source: what to write (see `sources`).
        file_format: one of FORMATS.
        output_dir: folder for the files (see the module of each format).
        object_type: of QuPath, 'detection' or 'annotation'; by default an analysis's regions are
            detections and true ones annotations.

    Raises:
        ValueError: a format or an object type is unknown, or the format cannot hold the name of a
            type.
    """
    if file_format not in FORMATS:
        raise ValueError(f"The format must be one of {', '.join(FORMATS)}. Received: {file_format}")
    object_type = object_type or ("detection" if source.predicted else "annotation")
    if object_type not in geojson.OBJECT_TYPES:
        known = " or ".join(geojson.OBJECT_TYPES)
        raise ValueError(f"The object type must be {known}. Received: {object_type}")
    images = regions = 0
    names: list[str] = []
    with contextlib.ExitStack() as stack:
        if file_format == "coco":
            files = coco.writer(output_dir, source.type_names, source.predicted)
            write = stack.enter_context(files)
        elif file_format == "geojson":
            write = geojson.writer(output_dir, source.type_names, object_type)
        else:
            write = imagej.writer(output_dir, source.type_names)
        progress = tqdm.tqdm(source.images, "export", source.num_images, unit="image")
        for image in progress:
            try:
                write(image)
            except _OF_ONE_IMAGE[file_format] as error:
                source.problems.append(f"{image.name}: {error}")
                continue
            names.append(image.name)
            images += 1
            regions += len(image.regions)
    _warn_of_others(pathlib.Path(output_dir), file_format, names)
    return ExportSummary(images, regions, tuple(source.problems))


def _warn_of_others(folder: pathlib.Path, file_format: str, names: list[str]) -> None:
    """Says which files there are of no image of this export; they may have been worked on since."""
    ending = _ENDINGS.get(file_format)
    if ending is None:
        return  # one file for all images
    written = {f"{name}{ending}" for name in names}
    there = (path.relative_to(folder).as_posix() for path in folder.rglob(f"[!.]*{ending}"))
    others = sorted(set(there) - written)
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        logging.warning(
            "%s: holds files of %d images that are not in this export: %s. Delete them, or name "
            "another folder",
            folder,
            len(others),
            shown,
        )
