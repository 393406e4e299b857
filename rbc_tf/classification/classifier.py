"""The trained classifier: features in, probabilities of cell types and of abnormality out."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.classification import abnormality as abnormality_lib
from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.calibration import Calibration
from rbc_tf.classification.heads import head_names, load_heads, predict
from rbc_tf.core import files as artifacts
from rbc_tf.core import structured
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.keras_settings import keras

HEADS_FILE = "heads.keras"
ABNORMALITY_FILE = "abnormality.json"
RECORD_FILE = "classifier.json"

FORMAT_VERSION = 2


class ClassifierError(ValueError):
    """The folder holds no finished classifier, one of another version, or mixed files."""


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """The heads, what is computed from their outputs, and what all was trained on.

    Attributes:
        cell_types: what the probabilities are of, in order.
        heads: features float32 [N, D] -> outputs float32 [N, T], probabilities as trained.
        calibration: outputs -> calibrated probabilities, and the thresholds for these.
        abnormality: outputs, as they are -> probability of any abnormal type.
        record: settings, inputs and validation figures, plain JSON values.
    """

    cell_types: CellTypes
    heads: keras.Model
    calibration: Calibration
    abnormality: AbnormalityModel
    record: dict

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions for patches, from their features [N, D].

        Returns:
            float32 [N, T], *calibrated* probabilities of the types, and float64 [N], probability
            of any abnormal type. The gradient boosting behind the latter gets the outputs of the
            heads as they are, which it has learnt from, not the calibrated probabilities.
        """
        return self.of_outputs(self.outputs(features))

    def of_outputs(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same from the outputs of the heads [N, T], before calibration."""
        return self.calibration.apply(outputs), self.abnormality.predict(outputs)

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """float32 [N, T], the outputs of the heads before calibration, from features [N, D]."""
        return predict(self.heads, features)

    def save(self, folder: str | pathlib.Path) -> None:
        """Writes three files; the record, last, since it marks them as complete."""
        folder = pathlib.Path(folder)
        (folder / RECORD_FILE).unlink(missing_ok=True)
        with artifacts.atomic_path(folder / HEADS_FILE) as temporary:
            self.heads.save(temporary)
        self.abnormality.save(folder / ABNORMALITY_FILE)
        own = {
            "cell_types": self.cell_types.to_list(),
            **dataclasses.asdict(self.calibration),
            "files": _hashes(folder),
        }
        artifacts.write_json(
            folder / RECORD_FILE, {"format_version": FORMAT_VERSION, **self.record, **own}
        )

    @classmethod
    def load(cls, folder: str | pathlib.Path) -> "Classifier":
        """Raises ClassifierError where files are missing, damaged or of different trainings."""
        folder = pathlib.Path(folder)
        record = load_record(folder)
        record.pop("format_version")
        try:
            hashes = record.pop("files")
            if set(hashes) != {HEADS_FILE, ABNORMALITY_FILE}:
                raise ValueError(f"`files` must be {HEADS_FILE} and {ABNORMALITY_FILE}")
            for name, expected in hashes.items():
                if artifacts.sha256_of_file(folder / name) != expected:
                    raise ValueError(f"{name} is not the file that {RECORD_FILE} was written with")
            cell_types = CellTypes.from_list(record.pop("cell_types"))
            temperatures, thresholds = record.pop("temperatures"), record.pop("thresholds")
            at_least_one = record.pop("at_least_one", False)  # version 0.1.0 had no choice
            calibration = Calibration(tuple(temperatures), tuple(thresholds), at_least_one)
            if len(thresholds) != len(cell_types):
                raise ValueError(f"{len(thresholds)} thresholds for {len(cell_types)} types")
            heads = load_heads(folder / HEADS_FILE)
            abnormality = abnormality_lib.load(folder / ABNORMALITY_FILE)
            for names in (head_names(heads), abnormality.names):
                if names != cell_types.names:
                    raise ValueError(f"cell types {cell_types.names} and {names} differ")
        except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
            raise ClassifierError(f"{folder} holds no finished classifier: {error}") from error
        return cls(cell_types, heads, calibration, abnormality, record)


def note_files(folder: str | pathlib.Path) -> None:
    """Has the record of a finished classifier name its files as they are now.

    For whoever rewrites them; raises ClassifierError as `load_record`.
    """
    record = load_record(folder) | {"files": _hashes(pathlib.Path(folder))}
    artifacts.write_json(pathlib.Path(folder) / RECORD_FILE, record)


def _hashes(folder: pathlib.Path) -> dict[str, str]:
    return {
        name: artifacts.sha256_of_file(folder / name) for name in (HEADS_FILE, ABNORMALITY_FILE)
    }


def load_record(folder: str | pathlib.Path) -> dict:
    """The content of a finished classifier's record; raises ClassifierError."""
    path = pathlib.Path(folder) / RECORD_FILE
    try:
        record = structured.load_json(path)
    except (OSError, ValueError) as error:
        raise ClassifierError(f"{folder} holds no finished classifier: {error}") from error
    if not isinstance(record, dict):
        raise ClassifierError(f"{path} must hold a mapping. Received: {type(record).__name__}")
    if record.get("format_version") != FORMAT_VERSION:
        raise ClassifierError(
            f"{path}: a classifier of format version {FORMAT_VERSION} is required. Received: "
            f"{record.get('format_version')!r}; train it again with rbc_tf train-classifier "
            "--overwrite, with the version of rbc_tf that is to use it"
        )
    return record
