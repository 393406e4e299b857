"""What the models of a cross-validation predict for regions that they were not trained on."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.core import archives, files
from rbc_tf.core.types import PRESENT, UNKNOWN

# The models by what they were trained on: single-cell and multi-cell regions, single-cell regions
# alone, as many rows of both as there are single-cell regions, and, where composed regions take
# part, both without them. The last has no heads: one softmax over the types, as earlier work has.
MODEL_A, MODEL_B, MODEL_A_EQUAL, MODEL_A_REAL = "A", "B", "A_equal", "A_real"
MODEL_SINGLE_LABEL = "single_label"
MODELS = (MODEL_A, MODEL_B, MODEL_A_EQUAL, MODEL_A_REAL, MODEL_SINGLE_LABEL)

# Before the name of a model in the file.
_PREFIX = "probabilities/"

_DTYPES = {
    "boxes": np.float32,
    "labels": np.int8,
    "num_cells": np.int32,
    "complete": np.bool_,
    "composed": np.bool_,
    "folds": np.int32,
    "abnormal": np.float64,
}

# What reading something else as predictions raises.
_NOT_PREDICTIONS = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Held-out predictions, row by row, with the truth.

    Attributes:
        names: T names of the cell types, in the order of labels and probabilities.
        images: str [N], the image each patch was cut from.
        groups: str [N], the group of that image.
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in source-image pixels.
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown.
        num_cells: int32 [N], estimated number of cells.
        complete: bool [N], every cell of the region is labelled.
        composed: bool [N], the image was composed of real cells, and is no photograph.
        folds: int32 [N], the fold in which the row was held out.
        probabilities: by model, of `MODELS`, float32 [N, T], by heads (or a network) that saw
            nothing of the row's fold.
        abnormal: float64 [N], Model A's gradient boosting: probability of any abnormal type.

    Raises:
        ValueError: the arrays are not as long as one another.
    """

    names: tuple[str, ...]
    images: np.ndarray
    groups: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    num_cells: np.ndarray
    complete: np.ndarray
    composed: np.ndarray
    folds: np.ndarray
    probabilities: dict[str, np.ndarray]
    abnormal: np.ndarray

    def __post_init__(self):
        rows, types = len(self.images), len(self.names)
        shapes = {"groups": (rows,), "boxes": (rows, 4), "labels": (rows, types)}
        shapes |= dict.fromkeys(("num_cells", "complete", "composed", "folds", "abnormal"), (rows,))
        arrays = {name: getattr(self, name) for name in shapes}
        for model, values in self.probabilities.items():
            shapes[_PREFIX + model], arrays[_PREFIX + model] = (rows, types), values
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(
                    f"`{name}` must have the shape {list(shape)}. "
                    f"Received: {list(arrays[name].shape)}"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def scored(self) -> np.ndarray:
        """bool [N], the rows of which everything is known: complete, and no label unknown."""
        return self.complete & (self.labels != UNKNOWN).all(axis=1)

    @property
    def single_cell(self) -> np.ndarray:
        """bool [N], regions of one cell."""
        return self.num_cells == 1

    @property
    def several_types(self) -> np.ndarray:
        """bool [N], regions with two true types or more."""
        return (self.labels == PRESENT).sum(axis=1) > 1

    def select(self, rows: np.ndarray) -> "Predictions":
        """The rows given by a bool mask or by indices."""
        fields = [f.name for f in dataclasses.fields(self)]
        arrays = {f: getattr(self, f)[rows] for f in fields if f not in ("names", "probabilities")}
        probabilities = {model: values[rows] for model, values in self.probabilities.items()}
        return Predictions(names=self.names, probabilities=probabilities, **arrays)

    def save(self, path: str | pathlib.Path) -> None:
        """Writes an .npz of plain arrays."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for model, values in arrays.pop("probabilities").items():
            arrays[_PREFIX + model] = values.astype(np.float32)
        arrays |= {name: arrays[name].astype(dtype) for name, dtype in _DTYPES.items()}
        for name in ("names", "images", "groups"):
            arrays[name] = np.asarray(arrays[name], dtype=np.str_)
        with files.atomic_path(path) as temporary:
            np.savez(temporary, **arrays)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Predictions":
        """Reads what `save` wrote; safe for files of strangers.

        Raises ValueError, naming the file, where it holds something else.
        """
        try:
            values = archives.load_npz(path)
            models = [name for name in values if name.startswith(_PREFIX)]
            found = {name.removeprefix(_PREFIX): values.pop(name) for name in models}
            names = tuple(values.pop("names").tolist())
            # Version 0.1.0 knew no composed images.
            values.setdefault("composed", np.zeros(len(values["images"]), bool))
            return cls(names=names, probabilities=found, **values)
        except _NOT_PREDICTIONS as error:
            raise ValueError(f"{path} must hold held-out predictions: {error}") from error
