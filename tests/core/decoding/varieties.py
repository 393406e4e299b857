"""Image files of every variety that we know of, for the table in docs/image_varieties.md.

`python -m tests.core.decoding.varieties` writes that table anew.
"""

import dataclasses
import io
import itertools
import pathlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.intensity import IntensityRange

DOCS = pathlib.Path(__file__).parents[3] / "docs" / "image_varieties.md"

HEIGHT, WIDTH = 48, 64
RANGE_12_BITS = IntensityRange.of_bits(12)

# What a file of each kind is refused with, or READ.
READ = "read"


@dataclasses.dataclass(frozen=True, eq=False)
class Variety:
    """One file.

    Attributes:
        kind: 'TIFF', 'PNG', 'JPEG' or 'BMP'.
        name: the rest of what it is.
        content: of the file.
        shown: uint8 [H, W] or [H, W, 3] as a person sees it; None where it is to be refused.
        tolerance: the greatest difference that its compression may make.
    """

    kind: str
    name: str
    content: bytes
    shown: np.ndarray | None
    tolerance: int = 0

    @property
    def intensity(self) -> IntensityRange | None:
        """What the user gives: of packed samples nothing, whose bits the file says."""
        return None if "packed" in self.name else RANGE_12_BITS


def picture() -> np.ndarray:
    """uint8 [48, 64, 3]: smooth, of all colours, and like no turned or mirrored copy of it."""
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    red = 40 + 3 * xs
    green = 230 - 4 * ys
    blue = 60 + 2 * ys + xs
    return np.clip(np.stack([red, green, blue], axis=2), 0, 255).astype(np.uint8)


def deep(pixels: np.ndarray, bits: int = 12) -> np.ndarray:
    """uint16 of as many bits, from which the same uint8 comes."""
    return np.rint(pixels / 255.0 * (2**bits - 1)).astype(np.uint16)


