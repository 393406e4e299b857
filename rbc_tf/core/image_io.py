"""Reading images and masks of the formats microscopes write; every failure names the file.

Images are read as viewers show them: an orientation tag is applied, whatever the format. Pixels,
masks, points, boxes and sizes are those of the image as it is shown. What cannot be read for
certain, or has lost data, is refused (`decoding`).
"""

import contextlib
import errno
import io
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import cv2
import numpy as np

from rbc_tf.core import cell_numbers, files, structured
from rbc_tf.core.decoding import raster, tiff
from rbc_tf.core.decoding.stored import MAX_PIXELS, MAX_SIDE, Header, ImageError, Stored
from rbc_tf.core.intensity import ESTIMATED, GIVEN, MOST_ABOVE, IntensityRange

__all__ = ["MAX_PIXELS", "MAX_SIDE", "Header", "ImageError"]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp")

# Of images that are not read: where they lie among others, that is worth a word.
OTHER_EXTENSIONS = (
    *(".webp", ".gif", ".jp2", ".j2k", ".jpx", ".jxl", ".heic", ".heif", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".exr", ".psd", ".xcf"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"),  # of cameras
    # Of microscopes and slide scanners.
    *(".czi", ".zvi", ".nd2", ".lif", ".lsm", ".stk", ".oib", ".oif", ".oir", ".vsi", ".ims"),
    *(".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".qptiff", ".btf", ".dcm", ".dicom"),
)

# More than any image within the limits takes.
MAX_BYTES = 1_500_000_000

# In the noise of photographs no string comes twice, however long it is looked for: runs alone, of
# differences from the row above, make files as small in a third of the time.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)


def list_images(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """The image files of a folder, by name; hidden files are passed over."""
    return sorted(
        path
        for path in pathlib.Path(folder).iterdir()
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def read_image(path: str | pathlib.Path, intensity: IntensityRange | None = None) -> np.ndarray:
    """Decodes PNG, JPEG, TIFF or BMP; grey, RGB or RGBA, turned as its orientation tag says.

    An alpha channel is dropped. Values of more than 8 bits are scaled to 8 by the range that was
    given, else that of the file, else the one that was estimated for its folder.

    Args:
        path: of the file.
        intensity: the range of values of more than 8 bits, as `folder_intensity` has it for a
            folder; None where there is none, or it is not known.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        ImageError: the file is missing, empty, truncated, damaged, too large, no such image or of
            a variety that cannot be read for certain; or its values have more than 8 bits, and
            nothing says their range, or too many lie above it.
    """
    return decode_image(read_bytes(path), path, intensity)


def read_bytes(path: str | pathlib.Path) -> bytes:
    """The content of a file; raises ImageError where it cannot be read, or is no plain file."""
    with open_image(path) as file:
        return file.read()


@contextlib.contextmanager
def open_image(path: str | pathlib.Path) -> Iterator[BinaryIO]:
    """An image's file to read from; raises ImageError where it cannot be read, or is none."""
    try:
        with structured.open_file(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes")
            yield file
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a null
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read ({reason})") from error


def decode_image(
    content: bytes, name: str | pathlib.Path, intensity: IntensityRange | None = None
) -> np.ndarray:
    """As `read_image`, from the content of a file; errors call it `name`."""
    found = _decoded(content, name)
    values = found.values
    if values.dtype == np.uint16:
        values = _to_bytes(found, name, intensity)
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2)
    return np.ascontiguousarray(values)


def read_mask(path: str | pathlib.Path) -> np.ndarray:
    """Reads a mask with black background and white cells, or a label image (`cell_numbers`).

    Returns:
        bool [H, W], True on cells.

    Raises:
        ImageError: as `read_image`, or the mask has other values than black and white, and they
            are no numbers of cells.
    """
    return read_numbered_mask(path)[0]


def read_numbered_mask(path: str | pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    """As `read_mask`; also int32 [H, W], the number of the cell at each pixel and 0 elsewhere.

    The numbers are None of a mask of two values.
    """
    pixels = _mask_values(path)
    cells, largest = pixels != 0, pixels.max()
    if not largest or np.array_equal(cells, pixels == largest):
        return cells, None
    if cell_numbers.are_numbers(pixels):
        return cells, pixels.astype(np.int32)
    values = np.unique(pixels)
    shown = ", ".join(str(value) for value in values[:6])
    raise ImageError(
        f"{path}: a mask must have two values, 0 for background and one other for cells, or 0 and "
        f"the number of each cell from 1 on. Received: {len(values)} values "
        f"({shown}{', ...' if len(values) > 6 else ''}). Save it as PNG (JPEG blurs the edges), "
        "thresholded"
    )


def mask_size(path: str | pathlib.Path) -> tuple[int, int]:
    """As `image_size`, of a mask, which may be a label image of 32 bits; raises ImageError."""
    content = read_bytes(path)
    numbers = tiff.whole_numbers(content, path) if tiff.is_tiff(content) else None
    return header(content, path).size if numbers is None else numbers.shape


def _mask_values(path: str | pathlib.Path) -> np.ndarray:
    """Whole numbers [H, W], 0 on background."""
    content = read_bytes(path)
    numbers = tiff.whole_numbers(content, path) if tiff.is_tiff(content) else None
    if numbers is not None:
        return numbers
    found = _decoded(content, path)
    pixels = found.values
    alpha = found.alpha
    if alpha is not None and (pixels == pixels.flat[0]).all() and (alpha != alpha.flat[0]).any():
        raise ImageError(
            f"{path}: a mask must be white on black. Received: one colour, and the cells in the "
            "alpha channel (transparency)"
        )
    if pixels.ndim == 3:
        if (pixels[..., 1:3] != pixels[..., :1]).any():
            raise ImageError(f"{path}: a mask must be black and white. Received: coloured pixels")
        pixels = pixels[..., 0]
    if found.white_is_zero:
        pixels = np.iinfo(pixels.dtype).max - pixels
    return pixels


def image_size(path: str | pathlib.Path) -> tuple[int, int]:
    """(height, width) as the image is shown, without decoding it; raises ImageError."""
    return read_header(path).size


def read_header(path: str | pathlib.Path) -> Header:
    """What a file says of its image, without decoding it; raises ImageError."""
    return header(read_bytes(path), path)


def header(content: bytes, name: str | pathlib.Path) -> Header:
    """As `read_header`, from the content of a file; errors call it `name`."""
    return _safely(content, name, _tiff_header, raster.png_header, raster.pillow_header)


def is_plain_jpeg(content: bytes) -> bool:
    """Whether any reader of JPEG reads these bytes as we do: grey or RGB, and not to be turned."""
    return raster.is_plain_jpeg(content)


def values_above_8_bits(content: bytes, name: str | pathlib.Path) -> np.ndarray:
    """The values of an image of more than 8 bits as they are stored.

    uint16 [H, W] grey or [H, W, 3] RGB. Raises ImageError, as `read_image`.
    """
    return _decoded(content, name).values


def write_png(path: str | pathlib.Path, pixels: np.ndarray) -> None:
    """Writes uint8 [H, W, 3] RGB or [H, W] grey as PNG, whole or not at all."""
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(encode_png(pixels, path))


def encode_png(pixels: np.ndarray, name: str | pathlib.Path) -> bytes:
    """uint8 [H, W, 3] RGB or [H, W] grey as the content of a PNG; errors call it `name`."""
    return _encode(pixels, name, ".png", _PNG_OPTIONS)


def write_jpeg(path: str | pathlib.Path, pixels: np.ndarray, quality: int = 90) -> None:
    """Writes uint8 [H, W, 3] RGB as JPEG, whole or not at all."""
    with files.atomic_path(path) as temporary:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
        temporary.write_bytes(_encode(pixels, path, ".jpg", parameters))


def write_mask(path: str | pathlib.Path, mask: np.ndarray) -> None:
    """Writes bool [H, W] as a PNG with 255 on cells and 0 elsewhere."""
    write_png(path, mask.astype(np.uint8) * 255)


def _encode(
    pixels: np.ndarray, name: str | pathlib.Path, extension: str, parameters: Sequence[int]
) -> bytes:
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, encoded = cv2.imencode(extension, stored, parameters)
    if not done:
        raise ImageError(f"{name}: could not encode an image of shape {list(pixels.shape)}")
    return encoded.tobytes()


def _decoded(content: bytes, name: str | pathlib.Path) -> Stored:
    return _safely(content, name, tiff.decode, raster.decode_png, _decode_other)


def _tiff_header(content: bytes, name: str | pathlib.Path) -> Header:
    return tiff.header(io.BytesIO(content), name)


def _decode_other(content: bytes, name: str | pathlib.Path) -> Stored:
    if raster.pillow_header(content, name).format == "JPEG":
        return raster.decode_jpeg(content, name)
    return raster.decode_bmp(content, name)


def _safely(content: bytes, name: str | pathlib.Path, of_tiff, of_png, of_others):
    """What the reader for this content returns; whatever it fails of is the image's fault."""
    if not content:
        raise ImageError(f"{name}: the file is empty")
    reader = of_others
    if tiff.is_tiff(content):
        reader = of_tiff
    elif raster.is_png(content):
        reader = of_png
    try:
        return reader(content, name)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: cannot be read ({type(error).__name__}: {error})") from error


def _to_bytes(
    found: Stored, name: str | pathlib.Path, intensity: IntensityRange | None
) -> np.ndarray:
    """uint8 of values of more than 8 bits."""
    said = found.header.intensity
    if intensity is None or (intensity.source != GIVEN and said is not None):
        intensity = said
    if intensity is None:
        raise ImageError(
            f"{name}: has values of {found.header.bits} bits, and does not say how many of them "
            "the camera fills; give --bit_depth or --intensity_range"
        )
    above = intensity.share_above(found.values)
    if intensity.source != GIVEN and above > MOST_ABOVE:
        whose = "of its folder" if intensity.source == ESTIMATED else "that the file names"
        raise ImageError(
            f"{name}: {above:.0%} of its values lie above the range {whose}, "
            f"{intensity}; give --bit_depth or --intensity_range"
        )
    return intensity.to_bytes(found.values, found.white_is_zero)
