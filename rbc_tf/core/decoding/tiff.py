"""TIFF by tifffile and imagecodecs. What is not certain to be read rightly is refused.

Read: one page of 8 or 16 bits, or fewer than these, grey (black or white is zero), RGB, palette,
or JPEG; planar or not, in strips or tiles, of any byte order and every compression that imagecodecs
decodes and that tells damage.
"""

import io
import logging
import math
import re
from typing import BinaryIO

import numpy as np
import tifffile
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from rbc_tf.core.decoding import further_images, orientation, raster
from rbc_tf.core.decoding.stored import (
    MAX_PIXELS,
    Header,
    ImageError,
    Path,
    Stored,
    agreed_orientation,
    check_size,
)
from rbc_tf.core.intensity import FILE, MAX_BITS, MIN_BITS, IntensityRange

# What tifffile logs of a damaged file stands in our error.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# How many samples of a pixel are colours.
_COLOURS: dict[int, int] = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
}

# Each strip or tile costs some time, however small.
_MAX_SEGMENTS = 200_000

# JPEG of the first kind, which nobody reads alike, a format of electron microscopes, and the JPEG
# 2000 of Aperio that holds YCbCr where its file says RGB.
_UNCERTAIN = {
    *(COMPRESSION.OJPEG, COMPRESSION.EER_V0, COMPRESSION.EER_V1, COMPRESSION.EER_V2),
    COMPRESSION.APERIO_JP2000_YCBC,
}

_JPEG_2000 = {
    COMPRESSION.JPEG2000,
    COMPRESSION.APERIO_JP2000_YCBC,
    COMPRESSION.APERIO_JP2000_RGB,
    COMPRESSION.JPEG_2000_LOSSY,
}
_END_OF_CODESTREAM = b"\xff\xd9"

_MICROMANAGER = 51123
_S_MIN, _S_MAX = 340, 341


def is_tiff(content: bytes) -> bool:
    return content[:4] in _MAGIC


def header(stream: BinaryIO, path: Path) -> Header:
    """Of an open file; raises ImageError where it is damaged, or of a variety that is not read."""
    return _with_page(stream, path, lambda file, page: _header(file, page, path))


def decode(content: bytes, path: Path) -> Stored:
    """Raises ImageError as `header`, or where strips or tiles are missing or damaged."""
    stream = io.BytesIO(content)
    return _with_page(stream, path, lambda file, page: _decode(content, file, page, path))


def whole_numbers(content: bytes, path: Path) -> np.ndarray | None:
    """Values of more than 16 bits of a label image: int32 [H, W], turned as it is shown.

    None where the file has other samples, or values that are not whole numbers from 0 on.
    """
    try:
        stream = io.BytesIO(content)
        return _with_page(stream, path, lambda file, page: _whole_numbers(content, page, path))
    except ImageError:
        return None  # whoever reads it as an image says why


def _whole_numbers(content: bytes, page: tifffile.TiffPage, path: Path) -> np.ndarray | None:
    kinds = (np.int16, np.int32, np.uint32, np.int64, np.float32)
    plain = page.photometric == PHOTOMETRIC.MINISBLACK and page.samplesperpixel == 1
    if page.dtype not in kinds or not plain:
        return None
    _check_segments(content, page, path)
    values = page.asarray().reshape(page.imagelength, page.imagewidth)
    whole = values.astype(np.int32)
    if (whole < 0).any() or not np.array_equal(whole, values):
        return None
    return orientation.upright(whole, _orientation(page, path))


def _with_page(stream: BinaryIO, path: Path, use):
    try:
        # OME may name other files, which are none of this image's.
        with tifffile.TiffFile(stream, _multifile=False) as file:
            return use(file, _only_page(file, path))
    except ImageError:
        raise
    except Exception as error:  # tifffile and the codecs raise many kinds on damaged files
        message = str(error) or type(error).__name__
        raise ImageError(f"{path}: the TIFF file is damaged ({message})") from error


def _only_page(file: tifffile.TiffFile, path: Path) -> tifffile.TiffPage:
    count = len(file.pages)
    if count == 0:
        raise ImageError(f"{path}: the TIFF file is damaged or truncated (no page found)")
    page = file.pages.first
    if count == 1:
        sides = page.imagelength, page.imagewidth
        check_size(*sides, path)
        # ImageJ, MetaMorph and others keep a whole stack behind one directory.
        count = page.imagedepth * sum(s.size for s in file.series) // math.prod(page.shape)
    if count != 1:
        raise ImageError(
            f"{path}: a TIFF file of one page is required. Received: {count} pages; "
            "save each as a file of its own"
        )
    further_images.check_none(file, page, path)
    return page


def _header(file: tifffile.TiffFile, page: tifffile.TiffPage, path: Path) -> Header:
    _check_samples(page, path)
    turned = _orientation(page, path)
    size = page.imagelength, page.imagewidth
    if page.bitspersample <= 8 or page.photometric == PHOTOMETRIC.PALETTE:
        return Header("TIFF", *size, turned, min(page.bitspersample, 8))
    return Header("TIFF", *size, turned, page.bitspersample, *_intensity(file, page))


