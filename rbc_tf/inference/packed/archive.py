"""The one file of a packed bundle.

    index.json           format, version, and of each file of the bundle its segments
    files/NAME           the files of the bundle, 0 where their segments are
    codes/N, scales/N    a segment's weights: int8, and float32 for each output

A segment is where in a file an array of weights lies. Unpacking multiplies codes by scales and
fills the segments: what comes out is, byte by byte, the bundle that was packed, as the hashes in
its manifest prove. A packed bundle may be a stranger's, as any bundle: see docs/reliability.md.
"""

import contextlib
import json
import math
import pathlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from rbc_tf.core import files, structured
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.bundle import Bundle, BundleError
from rbc_tf.inference.packed.quantisation import Quantised

SUFFIX = ".rbc"
FORMAT, FORMAT_VERSION = "rbc_tf packed bundle", 1
_INDEX = "index.json"
_MOST_INDEX_BYTES = 2**20

# Codes give four bytes each, and hardly shrink themselves.
_MOST_TIMES, _ALWAYS_BYTES = 12, 64 * 2**20

_UNREADABLE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError),
    *(KeyError, TypeError, AttributeError, EOFError, OverflowError, zlib.error),
)


def write(
    twin: Bundle, arrays: Mapping[str, Sequence[Quantised]], path: str | pathlib.Path
) -> None:
    """Writes a packed bundle.

    Args:
        twin: a bundle with quantised weights; see `twin.write`.
        arrays: of its files, each of which holds what the arrays give back.
        path: of the file to write; an earlier one is replaced.
    """
    index: dict[str, list[dict]] = {}
    number = 0
    with (
        files.atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name in (bundles.MANIFEST, *sorted(twin.files)):
            content = bytearray((twin.path / name).read_bytes())
            index[name] = []
            for array, start in _segments(content, arrays.get(name, ())):
                archive.writestr(_member(f"codes/{number}"), array.codes.tobytes())
                archive.writestr(_member(f"scales/{number}"), array.scales.tobytes())
                shapes = {"shape": array.codes.shape, "scales_shape": array.scales.shape}
                index[name].append({"number": number, "start": start, **shapes})
                number += 1
            archive.writestr(_member(f"files/{name}"), bytes(content))
        about = {"format": FORMAT, "format_version": FORMAT_VERSION, "files": index}
        archive.writestr(_member(_INDEX), json.dumps(about, indent=1))


def _member(name: str) -> zipfile.ZipInfo:
    """Without the time, so that the same bundle makes the same file."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _segments(content: bytearray, arrays: Sequence[Quantised]) -> list[tuple[Quantised, int]]:
    """Finds the arrays in a file, and zeroes them there."""
    found = []
    for array in arrays:
        stored = array.restored().tobytes()
        start = content.find(stored)
        if start < 0:
            raise BundleError(f"weights of shape {array.codes.shape} are not stored as one piece")
        content[start : start + len(stored)] = bytes(len(stored))
        found.append((array, start))
    return found


def read(path: str | pathlib.Path, name: str) -> bytes:
    """One file of a packed bundle that has no weights, such as its card.

    Raises BundleError where it is none, or damaged.
    """
    with _opened(path) as archive:
        return _file(archive, name, _index(archive)[name])


def unpack(path: str | pathlib.Path, output_dir: str | pathlib.Path) -> Bundle:
    """Writes the bundle that was packed into a folder and checks it by its hashes.

    Raises BundleError where the file is no packed bundle, or damaged.
    """
    with files.atomic_folder(output_dir, marker=bundles.MANIFEST) as folder:
        with _opened(path) as archive:
            for name, segments in _index(archive).items():
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(_file(archive, name, segments))
        try:
            bundles.load_bundle(folder)
        except BundleError as error:
            raise BundleError(f"{path}: the packed bundle is damaged: {error}") from error
    return bundles.load_bundle(output_dir, source=str(path))


class _opened:
    """A packed bundle whose directory has been looked at; errors in the block name the file."""

    def __init__(self, path: str | pathlib.Path):
        self._path = pathlib.Path(path)

    def __enter__(self) -> zipfile.ZipFile:
        try:
            with contextlib.ExitStack() as files_of_it:
                file = files_of_it.enter_context(structured.open_file(self._path))
                archive = files_of_it.enter_context(zipfile.ZipFile(file))
                self._open = files_of_it.pop_all()
        except (*_UNREADABLE, ValueError) as error:
            raise BundleError(f"{self._path}: is no packed bundle ({error})") from error
        unpacked = sum(member.file_size for member in archive.infolist())
        most = max(_ALWAYS_BYTES, _MOST_TIMES * self._path.stat().st_size)
        if unpacked > most:
            self._open.close()
            raise BundleError(
                f"{self._path}: a packed bundle of its size must unpack to at most {most:,} bytes. "
                f"Received: {unpacked:,}"
            )
        return archive

    def __exit__(self, kind, error, trace) -> None:
        self._open.close()
        if isinstance(error, (*_UNREADABLE, ValueError)) and not isinstance(error, BundleError):
            raise BundleError(f"{self._path}: the packed bundle is damaged ({error})") from error


def _index(archive: zipfile.ZipFile) -> dict[str, list[dict]]:
    """{file: its segments}, of files inside of a bundle alone."""
    if archive.getinfo(_INDEX).file_size > _MOST_INDEX_BYTES:
        raise ValueError(f"{_INDEX} must hold at most {_MOST_INDEX_BYTES:,} bytes")
    content = structured.parse_json(archive.read(_INDEX), _INDEX)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"the format '{FORMAT}' is required")
    if content.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"format version {FORMAT_VERSION} is required. "
            f"Received: {structured.shown(content.get('format_version'))}"
        )
    found = content["files"]
    if not isinstance(found, dict) or not all(map(isinstance, found.values(), [list] * len(found))):
        raise ValueError(f"{_INDEX} must list the segments of each file")
    numbers = [int(segment["number"]) for segments in found.values() for segment in segments]
    if len(set(numbers)) < len(numbers):
        # Of a few numbers, taken again and again, any amount of work could be made.
        raise ValueError(f"{_INDEX} must give each segment numbers of its own")
    outside = [name for name in found if not bundles.is_inside(name)]
    if outside:
        raise ValueError(f"it names files outside of it, such as {structured.shown(outside[0])}")
    return found


def _file(archive: zipfile.ZipFile, name: str, segments: Sequence[Mapping]) -> bytes:
    content = bytearray(archive.read(f"files/{name}"))
    for segment in segments:
        number, start = int(segment["number"]), int(segment["start"])
        _check_scales(segment)
        array = Quantised(
            _array(archive, f"codes/{number}", np.int8, segment["shape"]),
            _array(archive, f"scales/{number}", np.float32, segment["scales_shape"]),
        )
        stored = array.restored().tobytes()
        if not 0 <= start <= len(content) - len(stored):
            raise ValueError(f"{name}: weights lie outside of the file")
        content[start : start + len(stored)] = stored
    return bytes(content)


def _check_scales(segment: Mapping) -> None:
    """Or codes and scales of a few bytes would multiply to gigabytes."""
    shape, scales_shape = segment["shape"], segment["scales_shape"]
    if len(shape) != len(scales_shape) or any(
        scale not in (1, side) for side, scale in zip(shape, scales_shape, strict=True)
    ):
        raise ValueError(f"scales of {scales_shape} do not belong to weights of {shape}")


def _array(archive: zipfile.ZipFile, member: str, dtype, shape: Sequence[int]) -> np.ndarray:
    content = archive.read(member)
    if math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise ValueError(f"{member} must hold {shape} numbers. Received: {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape)
