"""Patches with their labels in one file, to train a backbone on: NumPy alone.

Patches are cut once, by the code that cuts them for features, and kept; code that trains on them
needs no image, no mask and no TensorFlow.
"""

import dataclasses
import json
import pathlib

import numpy as np

from rbc_tf.core import archives, files, structured

SINGLE_CELL, ALL = "single_cell", "all"
REGION_CHOICES = (SINGLE_CELL, ALL)

_ARRAYS = ("patches", "labels", "images")


class ArchiveError(ValueError):
    """The file is no archive of patches."""


@dataclasses.dataclass(frozen=True, eq=False)
class PatchArchive:
    """Labelled patches of one split of a dataset.

    Attributes:
        patches: uint8 [N, size, size, 3] RGB.
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown.
        images: str [N], name of the image each was cut from.
        about: plain JSON values: `types` (T names), `crop` (how patches were cut), `regions`
            ('single_cell' or 'all'), `split`, and `image_hashes` (sha256 by name).
    """

    patches: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    about: dict

    def __len__(self) -> int:
        return len(self.patches)

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
            return cls(*(arrays[name] for name in _ARRAYS), about)
        except (ValueError, KeyError) as error:
            raise ArchiveError(f"{path} must be an archive of patches: {error}") from error
