"""The segments of a JPEG, and whether its scans send the whole image.

A progressive one sends the image several times, each time with more of it. Where the last of these
scans are gone, every decoder takes what has come, which is blurred, and warns of nothing.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

# Cameras and encoders make a dozen. A file of 100 kB may have ten thousand, of minutes each.
MAX_SCANS = 100

STARTS_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_START_OF_SCAN, _END = 0xDA, 0xD9

# In coded data, what follows FF is 0, a marker that stands alone, or that of a segment.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd7])", re.DOTALL)

# The coefficients of a block, the first of which is its mean; of each, bits may come later.
_COEFFICIENTS = 64
_NOTHING_SENT = 16


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of the segments, in turn, up to the end of the image."""
    place = 2
    while found := _MARKER.search(content, place):
        place, marker = found.end(), found[1][0]
        if marker == _END:
            return
        # Segments say their length; a picture within one is none of this image.
        end = place + int.from_bytes(content[place : place + 2], "big")
        yield marker, content[place + 2 : end]
        place = end


def count(found: Sequence[tuple[int, bytes]]) -> int:
    """How often the image with these segments is gone through before it ends."""
    return sum(marker == _START_OF_SCAN for marker, _ in found)


def check_whole(found: Sequence[tuple[int, bytes]]) -> None:
    """Raises ValueError where the scans do not send every bit of each coefficient."""
    unsent: dict[int, np.ndarray] = {}
    is_progressive = False
    for marker, segment in found:
        if marker in STARTS_OF_FRAME:
            is_progressive = marker in _PROGRESSIVE
            unsent = {
                component: np.full(_COEFFICIENTS, _NOTHING_SENT) for component in segment[6::3]
            }
        elif marker == _START_OF_SCAN:
            _send(unsent, segment, is_progressive)
    missing = sum(np.count_nonzero(bits) for bits in unsent.values())
    if missing:
        raise ValueError(
            "all scans of a JPEG must be there. Received: some, which leave out "
            f"{missing / (_COEFFICIENTS * len(unsent)):.0%} of its coefficients, or bits of them"
        )


def _send(unsent: dict[int, np.ndarray], header: bytes, is_progressive: bool) -> None:
    """Writes how many bits of each coefficient of a component are still to come after a scan."""
    end = 1 + 2 * int.from_bytes(header[:1], "big")
    if len(header) < end + 3:
        raise ValueError("the header of a scan is damaged")
    first, last, bits = header[end : end + 3]
    for component in header[1:end:2]:
        if component in unsent and is_progressive:
            unsent[component][first : last + 1] = bits & 0x0F
        elif component in unsent:
            unsent[component][:] = 0
