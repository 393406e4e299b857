"""Results of single trainings in a folder, so that a killed study goes on where it stopped.

    study.json               fingerprint of the study; another study does not go into the folder
    folds/fold0-A.npz        what one model predicts for one outer fold

A result is written whole or not at all, and carries the hash of what made it.
"""

import json
import pathlib
import shutil

import numpy as np

from rbc_tf.core import archives, files, structured
from rbc_tf.core.fingerprint import Fingerprint

STUDY_FILE = "study.json"

_FOLDS = "folds"


class FoldResults:
    """The results of one study, made from the same features, labels and settings throughout."""

    def __init__(
        self, folder: str | pathlib.Path, fingerprint: Fingerprint, overwrite: bool = False
    ):
        """Opens the folder, or makes it.

        Args:
            folder: a new or empty folder, or one of an earlier run of the study.
            fingerprint: must agree for results to be used again.
            overwrite: delete the folder of an earlier study, the same or another.

        Raises:
            StaleError: there are results of another study, and `overwrite` is False.
            ValueError: the folder holds something else.
        """
        self.folder = pathlib.Path(folder)
        self._sha256 = fingerprint.sha256
        files.check_replaceable(self.folder, STUDY_FILE)
        path = self.folder / STUDY_FILE
        if overwrite and path.exists():
            shutil.rmtree(self.folder)  # with the scores that were computed from the results
        elif path.exists():
            fingerprint.check(
                Fingerprint.load(path),
                f"the results in {self.folder}",
                "Give --overwrite to delete them, or name another folder.",
            )
        fingerprint.save(path)

    def path(self, fold: int, model: str) -> pathlib.Path:
        return self.folder / _FOLDS / f"fold{fold}-{model}.npz"

    def save(self, fold: int, model: str, record: dict, **arrays: np.ndarray) -> None:
        """Keeps arrays and a record of plain JSON values."""
        with files.atomic_path(self.path(fold, model)) as temporary:
            np.savez(temporary, fingerprint=self._sha256, record=json.dumps(record), **arrays)

    def load(self, fold: int, model: str) -> tuple[dict, dict[str, np.ndarray]] | None:
        """The record and the arrays, None where there are none yet.

        Raises ValueError, naming the file, where it is damaged or of another study.
        """
        path = self.path(fold, model)
        if not path.exists():
            return None
        try:
            arrays = archives.load_npz(path)
            # Version 0.1.0 called it 'made_of'.
            key = "fingerprint" if "fingerprint" in arrays else "made_of"
            if str(arrays.pop(key)) != self._sha256:
                raise ValueError("it was made in another study")
            return structured.parse_json(str(arrays.pop("record")), "record"), arrays
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(
                f"{path} must hold the result of a fold: {error}. Delete it to train anew."
            ) from error
