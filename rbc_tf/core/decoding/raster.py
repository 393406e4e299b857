"""JPEG, PNG and BMP. Decoders that forgive are no use here: missing data would become grey."""

import io
import struct
import warnings

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from rbc_tf.core.decoding import jpeg_scans, orientation, png_chunks
from rbc_tf.core.decoding.stored import (
    MAX_PIXELS,
    Header,
    ImageError,
    Path,
    Stored,
    agreed_orientation,
    check_size,
)
from rbc_tf.core.intensity import FILE, IntensityRange

_HUFFMAN_CODED = {0xC0, 0xC1, 0xC2}


def is_png(content: bytes) -> bool:
    return content.startswith(png_chunks.MAGIC)


def is_deep_png(content: bytes) -> bool:
    """Whether it is a PNG of 16 bits, from the first bytes of a file."""
    return is_png(content) and content[24:25] == b"\x10"


def png_header(content: bytes, path: Path) -> Header:
    """Raises ImageError where the header is damaged, or the file holds several images."""
    found = list(png_chunks.all_but_data(content, path))
    chunks = dict(reversed(found))  # of each kind the first
    start = chunks.get(b"IHDR", b"")
    if len(start) != 13 or content[12:16] != b"IHDR":
        raise ImageError(f"{path}: the PNG file is damaged (its header is)")
    width, height, bits = struct.unpack(">IIB", start[:9])
    frames = chunks.get(b"acTL", b"")[:4]
    if len(frames) == 4 and int.from_bytes(frames, "big") > 1:
        raise ImageError(
            f"{path}: a PNG file of one image is required. Received: an animation of "
            f"{int.from_bytes(frames, 'big')}"
        )
    # Values of fewer significant bits are scaled to all bits: so PNG has it.
    full = IntensityRange.of_bits(16, FILE) if bits == 16 and b"sBIT" in chunks else None
    turned = agreed_orientation(png_chunks.orientations(found, path), path)
    return Header("PNG", height, width, turned, bits, full)


def decode_png(content: bytes, path: Path) -> Stored:
    """Raises ImageError where the file is damaged anywhere that matters, or too large."""
    header = png_header(content, path)
    check_size(header.height, header.width, path)
    try:
        # Hashes and length of the data are checked, and a missing end is an error.
        values = imagecodecs.png_decode(content)
    except Exception as error:  # of several kinds
        raise ImageError(f"{path}: the image is damaged ({error})") from error
    return _stored(header, values, path)


def pillow_header(content: bytes, path: Path) -> Header:
    """Of a JPEG or BMP; raises ImageError where it is neither, or its header is damaged."""
    with _open(content, path) as image:
        # A JPEG whose file holds further pictures (MPO), as of phones: the first is the image.
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        said = orientation.of_exif(image.info.get("exif"))
        said |= orientation.of_xmp(image.info.get("xmp"))
        return Header(kind, image.height, image.width, agreed_orientation(said, path))


def decode_jpeg(content: bytes, path: Path) -> Stored:
    """Raises ImageError where any data are missing or damaged, or the image is too large."""
    header = pillow_header(content, path)
    check_size(header.height, header.width, path)
    found = list(jpeg_scans.segments(content))
    scans = jpeg_scans.count(found)
    if scans > jpeg_scans.MAX_SCANS:
        raise ImageError(
            f"{path}: at most {jpeg_scans.MAX_SCANS} scans are read. Received: {scans}"
        )
    try:
        jpeg_scans.check_whole(found)
        values = _strict_jpeg(content)
    except ValueError as error:
        raise ImageError(f"{path}: the image is damaged ({error})") from error
    return _stored(header, values, path)


def check_jpeg(content: bytes) -> None:
    """Raises ValueError where data of a JPEG stream are missing or damaged."""
    found = list(jpeg_scans.segments(content))
    if jpeg_scans.count(found) > jpeg_scans.MAX_SCANS:
        raise ValueError(f"more than {jpeg_scans.MAX_SCANS} scans")
    jpeg_scans.check_whole(found)
    _strict_jpeg(content)


def is_plain_jpeg(content: bytes) -> bool:
    """Whether it is a JPEG that every decoder reads alike: of one or three colours, Huffman-coded
    in 8 bits, and not to be turned."""
    if not content.startswith(b"\xff\xd8\xff"):
        return False
    for marker, segment in jpeg_scans.segments(content):
        if marker in jpeg_scans.STARTS_OF_FRAME:
            plain = marker in _HUFFMAN_CODED and segment[0] == 8 and segment[5] in (1, 3)
            return plain and pillow_header(content, "").orientation == orientation.UPRIGHT
    return False


def decode_bmp(content: bytes, path: Path) -> Stored:
    """Raises ImageError where the file is truncated, or too large."""
    header = pillow_header(content, path)
    check_size(header.height, header.width, path)
    with _open(content, path) as image:
        try:
            values = np.asarray(image if image.mode == "L" else image.convert("RGB"))
        except Exception as error:  # Pillow raises many kinds on damaged files
            raise ImageError(f"{path}: the image is damaged ({error})") from error
    return _stored(header, values, path)


def _strict_jpeg(content: bytes) -> np.ndarray:
    """uint8 [H, W] or [H, W, 3] RGB; of what libjpeg only warns is an error, too."""
    *_, colours, _ = simplejpeg.decode_jpeg_header(content)
    if colours == "Gray":
        return simplejpeg.decode_jpeg(content, "GRAY")[..., 0]
    if colours in ("CMYK", "YCCK"):
        # Checked with one decoder, and its colours converted by another.
        simplejpeg.decode_jpeg(content, "CMYK")
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return np.asarray(image.convert("RGB"))
    return simplejpeg.decode_jpeg(content, "RGB")


def _open(content: bytes, path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limit stands in for Pillow's warning about large images, and damaged EXIF
            # is no damage of the image.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=("JPEG", "BMP"))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: at most {MAX_PIXELS:,} pixels are read ({error})") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{path}: a PNG, JPEG, TIFF or BMP image is required; the content is none, "
            "or its header is damaged"
        ) from error
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise ImageError(f"{path}: the header of the image is damaged ({error})") from error


def _stored(header: Header, values: np.ndarray, path: Path) -> Stored:
    """Of values [H, W] or [H, W, C] with colours and then alpha."""
    if values.shape[:2] != (header.height, header.width):
        raise ImageError(
            f"{path}: the image must be of the size in its header, {header.width} x "
            f"{header.height}. Received: {values.shape[1]} x {values.shape[0]}"
        )
    values = orientation.upright(values, header.orientation)
    if values.ndim == 2:
        return Stored(header, values)
    alpha = values[..., -1] if values.shape[2] in (2, 4) else None
    colours = values[..., :3] if values.shape[2] >= 3 else values[..., 0]
    return Stored(header, colours, alpha)
