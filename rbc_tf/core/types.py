"""The values that the stages of the chain pass to one another.

Boxes everywhere: float32 [N, 4] (ymin, xmin, ymax, xmax) in source-image pixels, origin at the
top left, max edges exclusive. Images: uint8 [H, W, 3] RGB. Masks: bool [H, W], True on cells.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from rbc_tf.core.intensity import IntensityRange

# Values of a label matrix int8 [N, T].
PRESENT, ABSENT, UNKNOWN = 1, 0, -1


@dataclasses.dataclass(frozen=True)
class Cell:
    """One labelled cell: a point inside it, in pixels (x to the right, y down), and its type."""

    x: float
    y: float
    type: str


# In one region; more are a slip of the pen.
MOST_CELLS = 10_000


@dataclasses.dataclass(frozen=True)
class Region:
    """A connected region of one or several cells, and what is known of it.

    Attributes:
        box: (ymin, xmin, ymax, xmax), max edges exclusive.
        types: names of the types its labelled cells have, sorted, each once; `other` included.
        num_cells: how many cells it holds, estimated from its shape (or given by the user).
        num_points: how many labelled cells lie in it.
        complete: every cell of it is labelled.
        touches_border: it is cut by the edge of the image.
        area: number of its pixels.
    """

    box: tuple[float, float, float, float]
    types: tuple[str, ...] = ()
    num_cells: int = 1
    num_points: int = 0
    complete: bool = False
    touches_border: bool = False
    area: int = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One image of a dataset folder with all that is known about it.

    `group` is the slide, patient or block it belongs to (its own name where none is given);
    `split` is 'train', 'validation', 'test' or '' where not assigned. `regions` is None where
    regions are to be found from the mask. `subject` is the patient, where known; it may span
    groups. `origin` is what the image is where it is no photograph ('composed', 'synthetic'), else
    ''. `fully_labelled` is True where each of its cells is known to be labelled. `intensity` is the
    range of values of the dataset's images of more than 8 bits, None where all say their own.
    """

    name: str
    image_path: pathlib.Path
    mask_path: pathlib.Path | None
    group: str
    split: str = ""
    cells: tuple[Cell, ...] = ()
    regions: tuple[Region, ...] | None = None
    subject: str = ""
    origin: str = ""
    fully_labelled: bool = False
    intensity: IntensityRange | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one image, best score first.

    Attributes:
        boxes: float32 [N, 4] (ymin, xmin, ymax, xmax) in source-image pixels.
        scores: float32 [N] in [0, 1].
    """

    boxes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


@dataclasses.dataclass(frozen=True, eq=False)
class AnalyzedRegions:
    """What the chain predicts for the regions of one image, best detection first.

    Attributes:
        boxes: float32 [N, 4] in source-image pixels.
        scores: float32 [N], the detector's.
        probabilities: float32 [N, T], one per cell type, calibrated, not normalised.
        abnormal: float64 [N], probability that the region holds an abnormal type.
        scale: factor by which the image was scaled for it; 1 for an image as it came.
        gain: factor by which its values were multiplied for it.
        unlike: {in what the image is unlike those that were learnt from: the values}.
    """

    boxes: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray
    scale: float = 1.0
    gain: float = 1.0
    unlike: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.scores)


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of patches, row by row, with what is known of each patch.

    Attributes:
        features: float32 [N, D].
        labels: int8 [N, T], 1 present, 0 absent, -1 unknown.
        images: str [N], name of the image each patch was cut from.
        groups: str [N], group of that image.
        splits: str [N], split of that image ('' where not assigned).
        boxes: float32 [N, 4] in source-image pixels.
        num_cells: int32 [N], estimated number of cells.
        complete: bool [N], every cell of the region is labelled.
    """

    features: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    boxes: np.ndarray
    num_cells: np.ndarray
    complete: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def select(self, rows: np.ndarray) -> "FeatureTable":
        """The rows given by a bool mask or by indices."""
        values = (getattr(self, field.name)[rows] for field in dataclasses.fields(self))
        return FeatureTable(*values)

    def followed_by(self, other: "FeatureTable") -> "FeatureTable":
        """These rows and then those of a table of the same types."""
        names = [field.name for field in dataclasses.fields(self)]
        return FeatureTable(*(np.append(getattr(self, n), getattr(other, n), 0) for n in names))
