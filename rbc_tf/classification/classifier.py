"""The trained classifier: features in, probabilities of cell types and of abnormality out."""

import dataclasses
import json
import pathlib

import keras
import numpy as np

from rbc_tf import artifacts
from rbc_tf.cell_types import CellTypes
from rbc_tf.classification import abnormality as abnormality_lib
from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.heads import head_names, load_heads, predict

HEADS_FILE = "heads.keras"
ABNORMALITY_FILE = "abnormality.json"
RECORD_FILE = "classifier.json"


class ClassifierError(ValueError):
    """The folder holds no finished classifier, or its files do not belong together."""


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """The networks, the gradient boosting on them, and what they were made of.

    Attributes:
        cell_types: what the probabilities are of, in order.
        heads: features float32 [N, D] -> probabilities float32 [N, T].
        abnormality: probabilities -> probability of any abnormal type.
        record: settings, inputs and validation figures, plain JSON values.
    """

    cell_types: CellTypes
    heads: keras.Model
    abnormality: AbnormalityModel
    record: dict

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From features [N, D]: types float32 [N, T] and abnormality float64 [N], in [0, 1]."""
        probabilities = predict(self.heads, features)
        return probabilities, self.abnormality.predict(probabilities)

    def save(self, folder: str | pathlib.Path) -> None:
        """Writes three files; the record, last, says that all are there."""
        folder = pathlib.Path(folder)
        (folder / RECORD_FILE).unlink(missing_ok=True)
        with artifacts.atomic_path(folder / HEADS_FILE) as temporary:
            self.heads.save(temporary)
        self.abnormality.save(folder / ABNORMALITY_FILE)
        files = (HEADS_FILE, ABNORMALITY_FILE)
        hashes = {name: artifacts.sha256_of_file(folder / name) for name in files}
        types = self.cell_types.to_list()
        artifacts.write_json(
            folder / RECORD_FILE, {**self.record, "cell_types": types, "files": hashes}
        )

    @classmethod
    def load(cls, folder: str | pathlib.Path) -> "Classifier":
        """Raises ClassifierError where files are missing, damaged or of different trainings."""
        folder = pathlib.Path(folder)
        record = load_record(folder)
        try:
            for name, expected in record.pop("files").items():
                if artifacts.sha256_of_file(folder / name) != expected:
                    raise ValueError(f"{name} is not the file that {RECORD_FILE} was written with")
            cell_types = CellTypes.from_list(record.pop("cell_types"))
            heads = load_heads(folder / HEADS_FILE)
            abnormality = abnormality_lib.load(folder / ABNORMALITY_FILE)
            for names in (head_names(heads), abnormality.names):
                if names != cell_types.names:
                    raise ValueError(f"cell types {cell_types.names} and {names} differ")
        except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
            raise ClassifierError(f"{folder} holds no finished classifier: {error}") from error
        return cls(cell_types, heads, abnormality, record)


def load_record(folder: str | pathlib.Path) -> dict:
    """The content of a finished classifier's record; raises ClassifierError."""
    path = pathlib.Path(folder) / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ClassifierError(f"{folder} holds no finished classifier: {error}") from error
    if not isinstance(record, dict):
        raise ClassifierError(f"{path} must hold a mapping. Received: {type(record).__name__}")
    return record
