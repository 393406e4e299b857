"""What the formats have in common: the marked regions and cells of an image, and their colours."""

import colorsys
import dataclasses
from collections.abc import Mapping, Sequence

# Steps of the golden ratio come nowhere near an earlier hue, however many types there are.
_HUE_STEP = 0.618034
_FIRST_HUE = 0.58  # blue

_NO_TYPE = (128, 128, 128)
# Mixed colours would be near those of other types, or grey.
_SEVERAL_TYPES = (0, 0, 0)


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
        area: in pixels, where the file gives it and no outline that the box was held against.
        where: its place in the file, for messages.
    """

    box: tuple[float, float, float, float]
    types: tuple[str, ...] = ()
    num_cells: int | None = None
    complete: bool | None = None
    score: float | None = None
    probabilities: Mapping[str, float] = dataclasses.field(default_factory=dict)
    abnormal_probability: float | None = None
    area: float | None = None
    where: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class MarkedCell:
    """A cell marked by a point (x to the right, y down, in pixels); type '' where not given."""

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
        where: the file (and place) that describes the image, for messages.
        named_like: the image's name by that of the file, where the file names one in itself too.
    """

    name: str
    height: int | None
    width: int | None
    regions: tuple[MarkedRegion, ...] = ()
    cells: tuple[MarkedCell, ...] = ()
    where: str = dataclasses.field(default="", compare=False)
    named_like: str = dataclasses.field(default="", compare=False)


def colour_of_types(types: Sequence[str], type_names: Sequence[str]) -> tuple[int, int, int]:
    """(red, green, blue) of 0 to 255: of one type its own, of several black, of none grey.

    Colours of types are far apart on the colour circle, and the same in every program.

    Args:
        types: of a region, each in `type_names`.
        type_names: all types; the order decides on the colours.
    """
    if len(types) != 1:
        return _SEVERAL_TYPES if types else _NO_TYPE
    hue = (_FIRST_HUE + type_names.index(types[0]) * _HUE_STEP) % 1
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.85, 0.9))
    return red, green, blue
