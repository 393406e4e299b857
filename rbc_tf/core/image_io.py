"""Reading images and masks of the formats microscopes write; every failure names the file.

Pixels are taken as stored: an orientation tag is not applied, so that masks, points and boxes
made on the stored pixels stay true.
"""

import io
import logging
import pathlib
import struct
import warnings
from collections.abc import Sequence

import cv2
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from rbc_tf.core import files

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

# Above this an image is refused before it is decoded: such a file would fill the memory.
MAX_PIXELS = 150_000_000

# Cameras of 12 or 14 bits store their values in 16: the scale is the smallest that holds them.
SIGNIFICANT_BITS = (12, 14, 16)

# In the noise of photographs no string comes twice, however long it is looked for: runs alone, of
# differences from the row above, make files as small in a third of the time.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)

# What tifffile logs of a damaged file stands in our error.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class ImageError(ValueError):
    """An image that cannot be read or written; the message names the file and the reason."""


def list_images(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """The image files of a folder, by name; hidden files are passed over."""
    return sorted(
        path
        for path in pathlib.Path(folder).iterdir()
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    )


def read_image(path: str | pathlib.Path) -> np.ndarray:
    """Decodes PNG, JPEG, TIFF (8 or 16 bit) or BMP; grey, RGB or RGBA.

    16-bit values are scaled from 12, 14 or 16 significant bits, whichever is the smallest that
    holds the largest value; an alpha channel is dropped.

    Returns:
        uint8 [H, W, 3] RGB.

    Raises:
        ImageError: the file is missing, empty, truncated, too large or no such image.
    """
    return decode_image(read_bytes(path), path)


def read_bytes(path: str | pathlib.Path) -> bytes:
    """The content of a file; raises ImageError where it cannot be read."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error


def decode_image(content: bytes, name: str | pathlib.Path) -> np.ndarray:
    """As `read_image`, from the content of a file; errors call it `name`."""
    return _to_rgb(_decode(content, name), name)


def read_mask(path: str | pathlib.Path) -> np.ndarray:
    """Reads a mask with black background and white cells.

    Returns:
        bool [H, W], True on cells.

    Raises:
        ImageError: as `read_image`, or the mask has other values than black and white.
    """
    pixels = _decode(read_bytes(path), path)
    if pixels.ndim == 3:
        if (pixels[..., 1:3] != pixels[..., :1]).any():
            raise ImageError(f"{path}: a mask must be black and white. Received: coloured pixels")
        pixels = pixels[..., 0]
    cells, largest = pixels != 0, pixels.max()
    if largest and not np.array_equal(cells, pixels == largest):
        values = np.unique(pixels)
        shown = ", ".join(str(value) for value in values[:6])
        raise ImageError(
            f"{path}: a mask must have two values, 0 for background and one other for cells. "
            f"Received: {len(values)} values ({shown}{', ...' if len(values) > 6 else ''}). "
            "Save it as PNG (JPEG blurs the edges), thresholded"
        )
    return cells


def image_size(path: str | pathlib.Path) -> tuple[int, int]:
    """(height, width) from the file's header, without decoding it; raises ImageError."""
    return _header(read_bytes(path), path)[1:]


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


def _decode(content: bytes, path: str | pathlib.Path) -> np.ndarray:
    kind, height, width = _header(content, path)
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{path}: at most {MAX_PIXELS:,} pixels are read. Received: {width} x {height}"
        )
    if kind in ("JPEG", "BMP"):
        return _decode_with_pillow(content, path)
    if kind == "PNG":
        _check_png(content, path)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (height, width):
        raise ImageError(f"{path}: the {kind} file is damaged or of a variety that is not read")
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        # OpenCV's order is BGR. What comes after is alpha.
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_BGR2RGB)
    return pixels


def _header(content: bytes, path: str | pathlib.Path) -> tuple[str, int, int]:
    """(format, height, width), from the header alone."""
    if not content:
        raise ImageError(f"{path}: the file is empty")
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff_header(content, path)
    try:
        with warnings.catch_warnings():
            # Our own limit stands in for Pillow's warning about large images.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "BMP")) as image:
                return str(image.format), image.height, image.width
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: at most {MAX_PIXELS:,} pixels are read ({error})") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(
            f"{path}: a PNG, JPEG, TIFF or BMP image is required; the content is none, "
            "or its header is damaged"
        ) from error


def _tiff_header(content: bytes, path: str | pathlib.Path) -> tuple[str, int, int]:
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            if len(file.pages) == 0:
                raise ImageError(f"{path}: the TIFF file is damaged or truncated (no page found)")
            if len(file.pages) > 1:
                raise ImageError(
                    f"{path}: a TIFF file of one page is required. Received: {len(file.pages)} "
                    "pages; save each as a file of its own"
                )
            page = file.pages.first
            if page.dtype not in (np.uint8, np.uint16, np.bool_):
                raise ImageError(
                    f"{path}: TIFF pixels must be of 8 or 16 bits. Received: {page.dtype}"
                )
            return "TIFF", page.imagelength, page.imagewidth
    except ImageError:
        raise
    except Exception as error:  # tifffile raises many kinds on damaged files
        raise ImageError(f"{path}: the TIFF file is damaged ({error})") from error


def _decode_with_pillow(content: bytes, path: str | pathlib.Path) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "BMP")) as image:
            if image.mode == "L":
                return np.asarray(image)
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"{path}: the image is damaged ({error})") from error


def _check_png(content: bytes, path: str | pathlib.Path) -> None:
    """OpenCV returns what it could decode of a truncated PNG; Pillow's checksums tell."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"{path}: the image is damaged ({error})") from error


def _to_rgb(pixels: np.ndarray, path) -> np.ndarray:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    # Before 16 bits are scaled: the largest value of alpha says nothing of the camera.
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    if pixels.dtype == np.uint16:
        largest = int(pixels.max(initial=0))
        bits = next(bits for bits in SIGNIFICANT_BITS if largest < 2**bits)
        pixels = np.rint(pixels * (255.0 / (2**bits - 1))).astype(np.uint8)
    elif pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype != np.uint8:
        raise ImageError(f"{path}: pixels of 8 or 16 bits are required. Received: {pixels.dtype}")
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels)
