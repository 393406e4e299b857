"""One intensity range for all images of a folder whose files leave it open.

Each image's own range would make two frames of one camera come out unlike. So the range is
estimated once, from up to 64 images of more than 8 bits spread over the folder, as a bit depth: the
smallest of 8, 10, 12, 14 and 16 that holds all but 1 % of the values of an image, the largest of
these over the images. Of an image that needs over 2 bits more than the median one, it is not
certain what it is: it does not count, and is refused when it is read.
"""

import contextlib
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np
from absl import logging

from rbc_tf.core import image_io
from rbc_tf.core.decoding import raster, tiff
from rbc_tf.core.decoding.stored import Header, ImageError, Path
from rbc_tf.core.intensity import ESTIMATED, MAX_BITS, MOST_ABOVE, IntensityRange

_DEPTHS = (8, 10, 12, 14, MAX_BITS)
_MOST_IMAGES = 64
_MOST_BITS_APART = 2

# Of the first bytes of a file that say whether it may be of more than 8 bits.
_START = 32

Open = Callable[[Path], contextlib.AbstractContextManager[BinaryIO]]


def of_folder(
    paths: Iterable[Path], open_image: Open = image_io.open_image
) -> IntensityRange | None:
    """The range of the images that do not say their own; None where there are none.

    Where two or more were all saved at the same display range, by ImageJ say, and it is not the
    own one of any of them, it is that. What is chosen is logged. Images that cannot be read are
    passed over: whoever reads them reports them.

    Args:
        paths: all images of the folder, in an order that is the same on every machine.
        open_image: opens a file to read bytes from; raises ImageError.
    """
    lacking = {path: header for path in paths if (header := _lacking(path, open_image)) is not None}
    if not lacking:
        return None
    chosen = _display_of_all(lacking, open_image)
    if chosen is None:
        chosen = _estimate(list(lacking), open_image)
    if chosen is not None:
        logging.info(
            "Intensities: %s, of %d images of more than 8 bits (--bit_depth or --intensity_range "
            "say it otherwise)",
            chosen,
            len(lacking),
        )
    return chosen


def _lacking(path: Path, open_image: Open) -> Header | None:
    """The header of an image that leaves its range open; None of any other."""
    try:
        with open_image(path) as file:
            start = file.read(_START)
            file.seek(0)
            if tiff.is_tiff(start):
                header = tiff.header(file, path)
            elif raster.is_deep_png(start):
                header = raster.png_header(file.read(), path)
            else:
                return None
    except (ImageError, OSError):
        return None
    return header if header.lacks_intensity else None


def _display_of_all(lacking: Mapping[Path, Header], open_image: Open) -> IntensityRange | None:
    """The display range of all images alike; None where it may be that of one image's pixels.

    Programs make it from the pixels of the image that they show, hot ones included, and give it to
    all that are saved together. So that of a single image tells nothing of its camera, nor does
    one that ends at the largest value of any of the images.
    """
    displays = {header.display for header in lacking.values()}
    shared = displays.pop() if len(displays) == 1 and len(lacking) > 1 else None
    if shared is None or any(_ends_at(shared, path, open_image) for path in lacking):
        return None
    return shared


def _ends_at(display: IntensityRange, path: Path, open_image: Open) -> bool:
    """Whether the range ends at the largest value of an image, or of one of its colours."""
    values = _values(path, open_image)
    return values is not None and bool((values.max(axis=(0, 1)) == display.high).any())


def _estimate(paths: Sequence[Path], open_image: Open) -> IntensityRange | None:
    places = np.linspace(0, len(paths) - 1, min(len(paths), _MOST_IMAGES)).astype(int)
    bits = {paths[place]: _bits(paths[place], open_image) for place in places}
    known = {path: needed for path, needed in bits.items() if needed is not None}
    if not known:
        return None
    most = statistics.median_low(known.values()) + _MOST_BITS_APART
    for path, needed in known.items():
        if needed > most:
            logging.warning("%s: fills %d bits, unlike the other images", path, needed)
    depth = max(needed for needed in known.values() if needed <= most)
    return IntensityRange.of_bits(depth, ESTIMATED)


def _bits(path: Path, open_image: Open) -> int | None:
    """The bits that hold an image without its brightest hundredth; None if it cannot be read."""
    values = _values(path, open_image)
    if values is None:
        return None
    ranges = (IntensityRange.of_bits(bits, ESTIMATED) for bits in _DEPTHS)
    return next(r.bits for r in ranges if r.share_above(values) <= MOST_ABOVE)


def _values(path: Path, open_image: Open) -> np.ndarray | None:
    """uint16 [H, W] or [H, W, 3]; None if the image cannot be read."""
    try:
        with open_image(path) as file:
            return image_io.values_above_8_bits(file.read(), path)
    except (ImageError, OSError):
        return None