def _orientation(page: tifffile.TiffPage, path: Path) -> int:
    xmp = _value(page, "XMP")
    said = orientation.said(_value(page, "Orientation"))
    said |= orientation.of_xmp(xmp if isinstance(xmp, bytes) else str(xmp).encode())
    return agreed_orientation(said, path)


def _value(page: tifffile.TiffPage, tag: str | int):
    return page.tags[tag].value if tag in page.tags else None


def _check_samples(page: tifffile.TiffPage, path: Path) -> None:
    """Raises ImageError where it is not certain what the samples mean."""
    bits = _value(page, "BitsPerSample")
    if isinstance(bits, tuple) and len(set(bits)) > 1:
        raise ImageError(
            f"{path}: all samples of a TIFF file must have the same bits. Received: {bits}"
        )
    if page.dtype not in (np.uint8, np.uint16, np.bool_):
        raise ImageError(
            f"{path}: TIFF pixels must be of 8 or 16 bits, unsigned. Received: {page.dtype}"
        )
    if "PhotometricInterpretation" not in page.tags:
        raise ImageError(
            f"{path}: a TIFF file must have the tag PhotometricInterpretation, which says whether "
            "0 is black or white. Received: none; save it with another program"
        )
    colours = _COLOURS.get(page.photometric)
    if colours is None or (
        page.photometric == PHOTOMETRIC.YCBCR and page.compression != COMPRESSION.JPEG
    ):
        raise ImageError(
            f"{path}: a TIFF file must be grey, RGB, with a palette, or JPEG. "
            f"Received: {_name(page.photometric)}, compression {_name(page.compression)}"
        )
    extra = page.samplesperpixel - colours
    alone = colours == 1 and extra == 1 and _extra_sample(page) == EXTRASAMPLE.UNSPECIFIED
    if not 0 <= extra <= 1 or alone:
        raise ImageError(
            f"{path}: a TIFF file must have one sample (grey), three (RGB), and at most one of "
            f"alpha. Received: {page.samplesperpixel} samples, {_name(page.photometric)}; "
            "save what is to be analysed as an image of its own"
        )


def _extra_sample(page: tifffile.TiffPage) -> int:
    return page.extrasamples[0] if page.extrasamples else EXTRASAMPLE.UNSPECIFIED


def _name(value) -> str:
    return getattr(value, "name", None) or str(value)


def _decode(content: bytes, file: tifffile.TiffFile, page: tifffile.TiffPage, path: Path) -> Stored:
    found = _header(file, page, path)
    _check_compression(page, path)
    _check_segments(content, page, path)
    pixels = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(found.height, found.width, page.samplesperpixel)
    pixels = orientation.upright(pixels, found.orientation)
    colours = _COLOURS[page.photometric]
    alpha = pixels[..., colours] if page.samplesperpixel > colours else None
    _check_alpha(page, alpha, path)
    values = pixels[..., 0] if colours == 1 else pixels[..., :colours]
    if page.photometric == PHOTOMETRIC.PALETTE:
        return Stored(found, _coloured(page, values), alpha)
    return _grey_or_rgb(found, page, values, alpha)


def _grey_or_rgb(found: Header, page: tifffile.TiffPage, values, alpha) -> Stored:
    if found.bits < 8:
        steps = np.arange(2**found.bits) * (255.0 / (2**found.bits - 1))
        values = np.rint(steps).astype(np.uint8)[values.astype(np.uint8)]
    inverted = page.photometric == PHOTOMETRIC.MINISWHITE
    if inverted and found.bits <= 8:
        return Stored(found, 255 - values, alpha)
    return Stored(found, values, alpha, white_is_zero=inverted)


def _check_compression(page: tifffile.TiffPage, path: Path) -> None:
    """Raises ImageError where there is no decoder, or one whose result is not certain."""
    try:
        known = page.compression not in _UNCERTAIN and tifffile.TIFF.DECOMPRESSORS[page.compression]
    except KeyError:
        known = False
    if not known and page.compression != COMPRESSION.NONE:
        raise ImageError(
            f"{path}: TIFF with compression {_name(page.compression)} is not read; save it with "
            "another, such as deflate"
        )


