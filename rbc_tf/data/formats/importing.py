"""Annotations of other programs become a dataset folder."""

import dataclasses
import pathlib
import shutil
from collections.abc import Mapping

import numpy as np
import tqdm

from rbc_tf.core import exposure, files, folder_intensity, image_io
from rbc_tf.core.cell_types import SEPARATOR, CellTypes
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.core.names import printable
from rbc_tf.core.types import Cell, Region
from rbc_tf.data import dataset_intensity, plausibility, segmentation
from rbc_tf.data.dataset import (
    CELLS_HEADER,
    IMAGES_HEADER,
    MASK_ENDINGS,
    REGIONS_HEADER,
    DatasetError,
    load_dataset,
)
from rbc_tf.data.formats import coco, geojson, marked_images, truth, voc
from rbc_tf.data.formats.image_finder import ImageFinder
from rbc_tf.data.formats.marked import MarkedImage
from rbc_tf.data.formats.type_names import TypeNames
from rbc_tf.data.regions import find_regions

FORMATS = ("coco", "voc", "geojson")

_RECORD = "import.json"


@dataclasses.dataclass(frozen=True)
class ImportOptions:
    """How annotations are taken.

    Attributes:
        renames: from a type in the file to one in the list, 'other', or '' (type unknown).
        ignored: types whose regions and cells are left out.
        complete: regions count as labelled throughout where the file does not say.
        zero_based: VOC files count from 0 and give edges.
        masks_dir: folder of masks NAME.png for images without boxes.
        segment: make the masks of images without boxes by thresholding, as for Chula RBC-12.
        intensity: range of values of more than 8 bits; None: that of the files, or else estimated
            from all images of the folder. It is written into the dataset folder.
        strict: what is unlikely is an error.
    """

    renames: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    complete: bool = True
    zero_based: bool = False
    masks_dir: str | None = None
    segment: bool = False
    intensity: IntensityRange | None = None
    strict: bool = False


@dataclasses.dataclass(frozen=True)
class ImportSummary:
    """What came of an import; images of the folder that no annotation names are left out.

    `doubts` has a line for each kind of what is unlikely, with how often and where it was found.
    """

    images: int
    images_left_out: int
    regions: int
    regions_of_several_types: int
    regions_without_type: int
    cells: int
    doubts: tuple[str, ...] = dataclasses.field(default=(), compare=False)


@dataclasses.dataclass(frozen=True)
class _Image:
    """One image to be written: its name in the dataset, and all that is known of it.

    `exposure` is 'nearly black' or 'nearly white' where nothing can be seen in it.
    """

    name: str
    group: str
    path: pathlib.Path
    size: tuple[int, int]
    regions: list[Region]
    cells: list[Cell]
    mask_path: pathlib.Path | None
    exposure: str | None


def import_annotations(
    file_format: str,
    annotations: str | pathlib.Path,
    images_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    cell_types: CellTypes,
    options: ImportOptions = ImportOptions(),
) -> ImportSummary:
    """Writes a dataset folder; images are copied.

    Boxes go to regions.csv and points to cells.csv. An image without boxes gets its mask from
    `masks_dir` or by thresholding where one of these is asked for, else, when it has no points
    either, an empty mask: it was looked at and holds nothing. An image in a subfolder gets the name
    FOLDER_NAME, and the folder is its group.

    Args:
        file_format: one of FORMATS.
        annotations: the file, or for VOC and GeoJSON the folder of files.
        images_dir: folder of the images, in it and below.
        output_dir: the folder to write; an earlier import there is replaced.
        cell_types: the list of types, saved with the dataset.
        options: how they are taken.

    Raises:
        DatasetError: with everything that is wrong in the annotations, or, where `strict`,
            unlikely; nothing is written.
        ValueError: the format is unknown, a folder is missing, or `output_dir` holds something
            else than an import.
    """
    if file_format not in FORMATS:
        raise ValueError(f"The format must be one of {', '.join(FORMATS)}. Received: {file_format}")
    files.check_replaceable(output_dir, _RECORD)
    names = TypeNames(cell_types, options.renames, options.ignored)
    finder = ImageFinder(images_dir)
    intensity = options.intensity or folder_intensity.of_folder(finder.images)
    options = dataclasses.replace(options, intensity=intensity)
    problems: list[str] = []
    marked = _read(file_format, annotations, options, problems)
    doubts = plausibility.Doubts()
    images = _resolve(marked, finder, names, options, problems, doubts)
    problems += names.problems()
    if not problems:
        sizes = {image.path: image.size for image in images}
        problems += _problems_of_units(
            file_format, marked, [sizes[finder.find(image.name)] for image in marked]
        )
    if not images and not problems:
        problems.append("no image is annotated")
    if problems:
        raise DatasetError(pathlib.Path(annotations), problems)
    _check_areas(marked, doubts)
    record = {
        "format": file_format,
        "annotations": printable(annotations),
        "images_dir": printable(images_dir),
        "options": dataclasses.asdict(options),
    }
    with files.atomic_folder(output_dir, marker=_RECORD) as folder:
        _write_images(folder, images, options)
        dataset_intensity.record(folder, intensity)
        _write_tables(folder, images)
        cell_types.save(folder / "cell_types.yaml")
        written = _check_written(folder, pathlib.Path(annotations))
        found = tuple(filter(None, (*doubts.lines(), *written, _exposure(images, intensity))))
        if options.strict and found:
            raise DatasetError(pathlib.Path(annotations), list(found))
        summary = _summarise(images, len(finder.images), found)
        record |= {"summary": dataclasses.asdict(summary), "versions": files.versions()}
        files.write_json(folder / _RECORD, record)
    return summary


