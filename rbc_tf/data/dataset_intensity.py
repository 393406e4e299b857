"""intensity.json of a dataset folder: the range of its images of more than 8 bits.

One for the folder, so that what was trained on its images and what is scored on them is read alike,
also when images are added. Imports and check-dataset write it; where it is missing the range is
estimated anew each time.
"""

import dataclasses
import pathlib
from collections.abc import Iterable

from rbc_tf.core import files, folder_intensity, structured
from rbc_tf.core.intensity import IntensityRange

FILE = "intensity.json"


def find(root: pathlib.Path, images: Iterable[pathlib.Path]) -> IntensityRange | None:
    """The range that is recorded, else that of the images; None where none leaves it open.

    Raises:
        ValueError: the record is damaged; names the file.
    """
    path = root / FILE
    if not path.is_file():
        return folder_intensity.of_folder(images)
    try:
        return IntensityRange.from_json(structured.load_mapping(path))
    except ValueError as error:
        raise structured.named(path, error) from error


def record(root: pathlib.Path, intensity: IntensityRange | None) -> None:
    """Writes the range, where there is one and it does not stand there yet."""
    if intensity is not None and not ((root / FILE).is_file() and find(root, ()) == intensity):
        files.write_json(root / FILE, dataclasses.asdict(intensity))
