"""Results of single trainings in a folder, so that a killed study goes on where it stopped.

    study.json               what the study is made of; another study does not go into the folder
    folds/fold0-A.npz        what one model said of one outer fold

A result is written whole or not at all, and carries the hash of what made it.
"""

import json
import pathlib
import shutil
import zipfile

import numpy as np

from rbc_tf.core import files
from rbc_tf.features.cache import changed_settings

STUDY_FILE = "study.json"

_FOLDS = "folds"


class StaleStudyError(ValueError):
    """The folder holds results of another study."""


class FoldResults:
    """The results of one study, made of the same features, labels and settings throughout."""

    def __init__(self, folder: str | pathlib.Path, made_of: dict, overwrite: bool = False):
        """Opens the folder, or makes it.

        Args:
            folder: a new or empty folder, or one of an earlier run of the study.
            made_of: plain JSON values; all must agree for results to be used again.
            overwrite: delete the folder of an earlier study, the same or another.

        Raises:
            StaleStudyError: there are results of another study, and `overwrite` is False.
            ValueError: the folder holds something else.
        """
        self.folder = pathlib.Path(folder)
        # As it will be read again: tuples become lists.
        made_of = json.loads(json.dumps(made_of))
        self._sha256 = files.sha256_of_json(made_of)
        files.check_replaceable(self.folder, STUDY_FILE)
        path = self.folder / STUDY_FILE
        if overwrite and path.exists():
            shutil.rmtree(self.folder)  # with the scores that were made of the results
        elif path.exists():
            changes = changed_settings(_read_json(path), made_of)
            if changes:
                raise StaleStudyError(
                    f"The results in {self.folder} were made otherwise:\n"
                    + "".join(f"  {line}\n" for line in changes)
                    + "Give --overwrite to delete them, or name another folder."
                )
        files.write_json(path, made_of)

    def path(self, fold: int, model: str) -> pathlib.Path:
        return self.folder / _FOLDS / f"fold{fold}-{model}.npz"

    def save(self, fold: int, model: str, record: dict, **arrays: np.ndarray) -> None:
        """Keeps arrays and a record of plain JSON values."""
        with files.atomic_path(self.path(fold, model)) as temporary:
            np.savez(temporary, made_of=self._sha256, record=json.dumps(record), **arrays)

    def load(self, fold: int, model: str) -> tuple[dict, dict[str, np.ndarray]] | None:
        """The record and the arrays, None where there are none yet.

        Raises ValueError, naming the file, where it is damaged or of another study.
        """
        path = self.path(fold, model)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if str(arrays.pop("made_of")) != self._sha256:
                raise ValueError("it was made in another study")
            return json.loads(str(arrays.pop("record"))), arrays
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} must hold the result of a fold: {error}. Delete it to train anew."
            ) from error


def _read_json(path: pathlib.Path) -> dict:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"a mapping is required. Received: {type(values).__name__}")
        return values
    except ValueError as error:
        raise ValueError(f"{path} must say what a study is made of: {error}") from error