def _problems_of_units(
    file_format: str, marked: list[MarkedImage], sizes_of_images: list[tuple[int, int]]
) -> list[str]:
    """What is wrong with all boxes together: they are given in other units."""
    boxes, sizes = [], []
    for image, size in zip(marked, sizes_of_images, strict=True):
        boxes += [region.box for region in image.regions]
        sizes += [size] * len(image.regions)
    if plausibility.relative_boxes(np.array(boxes)):
        return ["all boxes lie between 0 and 1: pixels are required, not shares of the sides"]
    if file_format == "coco" and plausibility.corners_for_sizes(np.array(boxes), np.array(sizes)):
        return [
            "bbox must be [x, y, width, height]. Received: boxes that all could be corners "
            "[x, y, x, y], and reach over the edge of their image where they are not"
        ]
    return []


def _check_areas(marked: list[MarkedImage], doubts: plausibility.Doubts) -> None:
    given = [region for image in marked for region in image.regions if region.area]
    plausibility.check_areas(
        np.array([region.box for region in given]).reshape(-1, 4),
        np.array([region.area for region in given], np.float64),
        [region.where for region in given],
        doubts,
    )


def _check_written(folder: pathlib.Path, annotations: pathlib.Path) -> tuple[str, ...]:
    """Reads the new dataset as others will; what is unlikely of its masks and points.

    Raises DatasetError where it cannot be read, or its points cannot be meant.
    """
    check = plausibility.DatasetCheck(of_boxes=False)
    for sample in load_dataset(folder):
        size = image_io.image_size(sample.image_path)
        check.add(sample, size, find_regions(sample))
    if check.errors():
        raise DatasetError(annotations, check.errors())
    return check.doubts()


def _exposure(images: list[_Image], intensity: IntensityRange | None) -> str | None:
    found = {image.name: image.exposure for image in images}
    return exposure.warning(found, len(images), intensity is not None)


def _summarise(
    images: list[_Image], images_in_folder: int, doubts: tuple[str, ...]
) -> ImportSummary:
    regions = [region for image in images for region in image.regions]
    return ImportSummary(
        images=len(images),
        images_left_out=images_in_folder - len(images),
        regions=len(regions),
        regions_of_several_types=sum(len(region.types) > 1 for region in regions),
        regions_without_type=sum(not region.types for region in regions),
        cells=sum(len(image.cells) for image in images),
        doubts=doubts,
    )


def _read(
    file_format: str, path: str | pathlib.Path, options: ImportOptions, problems: list[str]
) -> list[MarkedImage]:
    if file_format == "coco":
        return coco.read(path, problems)
    if file_format == "voc":
        return voc.read(path, problems, options.zero_based)
    return geojson.read(path, problems)


