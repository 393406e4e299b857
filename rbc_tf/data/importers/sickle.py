"""Import of the single cells of Xu et al. 2017, from which the paper has its single-cell patches.

Xu et al., "A deep convolutional neural network for classification of red blood cells in sickle
cell anemia" (PLOS Computational Biology 13(10), 2017); its repository has grey bright-field patches
in folders by class, `SickleRBC_Classes_dataset_N/CLASS/SUBJECT_ImI_subImgP.png`. A last `_k` marks
a cell that was cut from a cluster. The folders `data_augmentation` hold turned copies.
"""

import collections
import dataclasses
import pathlib
import re

import cv2
import numpy as np
import tqdm

from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.types import Sample
from rbc_tf.data.dataset import CELLS_HEADER, write_images_table
from rbc_tf.data.importers import sickle_masks

# The paper's type of each class folder.
TYPE_OF_CLASS = {
    "Discocytes": "Oval",
    "Oval": "Oval",
    "Elongated": "Elon",
    "Sickle-ISC": "Elon",
    "Reticulocytes": "Reti",
    "Granular": "Gran",
    "Echinocytes": "Echi",
    "Stomatocyte": "Stom",
}

_DATASETS = "SickleRBC_Classes_dataset_*"
_COPIES = "data_augmentation"
_RECORD = "import.json"

# Pixels a side of the middle of a patch, by which a cell that was cut twice is known again. Cells
# of one source image alone are compared; empty middles of two cells differ in their grain. Farther
# from the middle it is the neighbour of the cell that a patch was cut around.
_MIDDLE = 24
_SHIFT = 8

# `JH172_Im13_subImg10_2`, also with stray dots and spaces and without the first underscore; what
# stands between the subject and `Im` is a date.
_NAME = re.compile(
    r"(?P<subject>[A-Za-z0-9-]+?)(?P<date>_[A-Za-z0-9-]+?)?[ ._]*Im(?P<image>\d+)[ ._]*"
    r"sub[Ii]mg[ ._]*(?P<piece>\d+)(?:[ ._]+(?P<part>\d+))?[ ._]*"
)


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A file or folder, below the dataset's, that was not imported, and why."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class ImportSummary:
    """What came of an import.

    Attributes:
        images: number of patches, each of one cell.
        groups: number of source images.
        cells: {subject: {type: number of cells}}.
        copies: number of patches in folders of augmented copies, all left out.
        left_out: what else was left out.
    """

    images: int
    groups: int
    cells: dict[str, dict[str, int]]
    copies: int
    left_out: tuple[LeftOut, ...]


@dataclasses.dataclass(frozen=True)
class _Patch:
    """A patch: its file, the parts of its name, its type and its pixels uint8 [H, W]."""

    path: pathlib.Path
    name: str
    group: str
    subject: str
    type: str
    pixels: np.ndarray


def import_sickle(sickle_dir: str | pathlib.Path, output_dir: str | pathlib.Path) -> ImportSummary:
    """Writes a dataset folder: one patch an image, its mask by segmentation (`sickle_masks`).

    The group of a patch is its source image, its subject the patient. Of patches of the same pixels
    the first is kept; where they are of different types or subjects none is. Of patches of one
    source image that show the same cell the first is kept. What cannot be used is left out, and
    listed in the summary and in import.json.

    Args:
        sickle_dir: a clone of the repository.
        output_dir: the folder to write; an earlier import there is replaced.

    Raises:
        ValueError: the folder is not laid out so, no patch of it can be used, or `output_dir` holds
            something other than an import.
    """
    sickle_dir = pathlib.Path(sickle_dir)
    reader = _Reader(sickle_dir)
    patches = reader.read()
    with files.atomic_folder(output_dir, marker=_RECORD) as folder:
        cells, samples = [], []
        for patch in tqdm.tqdm(patches, desc="import", unit="image"):
            mask = sickle_masks.segment_patch(patch.pixels)
            if not mask.any():
                reader.leave_out(patch.path, "no cell stands out from the background")
                continue
            path = folder / "images" / f"{patch.name}.png"
            image_io.write_png(path, patch.pixels)
            image_io.write_mask(folder / "masks" / path.name, mask)
            cells.append((patch.name, *_deepest(mask), patch.type))
            samples.append(
                Sample(
                    patch.name,
                    path,
                    None,
                    patch.group,
                    subject=patch.subject,
                    fully_labelled=True,
                )
            )
        if not samples:
            raise ValueError(f"{sickle_dir}: no patch can be used. {reader.reasons()}")
        files.write_csv(folder / "cells.csv", CELLS_HEADER, cells)
        write_images_table(folder, samples)
        PAPER.save(folder / "cell_types.yaml")
        summary = _summary(samples, [cell[3] for cell in cells], reader)
        record = {"dataset": "Xu et al. 2017", "summary": dataclasses.asdict(summary)}
        files.write_json(folder / _RECORD, {**record, "versions": files.versions()})
    return summary


