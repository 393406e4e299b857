"""What the formats have in common: the marked regions and cells of an image."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class MarkedRegion:
    """A region as a file of annotations has it; what the file does not say is None or empty.

    Attributes:
        box: (ymin, xmin, ymax, xmax) in pixels from the image's top left corner, max edges
            exclusive.
        types: names of its types as the file writes them.
        num_cells: how many cells it holds.
        complete: every cell of it is labelled.
        score: the detector's.
        probabilities: of each type, by name.
        abnormal_probability: that it holds an abnormal type.
        where: its place in the file, for messages.
    """

    box: tuple[float, float, float, float]
    types: tuple[str, ...] = ()
    num_cells: int | None = None
    complete: bool | None = None
    score: float | None = None
    probabilities: Mapping[str, float] = dataclasses.field(default_factory=dict)
    abnormal_probability: float | None = None
    where: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class MarkedCell:
    """A cell marked by a point (x to the right, y down, in pixels); type '' where not said."""

    x: float
    y: float
    type: str = ""
    where: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class MarkedImage:
    """One image and what is marked in it.

    Attributes:
        name: the image's file, folders below the input folder included ('/' between them).
        height, width: in pixels, None where the file does not say.
        regions: the marked regions; none means that the image was looked at and holds none.
        cells: the marked cells.
        where: the file (and place) that speaks of the image, for messages.
    """

    name: str
    height: int | None
    width: int | None
    regions: tuple[MarkedRegion, ...] = ()
    cells: tuple[MarkedCell, ...] = ()
    where: str = dataclasses.field(default="", compare=False)
