"""One colour for each type, far apart on the colour circle, the same in every program."""

import colorsys
from collections.abc import Sequence

# Steps of the golden ratio come nowhere near an earlier hue, however many types there are.
_STEP = 0.618034
_START = 0.58  # blue

_NO_TYPE = (128, 128, 128)
# Mixed colours would be near those of other types, or grey.
_SEVERAL_TYPES = (0, 0, 0)


def of_types(types: Sequence[str], type_names: Sequence[str]) -> tuple[int, int, int]:
    """(red, green, blue) of 0 to 255: of one type its own, of several black, of none grey.

    Args:
        types: of a region, each in `type_names`.
        type_names: all types; the order decides on the colours.
    """
    if len(types) != 1:
        return _SEVERAL_TYPES if types else _NO_TYPE
    hue = (_START + type_names.index(types[0]) * _STEP) % 1
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.85, 0.9))
    return red, green, blue