def _check_segments(content: bytes, page: tifffile.TiffPage, path: Path) -> None:
    """Raises ImageError where a strip or tile is missing, cut off or, of JPEG, damaged."""
    count = math.prod(page.chunked)
    tile = (page.tilelength, page.tilewidth) if page.is_tiled else (1, 1)
    if count > _MAX_SEGMENTS or math.prod(tile) > MAX_PIXELS:
        raise ImageError(
            f"{path}: at most {_MAX_SEGMENTS:,} strips or tiles, of {MAX_PIXELS:,} pixels, are "
            f"read. Received: {count:,} of {tile[1]} x {tile[0]}"
        )
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    named = np.size(_value(page, "TileOffsets" if page.is_tiled else "StripOffsets"))
    if named > count:
        raise ImageError(
            f"{path}: the TIFF file is damaged ({named} strips or tiles, where it has {count})"
        )
    if len(places) < count or not all(start and length for start, length in places):
        raise ImageError(f"{path}: the TIFF file is damaged (strips or tiles are missing)")
    if page.compression == COMPRESSION.NONE:
        # Where strips follow each other, tifffile reads on behind them.
        if sum(length for _, length in places) < _plain_bytes(page):
            raise ImageError(f"{path}: the TIFF file is damaged (strips or tiles are too short)")
        return
    if any(start + length > len(content) for start, length in places):
        raise ImageError(f"{path}: the TIFF file is truncated (strips or tiles are cut off)")
    for start, length in places:
        _check_segment(page, content[start : start + length])


def _check_segment(page: tifffile.TiffPage, segment: bytes) -> None:
    """Raises ValueError where the decoder that is to come would forgive damage."""
    if page.compression == COMPRESSION.JPEG:
        tables = page.jpegtables
        raster.check_jpeg(tables[:-2] + segment[2:] if tables else segment)
    elif page.compression in _JPEG_2000 and _END_OF_CODESTREAM not in segment[-4:]:
        raise ValueError("the end of a JPEG 2000 stream is missing")


def _plain_bytes(page: tifffile.TiffPage) -> int:
    """Bytes of the samples without compression; a row begins on a byte."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    planes = page.samplesperpixel // samples
    if page.is_tiled:
        rows, width = math.prod(page.chunked) * page.tilelength, page.tilewidth
    else:
        rows, width = page.imagelength * planes, page.imagewidth
    return rows * math.ceil(width * samples * page.bitspersample / 8)


def _check_alpha(page: tifffile.TiffPage, alpha: np.ndarray | None, path: Path) -> None:
    """Raises ImageError where colours were multiplied with an alpha that is not opaque."""
    if alpha is None or _extra_sample(page) != EXTRASAMPLE.ASSOCALPHA:
        return
    if not (alpha == 2**page.bitspersample - 1).all():
        raise ImageError(
            f"{path}: is partly transparent, and its colours are stored darker there "
            "(associated alpha); save it without transparency"
        )


def _coloured(page: tifffile.TiffPage, places: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] of places [H, W] in the palette."""
    colours = np.asarray(page.colormap).T
    if len(colours) < 2**page.bitspersample:
        raise ValueError("the palette is too short")
    # Some writers store 8 bits where TIFF wants 16.
    colours = colours if colours.max() < 256 else colours >> 8
    # Places of one bit come as truth values, which would choose colours, not name them.
    return colours.astype(np.uint8)[places if places.dtype != np.bool_ else places.astype(np.uint8)]


def _intensity(
    file: tifffile.TiffFile, page: tifffile.TiffPage
) -> tuple[IntensityRange | None, IntensityRange | None]:
    """(range that is certain, range that it was displayed at) of more than 8 bits."""
    bits = page.bitspersample
    said = _significant_bits(file, page)
    if bits < MAX_BITS:
        said = bits
    if said is not None and MIN_BITS <= said <= MAX_BITS:
        return IntensityRange.of_bits(said, FILE), None
    for low, high in _displayed(file, page):
        if low == 0 and high in {2**n - 1 for n in range(MIN_BITS, MAX_BITS + 1)}:
            return IntensityRange(low, high, FILE), None  # the whole range of a camera
        if 0 <= low < high < 2**MAX_BITS:
            return None, IntensityRange(low, high, FILE)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        # Who inverts does so within all bits.
        return IntensityRange.of_bits(MAX_BITS, FILE), None
    return None, None


def _significant_bits(file: tifffile.TiffFile, page: tifffile.TiffPage) -> int | None:
    """As the metadata of OME or Micro-Manager say; None where they do not."""
    if file.is_ome:
        found = {
            int(n) for n in re.findall(r'SignificantBits="(\d{1,4})"', file.ome_metadata or "")
        }
        return found.pop() if len(found) == 1 else None
    about = _value(page, _MICROMANAGER)
    depth = str(about.get("BitDepth")) if isinstance(about, dict) else ""
    return int(depth) if depth.isdecimal() else None


def _displayed(file: tifffile.TiffFile, page: tifffile.TiffPage) -> list[tuple[int, int]]:
    """(lowest, highest) of SMinSampleValue and SMaxSampleValue, and of ImageJ."""
    found = [(_value(page, _S_MIN), _value(page, _S_MAX))]
    if file.is_imagej:
        about = file.imagej_metadata or {}
        found.append((about.get("min"), about.get("max")))
    ranges = []
    for low, high in found:
        low, high = _one(low, min), _one(high, max)
        if high is not None:
            ranges.append((round(low or 0), round(high)))
    return ranges


def _one(value, choose) -> float | None:
    """Of a value for each sample, the one that holds them all."""
    values = value if isinstance(value, tuple) else (value,)
    numbers = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return choose(numbers) if numbers else None
