"""Images darker than those learnt from, looked at in more light.

The lamp and the time of exposure say nothing of the cells, but a detector that has seen no dark
image finds less in one. What patches of it are divided by, their background, is bright or dark
alike (`features.background`): the types of a dark image hardly suffer.
"""

from collections.abc import Mapping

import numpy as np

from rbc_tf.core import names
from rbc_tf.inference import appearance

# In less light than this share of what is wanted, there is more noise than cells.
_DARKEST = 1 / 8

LARGEST_GAIN = 1 / _DARKEST


def gain_for(image: np.ndarray, seen: Mapping[str, appearance.Range]) -> float:
    """What an image's values are to be multiplied by; 1 where it is not too dark, or black.

    Its background is then in the middle of those that most images had that were learnt from
    (docs/RESULTS.md, Other microscopes), or as bright as its brightest colour lets it be.

    Args:
        image: uint8 [H, W, 3] RGB.
        seen: of the bundle, see `appearance.ranges`; without a brightness there is nothing to do.
    """
    low, high = seen.get("brightness", (0.0, 0.0))
    brightness = appearance.brightness(image)
    wanted = (low * high) ** 0.5
    if not wanted * _DARKEST <= brightness < low:
        return 1.0
    of_colours = (appearance.brightness(image[..., colour : colour + 1]) for colour in range(3))
    brightest = max(brightness, *of_colours)  # the grey value, where each place has another colour
    return max(1.0, float(f"{min(wanted / brightness, 255 / brightest):.3g}"))


def lit(image: np.ndarray, gain: float) -> np.ndarray:
    """The image uint8 [H, W, 3] with its values multiplied by `gain`, cut off at white."""
    if gain == 1:
        return image
    # One entry for each value: as many products as that, however large the image.
    values = np.rint(np.arange(256) * gain).clip(0, 255).astype(np.uint8)
    return values[image]


def note(gains: Mapping[str, float], total: int) -> str:
    """One line of the images that were looked at in more light; '' where none was.

    Args:
        gains: {name of an image: its gain}; those of 1 may be left out.
        total: number of images.
    """
    found = sorted(gain for gain in gains.values() if gain != 1)
    if not found:
        return ""
    span = " to ".join(dict.fromkeys(f"{gain:.3g}" for gain in (found[0], found[-1])))
    images = f"{len(found)} of {names.number(total, 'image')} {names.was_or_were(len(found))}"
    return f"{images} made brighter by {span} for the analysis, as bright as those learnt from"