def raw_tiff(
    data: bytes,
    height: int = HEIGHT,
    width: int = WIDTH,
    bits: tuple[int, ...] = (8,),
    photometric: int = 1,
    compression: int = 1,
    tags: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
    """A little-endian TIFF of one strip with these tags (as LONG), however unusual."""
    entries = {
        256: (width,),
        257: (height,),
        258: bits,
        259: (compression,),
        262: (photometric,),
        273: (8,),
        277: (len(bits),),
        278: (height,),
        279: (len(data),),
    } | (tags or {})
    place = 8 + len(data)
    extra, table = b"", b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            extra, packed = extra + packed, struct.pack("<I", place + len(extra))
        table += struct.pack("<HHI", tag, 4, len(values)) + packed
    start = struct.pack("<2sHI", b"II", 42, place + len(extra))
    return start + data + extra + struct.pack("<H", len(entries)) + table + b"\0\0\0\0"


def without_tag(content: bytes, tag: int) -> bytes:
    """A file of `raw_tiff` in which a tag has a number that means nothing."""
    return content.replace(struct.pack("<HH", tag, 4), struct.pack("<HH", 65_000, 4))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def tiff(pixels: np.ndarray, **settings) -> bytes:
    stream = io.BytesIO()
    settings = {"metadata": None, "rowsperstrip": 16} | settings
    if "tile" in settings:
        del settings["rowsperstrip"]
    tifffile.imwrite(stream, pixels, **settings)
    return stream.getvalue()


def pillow(pixels: np.ndarray, kind: str, mode: str | None = None, **settings) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(stream, kind, **settings)
    return stream.getvalue()


def scans(content: bytes) -> list[int]:
    """Where the scans of a JPEG without metadata begin."""
    return [found.start() for found in re.finditer(rb"\xff\xda", content)]


def opened(content: bytes) -> np.ndarray:
    """uint8 [H, W, 3], by Pillow."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def all_varieties() -> list[Variety]:
    found = [*_tiff(), *_png(), *_jpeg(), *_bmp()]
    assert len({(v.kind, v.name) for v in found}) == len(found)
    return found


LAYOUTS = {"strips": {}, "tiles": {"tile": (16, 32)}}
LOSSLESS = ("none", "deflate", "lzw", "packbits", "lzma", "zstd", "lerc", "jpegxl", "jpeg2000")
LOSSY = {"jpeg": 8, "webp": 0}
ORDERS = {"little-endian": "<", "big-endian": ">"}

# How tifffile calls it, where it has another name.
_CODES = {"none": None, "deflate": "adobe_deflate", "jpegxl": 50002}


def _compressed(name: str) -> dict:
    arguments = {}
    if name in ("webp", "jpeg2000", "jpegxl"):
        arguments = {"compressionargs": {"lossless": True}}
    if name == "jpeg2000":
        arguments = {"compressionargs": {"reversible": True}}
    if name == "jpeg":
        arguments = {"compressionargs": {"level": 98}}
    return {"compression": _CODES.get(name, name)} | arguments


def _tiff() -> Iterator[Variety]:
    yield from _tiff_of_8_bits()
    yield from _tiff_of_more_bits()
    yield from _tiff_of_fewer_bits()
    yield from _tiff_with_more_samples()
    yield from _tiff_of_other_samples()
    yield from _tiff_of_several_images()
    yield from _tiff_of_other_structure()


def _tiff_of_8_bits() -> Iterator[Variety]:
    rgb = picture()
    grey = rgb[..., 0]
    for (layout, tile), name in itertools.product(LAYOUTS.items(), (*LOSSLESS, *LOSSY)):
        settings = tile | _compressed(name)
        content = tiff(rgb, photometric="rgb", **settings)
        yield Variety("TIFF", f"RGB, 8 bits, {layout}, {name}", content, rgb, LOSSY.get(name, 0))
        if name in ("webp", "jpegxl", "jpeg"):
            continue
        content = tiff(grey, photometric="minisblack", **settings)
        yield Variety("TIFF", f"grey, 8 bits, {layout}, {name}", content, grey, LOSSY.get(name, 0))
    for (layout, tile), name in itertools.product(
        LAYOUTS.items(), ("none", "deflate", "lzw", "packbits", "zstd")
    ):
        settings = tile | _compressed(name)
        content = tiff(
            np.moveaxis(rgb, 2, 0).copy(), photometric="rgb", planarconfig="separate", **settings
        )
        yield Variety("TIFF", f"RGB in planes, 8 bits, {layout}, {name}", content, rgb)
        content = tiff(255 - grey, photometric="miniswhite", **settings)
        yield Variety("TIFF", f"grey, white is zero, 8 bits, {layout}, {name}", content, grey)
    content = pillow(grey, "TIFF", compression="jpeg")
    yield Variety("TIFF", "grey, 8 bits, strips, jpeg", content, grey, LOSSY["jpeg"])
    for name in ("deflate", "lzw", "zstd"):
        content = tiff(rgb, photometric="rgb", predictor=True, **_compressed(name))
        yield Variety("TIFF", f"RGB, 8 bits, {name} with predictor", content, rgb)
    colormap = np.stack([np.arange(256)[::-1] * 257] * 3).astype(np.uint16)
    for name in ("none", "deflate", "lzw", "packbits"):
        content = tiff(255 - grey, photometric="palette", colormap=colormap, **_compressed(name))
        yield Variety("TIFF", f"palette, 8 bits, {name}", content, grey)
    small = tiff(255 - grey, photometric="palette", colormap=colormap // 257)
    yield Variety("TIFF", "palette of 8 bits where it should have 16", small, grey)
    for tag in range(1, 9):
        content = tiff(rgb, photometric="rgb", extratags=[(274, "H", 1, tag, True)])
        yield Variety("TIFF", f"orientation {tag}", content, turned(rgb, tag))


def _tiff_of_more_bits() -> Iterator[Variety]:
    rgb = picture()
    grey = rgb[..., 0]
    planes = np.moveaxis(rgb, 2, 0).copy()
    for (order, sign), (layout, tile), name in itertools.product(
        ORDERS.items(), LAYOUTS.items(), ("none", "deflate", "lzw", "zstd")
    ):
        about = f"{order}, {layout}, {name}"
        settings = {"byteorder": sign} | tile | _compressed(name)
        content = tiff(deep(rgb), photometric="rgb", **settings)
        yield Variety("TIFF", f"RGB, 12 bits in 16, {about}", content, rgb)
        content = tiff(deep(planes), photometric="rgb", planarconfig="separate", **settings)
        yield Variety("TIFF", f"RGB in planes, 12 bits in 16, {about}", content, rgb)
        content = tiff(deep(grey), photometric="minisblack", **settings)
        yield Variety("TIFF", f"grey, 12 bits in 16, {about}", content, grey)
    for name in ("deflate", "lzw", "zstd"):
        content = tiff(deep(rgb), photometric="rgb", predictor=True, **_compressed(name))
        yield Variety("TIFF", f"RGB, 12 bits in 16, {name} with predictor", content, rgb)
        content = tiff(4095 - deep(grey), photometric="miniswhite", **_compressed(name))
        yield Variety("TIFF", f"grey, white is zero, 12 bits in 16, {name}", content, grey)
    for bits in (10, 12, 14):
        packed = _packed(deep(grey, bits), bits)
        content = raw_tiff(packed, bits=(bits,))
        yield Variety("TIFF", f"grey, packed {bits} bits", content, grey)
        packed = _packed(deep(rgb, bits).reshape(HEIGHT, -1), bits)
        content = raw_tiff(packed, bits=(bits,) * 3, photometric=2)
        yield Variety("TIFF", f"RGB, packed {bits} bits", content, rgb)


def _tiff_of_fewer_bits() -> Iterator[Variety]:
    grey = picture()[..., 0]
    for bits in (2, 4, 6):
        levels = np.rint(grey / 255.0 * (2**bits - 1))
        shown = np.rint(levels * 255.0 / (2**bits - 1)).astype(np.uint8)
        packed = _packed(levels.astype(np.uint16), bits)
        content = raw_tiff(packed, bits=(bits,))
        yield Variety("TIFF", f"grey, {bits} bits", content, shown)
        content = raw_tiff(packed, bits=(bits,), photometric=0)
        yield Variety("TIFF", f"grey, white is zero, {bits} bits", content, 255 - shown)
    black_and_white = np.where(grey > 128, 255, 0).astype(np.uint8)
    for name in ("raw", "packbits", "group3", "group4", "tiff_lzw", "tiff_adobe_deflate"):
        content = pillow(black_and_white, "TIFF", "1", compression=name)
        yield Variety("TIFF", f"black and white, 1 bit, {name}", content, black_and_white)
    packed = np.packbits(black_and_white > 0, axis=1).tobytes()
    content = raw_tiff(packed, bits=(1,), photometric=0)
    yield Variety("TIFF", "black and white, 1 bit, white is zero", content, 255 - black_and_white)
    palette = (0, 0x4000, 0x8000, 0xFFFF) * 3
    places = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 4).astype(np.uint16)
    content = raw_tiff(_packed(places, 2), bits=(2,), photometric=3, tags={320: palette})
    shown = np.array([0, 0x40, 0x80, 0xFF], np.uint8)[places]
    yield Variety("TIFF", "palette, 2 bits", content, shown)


def _tiff_with_more_samples() -> Iterator[Variety]:
    rgb = picture()
    half, whole = np.full((HEIGHT, WIDTH), 128, np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8)
    for kind, alpha, shown in (
        ("unassalpha", half, rgb),
        ("unassalpha", whole, rgb),
        ("assocalpha", whole, rgb),
        ("assocalpha", half, None),
        ("unspecified", half, rgb),
    ):
        name = f"{'opaque' if alpha is whole else 'not opaque'}"
        for planar in ("contig", "separate"):
            pixels = np.dstack([rgb, alpha])
            stored = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0).copy()
            content = tiff(stored, photometric="rgb", planarconfig=planar, extrasamples=[kind])
            yield Variety("TIFF", f"RGB and a sample {kind}, {name}, {planar}", content, shown)
        pixels = np.dstack([rgb[..., 0], alpha])
        content = tiff(pixels, photometric="minisblack", extrasamples=[kind], planarconfig="contig")
        if kind == "unspecified":
            shown = None
        grey = None if shown is None else rgb[..., 0]
        yield Variety("TIFF", f"grey and a sample {kind}, {name}", content, grey)
    five = np.dstack([rgb, half, half])
    content = tiff(five, photometric="rgb", extrasamples=["unspecified"] * 2, planarconfig="contig")
    yield Variety("TIFF", "RGB and two samples more", content, None)
    three = tiff(rgb, photometric="minisblack", extrasamples=[0, 0], planarconfig="contig")
    yield Variety("TIFF", "three samples that are no colours", three, None)


def _tiff_of_other_samples() -> Iterator[Variety]:
    rgb = picture()
    for dtype in ("int8", "int16", "uint32", "int32", "uint64", "float16", "float32", "float64"):
        content = tiff(rgb[..., 0].astype(dtype), photometric="minisblack")
        yield Variety("TIFF", f"grey, {dtype}", content, None)
    for name, code in {
        "transparency mask": 4,
        "CMYK": 5,
        "YCbCr, not JPEG": 6,
        "CIELAB": 8,
        "ICCLAB": 9,
        "ITULAB": 10,
        "CFA": 32803,
        "LogL": 32844,
        "LinearRaw": 34892,
    }.items():
        samples = {5: 4, 6: 3, 8: 3, 9: 3, 10: 3}.get(code, 1)
        data = np.repeat(rgb[..., :1], samples, axis=2).tobytes()
        content = raw_tiff(data, bits=(8,) * samples, photometric=code)
        yield Variety("TIFF", f"photometric {name}", content, None)
    for bits in (1, 8, 16):
        data = _packed(deep(rgb[..., 0], bits), bits)
        content = without_tag(raw_tiff(data, bits=(bits,)), 262)
        yield Variety("TIFF", f"grey, {bits} bits, black or white is zero unsaid", content, None)
    content = raw_tiff(rgb.tobytes(), bits=(8, 8, 16), photometric=2)
    yield Variety("TIFF", "RGB, 8, 8 and 16 bits", content, None)
    for code in (6, 7, 32809, 34661, 65000, 12345):
        content = raw_tiff(rgb[..., 0].tobytes(), compression=code)
        yield Variety("TIFF", f"compression {code} with other data", content, None)


def _tiff_of_several_images() -> Iterator[Variety]:
    grey = picture()[..., 0]
    for count in (2, 3):
        stack = np.stack([grey] * count)
        content = tiff(stack, photometric="minisblack")
        yield Variety("TIFF", f"{count} pages", content, None)
        content = one_directory(stack)
        yield Variety("TIFF", f"ImageJ stack of {count} in one directory", content, None)
        name = f"ImageJ stack of {count} in one directory, cut off"
        yield Variety("TIFF", name, content[:-1], None)
        content = tiff(stack, photometric="minisblack", metadata={"axes": "ZYX"}, ome=True)
        yield Variety("TIFF", f"OME of {count} planes", content, None)
    content = tiff(grey, photometric="minisblack", metadata={"axes": "YX"}, ome=True)
    yield Variety("TIFF", "OME of one plane", content, grey)
    content = tiff(grey, imagej=True, metadata={"axes": "YX"})
    yield Variety("TIFF", "ImageJ, one image", content, grey)
    content = tiff(picture(), imagej=True, metadata={"axes": "YXS"})
    yield Variety("TIFF", "ImageJ, RGB", content, picture())
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(grey, subifds=1, photometric="minisblack", metadata=None)
        writer.write(grey[::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    yield Variety("TIFF", "with a smaller copy (SubIFD)", stream.getvalue(), grey)


def _tiff_of_other_structure() -> Iterator[Variety]:
    rgb = picture()
    grey = rgb[..., 0]
    yield Variety("TIFF", "BigTIFF", tiff(rgb, photometric="rgb", bigtiff=True), rgb)
    data = grey.tobytes()
    content = raw_tiff(np.frombuffer(_reversed_bits(data), np.uint8).tobytes(), tags={266: (2,)})
    yield Variety("TIFF", "grey, lowest bit first", content, grey)
    yield Variety("TIFF", "image depth 2", raw_tiff(data * 2, tags={32997: (2,)}), None)
    yield Variety("TIFF", "two widths", raw_tiff(data, tags={256: (WIDTH, 7)}), None)
    yield Variety("TIFF", "a strip without data", raw_tiff(data, tags={279: (0,)}), None)
    yield Variety("TIFF", "a strip behind the end", raw_tiff(data, tags={273: (10**6,)}), None)
    yield Variety("TIFF", "too few data", raw_tiff(data[:-1]), None)
    content = tiff(rgb, photometric="rgb", compression="adobe_deflate")
    yield Variety("TIFF", "truncated", content[: len(content) // 2], None)
    for name in (
        "deflate",
        "lzw",
        "packbits",
        "zstd",
        "lzma",
        "jpeg",
        "webp",
        "jpeg2000",
        "jpegxl",
        "lerc",
    ):
        yield Variety("TIFF", f"half a strip of zeros, {name}", _half_zeros(rgb, name), None)


def _half_zeros(pixels: np.ndarray, name: str) -> bytes:
    content = bytearray(tiff(pixels, photometric="rgb", rowsperstrip=HEIGHT, **_compressed(name)))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content[start + length // 2 : start + length] = bytes(length - length // 2)
    return bytes(content)


def one_directory(stack: np.ndarray) -> bytes:
    text = f"ImageJ=1.53t\nimages={len(stack)}\nslices={len(stack)}\n\0"
    content = tiff(stack[0], photometric="minisblack", description=text)
    # As ImageJ writes it: the further slices follow the first, which must be the last in the file.
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        end = file.pages[0].dataoffsets[0] + stack[0].nbytes
    assert end == len(content)
    return content + stack[1:].tobytes()


def _packed(values: np.ndarray, bits: int) -> bytes:
    """Rows [H, W] of so many bits, each row beginning on a byte."""
    digits = (values[..., None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def _reversed_bits(data: bytes) -> bytes:
    return imagecodecs.bitorder_decode(data)


def turned(pixels: np.ndarray, tag: int) -> np.ndarray:
    """As it is shown, by the words of the TIFF standard: where row 0 and column 0 are."""
    rows_from, columns_from = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }[tag]
    if rows_from in ("left", "right"):
        pixels = pixels.swapaxes(0, 1)
        rows_from, columns_from = columns_from, rows_from
    if rows_from == "bottom":
        pixels = pixels[::-1]
    return pixels[:, ::-1] if columns_from == "right" else pixels


def _png() -> Iterator[Variety]:
    rgb = picture()
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        content = pillow(rgb, "PNG", mode)
        yield Variety("PNG", f"mode {mode}", content, opened(content))
    for bits in (1, 2, 4):
        image = Image.fromarray(rgb).quantize(2**bits)
        stream = io.BytesIO()
        image.save(stream, "PNG", bits=bits)
        yield Variety(
            "PNG", f"palette of {bits} bits", stream.getvalue(), opened(stream.getvalue())
        )
    see_through = np.dstack([rgb, np.full((HEIGHT, WIDTH), 100, np.uint8)])
    yield Variety("PNG", "RGBA, not opaque", pillow(see_through, "PNG"), rgb)
    yield Variety("PNG", "one colour transparent", pillow(rgb, "PNG", transparency=(1, 2, 3)), rgb)
    grey = rgb[..., 0]
    for name, stored, shown in (
        ("grey", deep(grey), grey),
        ("RGB", deep(rgb), rgb),
        ("RGBA", np.dstack([deep(rgb), deep(grey)]), rgb),
    ):
        swapped = stored if stored.ndim == 2 else stored[..., [2, 1, 0, *range(3, stored.shape[2])]]
        content = cv2.imencode(".png", swapped)[1].tobytes()
        yield Variety("PNG", f"{name}, 12 bits in 16", content, shown)
    for tag in range(1, 9):
        content = pillow(rgb, "PNG", exif=exif(tag))
        yield Variety("PNG", f"orientation {tag}", content, turned(rgb, tag))
    upright, late = pillow(rgb, "PNG"), png_chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0"))
    end = upright.rindex(b"IEND") - 4
    content = upright[:end] + late + upright[end:]
    yield Variety("PNG", "orientation 6 behind the data", content, turned(rgb, 6))
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    stream = io.BytesIO()
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])
    yield Variety("PNG", "animation", stream.getvalue(), None)
    content = pillow(rgb, "PNG")
    yield Variety("PNG", "truncated", content[: len(content) // 2], None)
    broken = bytearray(content)
    broken[len(content) // 2] ^= 1
    yield Variety("PNG", "one bit changed", bytes(broken), None)


def _jpeg() -> Iterator[Variety]:
    rgb = picture()
    for mode, progressive in itertools.product(("L", "RGB", "CMYK"), (False, True)):
        for subsampling in (0, 1, 2) if mode == "RGB" else (0,):
            settings = {"progressive": progressive, "subsampling": subsampling, "quality": 90}
            content = pillow(rgb, "JPEG", mode, **settings)
            name = f"{mode}, {'progressive' if progressive else 'baseline'}"
            if mode == "RGB":
                name += f", colours {('4:4:4', '4:2:2', '4:2:0')[subsampling]}"
            yield Variety("JPEG", name, content, opened(content))
    for name, settings in {
        "RGB without conversion": {"keep_rgb": True},
        "with restarts": {"restart_marker_blocks": 2},
        "optimised": {"optimize": True},
    }.items():
        content = pillow(rgb, "JPEG", **settings)
        yield Variety("JPEG", name, content, opened(content))
    for tag in range(1, 9):
        content = pillow(rgb, "JPEG", exif=exif(tag), quality=95)
        yield Variety("JPEG", f"orientation {tag}", content, turned(opened(content), tag))
    stream = io.BytesIO()
    image = Image.fromarray(rgb)
    image.save(stream, "MPO", save_all=True, append_images=[Image.fromarray(255 - rgb)])
    content = stream.getvalue()
    yield Variety("JPEG", "followed by another picture (MPO)", content, opened(content))
    content = pillow(rgb, "JPEG")
    yield Variety("JPEG", "truncated", content[: len(content) * 3 // 4], None)
    cut = content[: len(content) * 3 // 4] + b"\xff\xd9"
    yield Variety("JPEG", "data missing, with an end", cut, None)
    progressive = pillow(rgb, "JPEG", progressive=True)
    for name, scan in (("one scan alone", 1), ("the last scan missing", -1)):
        cut = progressive[: scans(progressive)[scan]] + b"\xff\xd9"
        yield Variety("JPEG", f"progressive, {name}, with an end", cut, None)
    taller = bytearray(content)
    place = re.search(rb"\xff\xc0", content).start() + 5
    taller[place : place + 2] = struct.pack(">H", 4 * HEIGHT)
    yield Variety("JPEG", "a header that says more rows", bytes(taller), None)


def _bmp() -> Iterator[Variety]:
    rgb = picture()
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        content = pillow(rgb, "BMP", mode)
        yield Variety("BMP", f"mode {mode}", content, opened(content))
    content = pillow(rgb, "BMP")
    yield Variety("BMP", "truncated", content[: len(content) // 2], None)


def exif(tag: int) -> bytes:
    block = Image.Exif()
    block[274] = tag
    return block.tobytes()


def answer(variety: Variety) -> str:
    """READ, or what it is refused with."""
    try:
        image_io.decode_image(variety.content, "FILE", variety.intensity)
    except image_io.ImageError as error:
        return str(error).removeprefix("FILE: ")
    return READ


def table() -> str:
    """The content of DOCS."""
    found = all_varieties()
    lines = [
        "# Varieties of images",
        "",
        "What rbc_tf does with each, and the message where it refuses one. A test writes these",
        f"{len(found)} files with tifffile and Pillow, reads them, and compares the pixels with",
        "what was written and with what another reader makes of them; [images.md](images.md) says",
        "how they are read. Those of 12 bits in 16 are read with `--bit_depth=12`.",
        "",
        "| format | variety | |",
        "|---|---|---|",
    ]
    for variety in found:
        told = answer(variety).replace("|", "\\|")
        lines.append(f"| {variety.kind} | {variety.name} | {told} |")
    return "\n".join(lines) + "\n"


def independent(variety: Variety) -> np.ndarray | None:
    """uint8 or uint16 by another decoder than ours, as it stores them; None where none reads it."""
    readers: list[Callable] = [lambda c: np.asarray(Image.open(io.BytesIO(c)))]
    if variety.kind == "TIFF":
        readers.insert(0, imagecodecs.tiff_decode)
    elif "in 16" in variety.name:  # of which Pillow keeps 8
        readers.insert(0, _by_opencv)
    for reader in readers:
        try:
            return reader(variety.content)
        except Exception:
            continue
    return None


def _by_opencv(content: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]


if __name__ == "__main__":
    DOCS.write_text(table(), encoding="utf-8")
