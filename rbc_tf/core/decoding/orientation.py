"""The orientation tag of EXIF, XMP and TIFF: images are taken as viewers and browsers show them.

Who annotates sees the image turned; so boxes, points and masks belong to the turned image. All
readers turn it, whatever the format.
"""

import re
import warnings

import numpy as np
from PIL import ExifTags, Image

UPRIGHT = 1

_IN_XMP = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*(\d{1,3})(?!\d)""")

# Of each tag: whether rows and columns change places, then whether rows, columns run backwards.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def steps(tag: int) -> tuple[bool, bool, bool]:
    """Whether to transpose, and then to reverse the rows, and the columns."""
    return _STEPS[tag]


def said(tag: object) -> set[int]:
    """The tag, or nothing where it is none of the eight: so do viewers."""
    return {tag} if isinstance(tag, int) and tag in _STEPS else set()


def of_exif(exif: bytes | None) -> set[int]:
    """The tag in a block of EXIF, as it stands in JPEG and PNG, if there is one."""
    if not exif:
        return set()
    block = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of damaged blocks
            block.load(exif)
            return said(block.get(ExifTags.Base.Orientation))
    except Exception:  # a damaged block, of which viewers take no notice either
        return set()


def of_xmp(xmp: bytes | None) -> set[int]:
    """The tags in a packet of XMP."""
    return set().union(*(said(int(tag)) for tag in _IN_XMP.findall(xmp or b"")))


def upright(values: np.ndarray, tag: int) -> np.ndarray:
    """[H, W] or [H, W, C] as stored, to a view of it as it is shown."""
    transpose, rows, columns = _STEPS[tag]
    if transpose:
        values = values.swapaxes(0, 1)
    return values[:: -1 if rows else 1, :: -1 if columns else 1]


def upright_size(size: tuple[int, int], tag: int) -> tuple[int, int]:
    """(height, width) as stored, to that of the image as it is shown."""
    return size[::-1] if _STEPS[tag][0] else size
