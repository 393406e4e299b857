"""Archives that somebody else may have written: .npz of arrays, .keras of networks.

What an archive unpacks to is known from its directory, which is looked at before anything is
unpacked: four megabytes can hold as many gigabytes of zeros.
"""

import contextlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from rbc_tf.core import structured

# Weights hardly shrink, and the rest is small; small archives may shrink as they like.
_MOST_TIMES, _ALWAYS_BYTES = 50, 64 * 2**20
_MOST_MEMBERS = 10_000

# The end of an archive, a comment of 64 kB included, and where in it the number of members stands,
# if it is not too large for its two bytes.
_END, _LONGEST_END, _PLACE_OF_NUMBER, _NOT_HERE = b"PK\5\6", 22 + 2**16, 10, 2**16 - 1

_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError),
    *(ValueError, KeyError, EOFError, MemoryError, OverflowError, zlib.error),
)


def most_unpacked(size: int) -> int:
    """The most bytes that an archive of `size` bytes may unpack to."""
    return max(_ALWAYS_BYTES, _MOST_TIMES * size)


def check(path: str | os.PathLike) -> None:
    """Refuses an archive that unpacks to far more than weights or arrays ever do.

    Raises:
        ValueError: it does, or is no archive; names the file.
        OSError: it cannot be read.
    """
    with opened(path) as archive:
        _check(archive, path)


def read_json(path: str | os.PathLike, member: str):
    """The value of a JSON file in an archive; None where it has none.

    Raises ValueError as `check`, and where the file is no JSON.
    """
    with opened(path) as archive:
        if member not in archive.namelist():
            return None
        if archive.getinfo(member).file_size > structured.MOST_BYTES:
            raise ValueError(f"{member} must hold at most {structured.MOST_BYTES:,} bytes")
        return structured.parse_json(archive.read(member), member)


def read_bytes(path: str | os.PathLike, member: str) -> bytes:
    """A file of an archive that has been checked; raises as `check`, and where it has none."""
    with opened(path) as archive:
        return archive.read(member)


def load_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name; no Python objects.

    Raises:
        ValueError: the file is none, or damaged; names it.
        OSError: it cannot be read.
    """
    with opened(path) as archive:
        _check(archive, path)
        arrays = {}
        for member in archive.infolist():
            _check_array(archive, member)
            with archive.open(member) as file:
                name = member.filename.removesuffix(".npy")
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[zipfile.ZipFile]:
    """An archive, of a regular file alone; errors in the block name it."""
    try:
        with structured.open_file(path) as file, zipfile.ZipFile(file) as archive:
            _check_number(file, len(archive.infolist()))
            yield archive
    except _UNREADABLE as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} cannot be read: {reason}") from error


def _check_number(file: BinaryIO, found: int) -> None:
    """Refuses a directory in which a changed length has swallowed members: it has no checksum."""
    file.seek(0, os.SEEK_END)
    file.seek(-min(file.tell(), _LONGEST_END), os.SEEK_END)
    tail = file.read()
    place = tail.rfind(_END)
    listed = int.from_bytes(tail[place + _PLACE_OF_NUMBER :][:2], "little")
    if listed not in (found, _NOT_HERE):
        raise ValueError(f"its directory must list {listed:,} files. Received: {found:,}")


def _check(archive: zipfile.ZipFile, path: str | os.PathLike) -> None:
    size = pathlib.Path(path).stat().st_size
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    most = most_unpacked(size)
    if not members:
        raise ValueError("an archive must hold something")
    if unpacked > most or len(members) > _MOST_MEMBERS:
        raise ValueError(
            f"an archive of {size:,} bytes must unpack to at most {most:,} bytes in "
            f"{_MOST_MEMBERS:,} files. Received: {unpacked:,} in {len(members):,}"
        )


def _check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """NumPy makes room for what the header of an array says before it looks for its values."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        number = 1
        for side in shape:
            number *= side  # as a whole number of Python's, which has no end
        if not dtype.hasobject and number * dtype.itemsize > member.file_size - file.tell():
            raise ValueError(f"{member.filename} must hold {number:,} values of {dtype}. It is cut")