def _resolve(
    marked: list[MarkedImage],
    finder: ImageFinder,
    names: TypeNames,
    options: ImportOptions,
    problems: list[str],
    doubts: plausibility.Doubts,
) -> list[_Image]:
    """The images with their files, in the order of their names; notes what is wrong."""
    images: dict[str, _Image] = {}
    for one in marked:
        try:
            image = _resolve_one(one, finder, names, options, problems, doubts)
            if image.name in images:
                raise ValueError(
                    f"{finder.relative(image.path)} and {finder.relative(images[image.name].path)} "
                    f"would both be image '{image.name}'; annotate each once, or rename one"
                )
            images[image.name] = image
        except ValueError as error:
            problems.append(f"{one.where}: {error}")
    return [images[name] for name in sorted(images)]


def _resolve_one(
    marked: MarkedImage,
    finder: ImageFinder,
    names: TypeNames,
    options: ImportOptions,
    problems: list[str],
    doubts: plausibility.Doubts,
) -> _Image:
    path = marked_images.find(marked, finder)
    # Decoded once, so that no damaged file is copied.
    pixels = image_io.read_image(path, options.intensity)
    size = pixels.shape[:2]
    for given, real, edge in zip(
        (marked.height, marked.width), size, ("high", "wide"), strict=True
    ):
        if given is not None and given != real:
            raise ValueError(
                f"image '{marked.name}' was annotated at {given} pixels {edge}. "
                f"{finder.relative(path)} is {real}; annotate the image as viewers show it"
            )
    header = image_io.read_header(path)
    if plausibility.is_turned_in_doubt(header, size_is_known=marked.height is not None):
        doubts.add(plausibility.TURNED, f"{marked.where}: {finder.relative(path)}")
    regions = truth.regions(marked, size, names, options.complete, problems, doubts)
    cells = truth.cells(marked, size, names, problems)
    relative = pathlib.PurePosixPath(finder.relative(path)).with_suffix("")
    mask_path = None
    if not regions and options.masks_dir is not None:
        places = [pathlib.Path(options.masks_dir, f"{relative}{end}") for end in MASK_ENDINGS]
        mask_path = next((place for place in places if place.exists()), places[0])
        if image_io.mask_size(mask_path) != size:
            raise ValueError(f"{mask_path}: must be of the image's size, {size[1]} x {size[0]}")
    elif not regions and cells and not options.segment:
        raise ValueError(
            f"image '{marked.name}' has points and no boxes, and so needs a mask: give "
            "--masks_dir, or --segment to make masks by thresholding"
        )
    group = "_".join(relative.parts[:-1])
    return _Image(
        name="_".join(relative.parts),
        group=group,
        path=path,
        size=size,
        regions=regions,
        cells=cells,
        mask_path=mask_path,
        exposure=exposure.of(pixels),
    )


def _write_images(folder: pathlib.Path, images: list[_Image], options: ImportOptions) -> None:
    """The copies, and a mask for each image without boxes."""
    (folder / "images").mkdir()
    for image in tqdm.tqdm(images, desc="import", unit="image"):
        shutil.copyfile(image.path, folder / "images" / f"{image.name}{image.path.suffix}")
        if image.regions:
            continue
        mask_path = folder / "masks" / f"{image.name}.png"
        if image.mask_path is not None:
            mask, numbers = image_io.read_numbered_mask(image.mask_path)
            if numbers is not None:  # which a mask of two values would not have
                mask_path.parent.mkdir(exist_ok=True)
                shutil.copyfile(
                    image.mask_path, folder / "masks" / f"{image.name}{image.mask_path.suffix}"
                )
                continue
        elif options.segment:
            pixels = image_io.read_image(image.path, options.intensity)
            mask = segmentation.segment_cells(pixels)
        else:
            mask = np.zeros(image.size, dtype=bool)
        image_io.write_mask(mask_path, mask)


def _write_tables(folder: pathlib.Path, images: list[_Image]) -> None:
    regions, cells = [], []
    for image in images:
        for region in image.regions:
            types, complete = SEPARATOR.join(region.types), str(region.complete).lower()
            regions.append((image.name, *region.box, types, region.num_cells, complete))
        cells += [(image.name, cell.x, cell.y, cell.type) for cell in image.cells]
    files.write_csv(folder / "regions.csv", REGIONS_HEADER, regions)
    files.write_csv(folder / "cells.csv", CELLS_HEADER, cells)
    groups = [(image.name, image.group or image.name, "") for image in images]
    files.write_csv(folder / "images.csv", IMAGES_HEADER, groups)