class _Reader:
    """Reads the patches and collects what is left out."""

    def __init__(self, root: pathlib.Path):
        self._root = root
        self.left_out: list[LeftOut] = []
        self.copies = 0

    def leave_out(self, path: pathlib.Path, reason: str) -> None:
        self.left_out.append(LeftOut(path.relative_to(self._root).as_posix(), reason))

    def reasons(self) -> str:
        listed = [f"{entry.path}: {entry.reason}" for entry in self.left_out[:5]]
        return "; ".join(listed) or "It holds no image"

    def read(self) -> list[_Patch]:
        if not self._root.is_dir():
            raise ValueError(f"{self._root}: is no folder; a clone of the repository is required")
        datasets = sorted(path for path in self._root.glob(_DATASETS) if path.is_dir())
        if not datasets:
            raise ValueError(f"{self._root}: folders {_DATASETS} are required. Received: none")
        for path in sorted(self._root.iterdir()):
            if path.is_dir() and path not in datasets and not path.name.startswith("."):
                self.leave_out(path, f"unknown folder of {_count_images(path)} images")
        found = []
        for dataset in datasets:
            for path in self._entries(dataset):
                found += self._read_class(path)
        return _with_distinct_names(self._without_duplicates(found))

    def _entries(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The folders in a folder of one dataset; files beside them are left out."""
        entries = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        for path in entries:
            if not path.is_dir():
                self.leave_out(path, "file beside the folders of the classes")
        return [path for path in entries if path.is_dir()]

    def _read_class(self, folder: pathlib.Path) -> list[_Patch]:
        known = {name.casefold(): cell_type for name, cell_type in TYPE_OF_CLASS.items()}
        cell_type = known.get(folder.name.strip().casefold())
        if cell_type is None:
            self.leave_out(folder, f"unknown class, of {_count_images(folder)} images")
            return []
        images = image_io.list_images(folder)
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path.name.casefold() == _COPIES:
                self.copies += _count_images(path)
            elif path.is_dir():
                self.leave_out(path, f"unknown folder of {_count_images(path)} images")
            elif path not in images and not path.name.startswith("."):
                self.leave_out(path, "no image")
        patches = [self._read_patch(path, cell_type) for path in images]
        return [patch for patch in patches if patch is not None]

    def _read_patch(self, path: pathlib.Path, cell_type: str) -> _Patch | None:
        match = _NAME.fullmatch(path.stem.strip())
        if match is None:
            self.leave_out(path, "no subject and source image in the name")
            return None
        try:
            pixels = cv2.cvtColor(image_io.read_image(path), cv2.COLOR_RGB2GRAY)
        except image_io.ImageError as error:
            self.leave_out(path, str(error).removeprefix(f"{path}: "))
            return None
        group = f"{match['subject']}{match['date'] or ''}_Im{match['image']}"
        part = f"_{match['part']}" if match["part"] else ""
        name = f"{group}_subImg{match['piece']}{part}"
        return _Patch(path, name, group, match["subject"], cell_type, pixels)

    def _without_duplicates(self, patches: list[_Patch]) -> list[_Patch]:
        by_content = collections.defaultdict(list)
        for patch in patches:
            by_content[patch.pixels.shape, patch.pixels.tobytes()].append(patch)
        kept = []
        for first, *others in by_content.values():
            differing = [other for other in others if _owner(other) != _owner(first)]
            if differing:  # whose cell it is, or of what type, is unknown
                for patch in (first, *others):
                    self._leave_out_twin(patch, differing[0] if patch is first else first)
                continue
            kept.append(first)
            for patch in others:
                self._leave_out_twin(patch, first)
        return self._cut_once(kept)

    def _leave_out_twin(self, patch: _Patch, twin: _Patch) -> None:
        name = twin.path.relative_to(self._root).as_posix()
        contradict = "" if _owner(patch) == _owner(twin) else ", of another subject or type"
        self.leave_out(patch.path, f"the same pixels as {name}{contradict}")

    def _cut_once(self, patches: list[_Patch]) -> list[_Patch]:
        """Without patches that show a cell of another patch, cut a little otherwise."""
        kept: dict[str, list[_Patch]] = collections.defaultdict(list)
        for patch in patches:
            of_image = kept[patch.group]
            twin = next((other for other in of_image if _same_cell(patch, other)), None)
            if twin is None:
                of_image.append(patch)
            else:
                name = twin.path.relative_to(self._root).as_posix()
                self.leave_out(patch.path, f"the same cell as {name}, cut otherwise")
        return [patch for of_image in kept.values() for patch in of_image]


def _owner(patch: _Patch) -> tuple[str, str]:
    return patch.subject, patch.type


def _same_cell(one: _Patch, other: _Patch) -> bool:
    """Whether the middle of one patch is found, pixel by pixel, near the middle of the other."""
    middle, near = _middle(one.pixels, _MIDDLE), _middle(other.pixels, _MIDDLE + 2 * _SHIFT)
    if min(middle.shape) < _MIDDLE or min(near.shape) < _MIDDLE:
        return False
    score = cv2.matchTemplate(near, middle, cv2.TM_SQDIFF)
    y, x = np.unravel_index(np.argmin(score), score.shape)
    return np.array_equal(middle, near[y : y + _MIDDLE, x : x + _MIDDLE])


def _middle(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle of an image, at most `size` pixels a side."""
    top, left = (max(side // 2 - size // 2, 0) for side in pixels.shape)
    return pixels[top : top + size, left : left + size]


def _with_distinct_names(patches: list[_Patch]) -> list[_Patch]:
    """Patches whose names are the same, stray signs apart, are numbered."""
    count: collections.Counter[str] = collections.Counter()
    numbered = []
    for patch in patches:
        count[patch.name] += 1
        again = f"_again{count[patch.name]}" if count[patch.name] > 1 else ""
        numbered.append(dataclasses.replace(patch, name=patch.name + again))
    return sorted(numbered, key=lambda patch: patch.name)


def _count_images(folder: pathlib.Path) -> int:
    return sum(path.suffix.lower() in image_io.EXTENSIONS for path in folder.rglob("*"))


def _deepest(mask: np.ndarray) -> tuple[int, int]:
    """(x, y) of the pixel of the mask that is farthest from its outline."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)
    y, x = np.unravel_index(np.argmax(depth), depth.shape)
    return int(x) - 1, int(y) - 1


def _summary(samples: list[Sample], types: list[str], reader: _Reader) -> ImportSummary:
    cells: dict[str, dict[str, int]] = {}
    for sample, cell_type in zip(samples, types, strict=True):
        of_subject = cells.setdefault(sample.subject, dict.fromkeys(PAPER.names, 0))
        of_subject[cell_type] += 1
    groups = len({sample.group for sample in samples})
    left_out = tuple(reader.left_out)
    return ImportSummary(len(samples), groups, cells, reader.copies, left_out)
