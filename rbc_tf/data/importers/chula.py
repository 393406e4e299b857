"""Import of the Chula RBC-12 dataset: points of labelled cells become a dataset folder.

Naruenatthanaset et al., "Red Blood Cell Segmentation with Overlapping Cell Separation and
Classification on Imbalanced Dataset" (2020). The dataset has `Dataset/N.jpg` and `Label/N.txt`,
each line of the latter `x y id` for the centre of one cell; it has no masks.
"""

import collections
import dataclasses
import os
import pathlib
import re
import shutil

import tqdm

from rbc_tf.core import files, image_io, structured
from rbc_tf.core.cell_types import OTHER, SEPARATOR, CellTypes
from rbc_tf.core.types import Cell, Region
from rbc_tf.data import near_regions, segmentation
from rbc_tf.data.dataset import CELLS_HEADER, IMAGES_HEADER, REGIONS_HEADER

# Our type of each id of the dataset; ids that are not listed become `other`.
TYPE_OF_ID = {
    "own": {
        0: "normal",
        1: "macrocyte",
        2: "microcyte",
        3: "spherocyte",
        4: "target",
        5: "stomatocyte",
        6: "ovalocyte",
        7: "teardrop",
        8: "burr",
        9: "schistocyte",
        11: "hypochromic",
        12: "elliptocyte",
    },
    "paper": {0: "Oval", 5: "Stom", 6: "Oval", 8: "Echi", 12: "Elon"},
}

_LARGEST_ID = 12
# As labels are named: digits of other scripts, or zeros in front, name none.
_NUMBER = re.compile(r"[1-9][0-9]*|0")
_RECORD = "import.json"
_TYPES_FOLDER = pathlib.Path(__file__).parent / "chula_types"


@dataclasses.dataclass(frozen=True)
class ImportSummary:
    """What came of an import; `points_on_cells` of `points` lie on the mask.

    The last two count regions of which each cell is labelled: those of several cells, and those of
    cells of several types.
    """

    images: int
    points: int
    points_on_cells: int
    points_of_other_type: int
    complete_multi_cell: int
    complete_several_types: int


def import_chula(
    chula_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    type_table: str = "own",
    block_size: int = 12,
    touching_distance: int = 0,
    config: segmentation.SegmentationConfig = segmentation.SegmentationConfig(),
) -> ImportSummary:
    """Writes a dataset folder with masks by segmentation (see `segmentation`).

    Args:
        chula_dir: the dataset, with the folders Dataset and Label.
        output_dir: the folder to write; an earlier import there is replaced.
        type_table: 'own', its twelve types, or 'paper', those that the paper names too.
        block_size: so many images of consecutive numbers are one group; images of one slide
            follow one another.
        touching_distance: regions with gaps of so many pixels at most are one (see
            `near_regions`); above 0 they are written to regions.csv, which stands in for masks.
        config: settings of the segmentation.

    Raises:
        ValueError: the folder is not laid out so, a label file cannot be read, a line of one is
            not `x y id`, or `output_dir` holds something other than an import.
        ImageError: an image cannot be read.
    """
    chula_dir = pathlib.Path(chula_dir)
    if type_table not in TYPE_OF_ID:
        known = ", ".join(TYPE_OF_ID)
        raise ValueError(f"`type_table` must be one of {known}. Received: {type_table}")
    if block_size < 1:
        raise ValueError(f"`block_size` must be at least 1. Received: {block_size}")
    if touching_distance < 0:
        raise ValueError(f"`touching_distance` must be at least 0. Received: {touching_distance}")
    images = _list_numbered(chula_dir)
    cells, groups, found, on_cells = [], [], [], 0
    with files.atomic_folder(output_dir, marker=_RECORD) as folder:
        (folder / "images").mkdir()
        for number, path in tqdm.tqdm(images, desc="import", unit="image"):
            name = f"{number:03d}"
            mask = segmentation.segment_cells(image_io.read_image(path), config)
            shutil.copyfile(path, folder / "images" / f"{name}{path.suffix}")
            image_io.write_mask(folder / "masks" / f"{name}.png", mask)
            groups.append((name, f"block_{(number - 1) // block_size:02d}", ""))
            points = _read_points(chula_dir / "Label" / f"{number}.txt", mask.shape)
            on_cells += sum(bool(mask[y, x]) for x, y, _ in points)
            table = TYPE_OF_ID[type_table]
            of_image = [Cell(x, y, table.get(type_id, OTHER)) for x, y, type_id in points]
            cells += [(name, cell.x, cell.y, cell.type) for cell in of_image]
            near = near_regions.find_near_regions(mask, of_image, touching_distance)
            found += [(name, region) for region in near]
        files.write_csv(folder / "cells.csv", CELLS_HEADER, cells)
        files.write_csv(folder / "images.csv", IMAGES_HEADER, groups)
        if touching_distance:
            files.write_csv(folder / "regions.csv", REGIONS_HEADER, map(_region_row, found))
        load_types(type_table).save(folder / "cell_types.yaml")
        summary = ImportSummary(
            images=len(images),
            points=len(cells),
            points_on_cells=on_cells,
            points_of_other_type=sum(cell[3] == OTHER for cell in cells),
            complete_multi_cell=sum(r.complete and r.num_cells > 1 for _, r in found),
            complete_several_types=sum(r.complete and len(r.types) > 1 for _, r in found),
        )
        _write_provenance(folder, type_table, block_size, touching_distance, config, summary)
    return summary


