"""The chunks of a PNG file, and what they say of how its image is turned."""

import zlib
from collections.abc import Iterator, Sequence

from rbc_tf.core.decoding import orientation
from rbc_tf.core.decoding.stored import ImageError, Path

MAGIC = b"\x89PNG\r\n\x1a\n"

_DATA, _END = b"IDAT", b"IEND"

# ImageMagick keeps EXIF and XMP so, as hexadecimal digits behind three lines.
_PROFILES_OF_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
_PROFILE_OF_XMP = b"Raw profile type xmp"
_LINES_BEFORE_PROFILE = 3
_XMP = b"XML:com.adobe.xmp"

# Metadata that unpack to more are refused: they would fill the memory.
_MAX_TEXT = 16 * 2**20


def all_but_data(content: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(kind, data) of the chunks, those of the pixels left out, in turn.

    Raises ImageError where the hash of one is not that of its data: decoders pass over it, and the
    image would not be turned, for one.
    """
    place = len(MAGIC)
    while place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        kind = content[place + 4 : place + 8]
        if kind == _END:
            return
        if kind != _DATA:
            hashed = zlib.crc32(memoryview(content)[place + 4 : end]).to_bytes(4, "big")
            if content[end : end + 4] != hashed:
                raise ImageError(
                    f"{path}: the PNG file is damaged (its chunk {ascii(kind)[1:]} is)"
                )
            yield kind, content[place + 8 : end]
        place = end + 4


def orientations(chunks: Sequence[tuple[bytes, bytes]], path: Path) -> set[int]:
    """The tags in EXIF and XMP, wherever they stand; raises ImageError where a text is too long."""
    found = set()
    for kind, data in chunks:
        if kind == b"eXIf":
            found |= orientation.of_exif(data)
        elif kind in _TEXTS:
            keyword, _, rest = data.partition(b"\0")
            if keyword in (*_PROFILES_OF_EXIF, _PROFILE_OF_XMP, _XMP):
                found |= _of_text(keyword, _TEXTS[kind](rest, path))
    return found


def _of_text(keyword: bytes, text: bytes) -> set[int]:
    if keyword == _XMP:
        return orientation.of_xmp(text)
    digits = b"".join(text.split(b"\n")[_LINES_BEFORE_PROFILE:])
    try:
        profile = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return set()  # damaged, of which viewers take no notice either
    # APP1 of a JPEG holds either.
    of_exif = keyword in _PROFILES_OF_EXIF
    return orientation.of_exif(profile) if of_exif else orientation.of_xmp(profile)


def _plain(rest: bytes, path: Path) -> bytes:
    return rest


def _packed(rest: bytes, path: Path) -> bytes:
    return _unpacked(rest[1:], path)


def _international(rest: bytes, path: Path) -> bytes:
    # Two bytes say whether it is packed, and how; then come two names, each with a zero behind.
    *_, text = rest[2:].split(b"\0", 2)
    return _unpacked(text, path) if rest[:1] == b"\1" else text


def _unpacked(data: bytes, path: Path) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(data, _MAX_TEXT)
    except zlib.error:
        return b""
    if unpacking.unconsumed_tail:
        raise ImageError(
            f"{path}: EXIF and XMP of a PNG file must have at most {_MAX_TEXT:,} bytes. "
            "Received: more"
        )
    return text


_TEXTS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}
