"""What a file holds: its header and its samples, before they become a picture or a mask."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.core.decoding import orientation
from rbc_tf.core.intensity import IntensityRange

# What is larger is refused before it is decoded: such a file would fill the memory. At these
# limits an image of 16 bits takes 3 GB while it is read.
MAX_PIXELS = 150_000_000
MAX_SIDE = 30_000

Path = str | pathlib.Path


class ImageError(ValueError):
    """An image that cannot be read or written; the message names the file and the reason."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says of its image, known without decoding it.

    Attributes:
        format: 'JPEG', 'PNG', 'BMP' or 'TIFF'.
        height, width: of the samples as they are stored.
        orientation: the tag of TIFF, EXIF and XMP, 1 to 8; 1: the first row is at the top.
        bits: of a sample as it is stored, 1 to 16.
        intensity: the range of samples of more than 8 bits, where the file says it for certain.
        display: the range that a program showed the image at. It may be of this image alone, and
            counts only where several images of a folder all have the same (`folder_intensity`).
    """

    format: str
    height: int
    width: int
    orientation: int = orientation.UPRIGHT
    bits: int = 8
    intensity: IntensityRange | None = None
    display: IntensityRange | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image as it is shown."""
        return orientation.upright_size((self.height, self.width), self.orientation)

    @property
    def is_turned(self) -> bool:
        """Whether the image is shown otherwise than it is stored."""
        return self.orientation != orientation.UPRIGHT

    @property
    def size_tells_turning(self) -> bool:
        """Whether what was made on the image as it is stored has another size."""
        return self.size != (self.height, self.width)

    @property
    def lacks_intensity(self) -> bool:
        """Whether the file leaves open which values are black and white."""
        return self.bits > 8 and self.intensity is None


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """The samples of an image, turned as it is shown.

    Attributes:
        header: of the file.
        values: uint8 or uint16, [H, W] grey or [H, W, 3] RGB. Fewer than 8 bits are scaled to 8.
        alpha: as `values` [H, W]; None where there is none.
        white_is_zero: the values count darkness (of 16 bits; those of 8 are inverted already).
    """

    header: Header
    values: np.ndarray
    alpha: np.ndarray | None = None
    white_is_zero: bool = False


def agreed_orientation(said: set[int], path: Path) -> int:
    """The tag that a file says, once or several times; raises ImageError where it says two.

    Programs differ in which they believe, so that nobody knows how the image was seen.
    """
    if len(said) > 1:
        raise ImageError(
            f"{path}: all orientation tags of a file (EXIF, XMP, TIFF) must be the same. Received: "
            f"{', '.join(map(str, sorted(said)))}; save the image anew as it is to be seen"
        )
    return next(iter(said), orientation.UPRIGHT)


def check_size(height: int, width: int, path: Path) -> None:
    """Raises ImageError where an image is empty or too large."""
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ImageError(f"{path}: the image must have pixels. Received: {width} x {height}")
    if height * width > MAX_PIXELS or max(height, width) > MAX_SIDE:
        raise ImageError(
            f"{path}: at most {MAX_PIXELS:,} pixels, and {MAX_SIDE:,} on a side, are read. "
            f"Received: {width} x {height}"
        )