def load_types(type_table: str) -> CellTypes:
    """The list of types of a table, 'own' or 'paper'."""
    return CellTypes.load(_TYPES_FOLDER / f"{type_table}.yaml")


def _list_numbered(chula_dir: pathlib.Path) -> list[tuple[int, pathlib.Path]]:
    for name in ("Dataset", "Label"):
        if not (chula_dir / name).is_dir():
            raise ValueError(f"{chula_dir}: the folders Dataset and Label are required; no {name}")
    images = image_io.list_images(chula_dir / "Dataset")
    wrong = [path.name for path in images if not _NUMBER.fullmatch(path.stem)]
    if wrong or not images:
        raise ValueError(
            f"{chula_dir / 'Dataset'}: images named by number are required. "
            f"Received: {', '.join(wrong) or 'no image'}"
        )
    twice = [n for n, k in collections.Counter(path.stem for path in images).items() if k > 1]
    if twice:
        raise ValueError(
            f"{chula_dir / 'Dataset'}: one image of each number is required. Received: "
            f"{', '.join(sorted(path.name for path in images if path.stem in twice))}"
        )
    return sorted((int(path.stem), path) for path in images)


def _read_points(path: pathlib.Path, shape: tuple[int, int]) -> list[tuple[int, int, int]]:
    """(x, y, id) of each line; [] where the image has no label file."""
    if not os.path.lexists(path):
        return []
    try:
        text = structured.read_bytes(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    points = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            x, y, type_id = (_whole(part) for part in line.split())
        except ValueError as error:
            raise ValueError(
                f"{path}: line {number}: 'x y id' is required. Received: '{line}'"
            ) from error
        inside = 0 <= x < shape[1] and 0 <= y < shape[0]
        if not inside or not 0 <= type_id <= _LARGEST_ID:
            raise ValueError(
                f"{path}: line {number}: a point inside {shape[1]} x {shape[0]} and an id from 0 "
                f"to {_LARGEST_ID} are required. Received: '{line}'"
            )
        points.append((x, y, type_id))
    return points


def _whole(text: str) -> int:
    value = structured.real(text)
    if value != int(value):
        raise ValueError(f"a whole number is required. Received: {structured.shown(text)}")
    return int(value)


def _region_row(found: tuple[str, Region]) -> tuple:
    name, region = found
    complete = str(region.complete).lower()
    return (name, *region.box, SEPARATOR.join(region.types), region.num_cells, complete)


def _write_provenance(folder, type_table, block_size, touching_distance, config, summary) -> None:
    files.write_json(
        folder / _RECORD,
        {
            "dataset": "Chula RBC-12",
            "type_table": type_table,
            "block_size": block_size,
            "touching_distance": touching_distance,
            "segmentation": dataclasses.asdict(config),
            "summary": dataclasses.asdict(summary),
            "versions": files.versions(),
        },
    )
