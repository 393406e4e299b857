"""Patches with their labels in one file, to train a backbone on: NumPy alone.

Patches are cut once, by the code that cuts them for features, and kept; code that trains on them
needs no image, no mask and no TensorFlow.
"""

import dataclasses
import json
import pathlib

import numpy as np

from rbc_tf.core import archives, files, structured
from rbc_tf.core.types import FeatureTable

SINGLE_CELL, ALL, ALSO_UNLABELLED = "single_cell", "all", "also_unlabelled"
REGION_CHOICES = (SINGLE_CELL, ALL, ALSO_UNLABELLED)


class ArchiveError(ValueError):
    """The file is no archive of patches."""


@dataclasses.dataclass(frozen=True, eq=False)
class PatchArchive:
    """Labelled patches of a dataset, or of several.

    Attributes:
        patches: uint8 [N, size, size, 3] RGB.
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown.
        images: str [N], name of the image each was cut from; of several datasets, after the name
            of its folder.
        groups: str [N], what must stay on one side: the group of that image, or its subject.
        splits: str [N], split of that image, '' where not assigned.
        boxes: float32 [N, 4] in source-image pixels.
        num_cells: int32 [N], estimated number of cells.
        complete: bool [N], every cell of the region is labelled.
        composed: bool [N], the image was composed of real cells, and is no photograph.
        about: plain JSON values: `types` (T names), `cell_types` (as `CellTypes.to_list`), `crop`
            (how patches were cut), `regions` (one of `REGION_CHOICES`), `image_hashes` (sha256 by
            name), and `sources`: by the groups of composed images, the hashes, by name, of the
            images that their cells are of.
    """

    patches: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    boxes: np.ndarray
    num_cells: np.ndarray
    complete: np.ndarray
    composed: np.ndarray
    about: dict

    def __len__(self) -> int:
        return len(self.patches)

    def select(self, rows: np.ndarray) -> "PatchArchive":
        """The rows given by a bool mask or by indices, and what is known of their images alone."""
        arrays = {name: getattr(self, name)[rows] for name in _ARRAYS}
        about = {
            **self.about,
            "image_hashes": _only(self.about["image_hashes"], arrays["images"]),
            "sources": _only(self.about["sources"], arrays["groups"]),
        }
        return PatchArchive(**arrays, about=about)

    @property
    def seen_images(self) -> dict[str, str]:
        """{name: sha256} of the images that whoever learns from the patches has seen."""
        seen = dict(self.about["image_hashes"])
        for images in self.about["sources"].values():
            seen |= images
        return seen

    def in_split(self, split: str) -> "PatchArchive":
        return self.select(self.splits == split)

    def table(self, features: np.ndarray) -> FeatureTable:
        """The rows with features float32 [N, D] that a backbone made of them."""
        names = [field.name for field in dataclasses.fields(FeatureTable)]
        return FeatureTable(features, *(getattr(self, n) for n in names if n != "features"))

    def save(self, path: str | pathlib.Path) -> None:
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with files.atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(self.about)), **arrays)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "PatchArchive":
        """Raises ArchiveError where the file is not what `save` writes."""
        try:
            arrays = archives.load_npz(path)
            about = structured.parse_json(str(arrays["about"]), "about")
            missing = [name for name in _ARRAYS if name not in arrays]
            if missing:
                raise ValueError(
                    f"{', '.join(missing)} must be in it, which earlier versions did not write: "
                    "cut the patches again"
                )
            return cls(**{name: arrays[name] for name in _ARRAYS}, about=about)
        except (ValueError, KeyError) as error:
            raise ArchiveError(f"{path} must be an archive of patches: {error}") from error


_ARRAYS = tuple(f.name for f in dataclasses.fields(PatchArchive) if f.name != "about")


def _only(values: dict, keys: np.ndarray) -> dict:
    kept = set(keys.tolist())
    return {key: value for key, value in values.items() if key in kept}
