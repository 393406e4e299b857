"""Files that record what made them: atomic writing, hashes, versions; the cache folder."""

import contextlib
import functools
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata

from absl import logging

import rbc_tf
from rbc_tf.core import csv_text, structured, temporaries

# What can change a number on the way from pixels to a probability.
_VERSIONED_PACKAGES = (
    "tensorflow",
    "keras",
    "tf-models-official",
    "scikit-learn",
    "numpy",
    "opencv-python-headless",
)

# Names the folder of downloaded weights and of networks frozen for half precision.
CACHE_VARIABLE = "RBC_TF_CACHE_DIR"
_OLD_CACHE_VARIABLE = "RBC_CACHE_DIR"  # of version 0.1.0, for weights alone


@contextlib.contextmanager
def atomic_path(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path` and moves it there when the block succeeds.

    A reader sees the old file or the new one, never half of one, after a power cut too; a failure
    leaves nothing.

    Raises:
        OSError: names the file where the system does not, as when the disk is full.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporaries.new_file(path)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporaries.flush(temporary)
        os.replace(temporary, path)
        temporaries.flush(path.parent)
    except OSError as error:
        _name(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | pathlib.Path, marker: str) -> Iterator[pathlib.Path]:
    """As `atomic_path`, for a folder; an earlier folder of its kind is replaced at the end.

    Args:
        path: the folder to write.
        marker: name of a file that every folder of this kind holds; a folder without it is
            somebody's and not replaced.

    Raises:
        ValueError: `path` holds something else.
        OSError: names the folder where the system does not.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # First, as it may put back what a killed run was replacing.
    temporaries.sweep(path.parent)
    check_replaceable(path, marker)
    temporary = temporaries.new_folder(path)
    try:
        yield temporary
        temporary.chmod(0o755)
        temporaries.replace_folder(temporary, path)
    except OSError as error:
        _name(error, path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder() -> Iterator[pathlib.Path]:
    """A folder for the time of the block, where the system keeps temporary files.

    What a killed run left of its own is removed by the next one.
    """
    folder = temporaries.new_folder(pathlib.Path(tempfile.gettempdir()) / "scratch")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _name(error: OSError, path: pathlib.Path) -> None:
    """Has an error of the system say which file it is about, where it does not."""
    if error.errno is not None and error.filename is None:
        error.filename = str(path)


def check_replaceable(path: str | pathlib.Path, marker: str) -> None:
    """Raises ValueError where `path` is neither new, nor empty, nor a folder with `marker`."""
    path = pathlib.Path(path)
    if path.exists() and not (path / marker).is_file() and any(path.iterdir()):
        raise ValueError(
            f"{path}: a new or empty folder, or one with {marker}, which is replaced, is required. "
            "It holds other files; choose another folder"
        )


def write_json(path: str | pathlib.Path, value) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(json_bytes(value))


def json_bytes(value) -> bytes:
    """The content of a JSON file, the same wherever it is written.

    Raises ValueError where a number is nan or infinite: JSON knows neither.
    """
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def write_csv(path: str | pathlib.Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Writes a table for machines and spreadsheets; see `csv_text`."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        file.writelines(csv_text.lines(header, rows))


def cache_dir() -> pathlib.Path | None:
    """Where to keep what can be had again: $RBC_TF_CACHE_DIR, or rbc_tf in the user's cache folder.

    None where nothing is to be kept: the variable is set to '', or the user has no home.
    """
    folder = os.environ.get(CACHE_VARIABLE)
    if folder is None and os.environ.get(_OLD_CACHE_VARIABLE):
        folder = os.environ[_OLD_CACHE_VARIABLE]
        _warn_of_old_variable()
    if folder is None:
        try:
            return user_cache_dir()
        except OSError:
            return None
    return pathlib.Path(folder) if folder else None


def user_cache_dir() -> pathlib.Path:
    """rbc_tf in the user's cache folder; raises OSError where the user has no home."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return pathlib.Path(home).expanduser() / "rbc_tf"
    except RuntimeError as error:
        raise OSError(f"a cache folder is required: set {CACHE_VARIABLE} ({error})") from error


@functools.cache  # so that it is logged once
def _warn_of_old_variable() -> None:
    logging.warning("%s is now called %s.", _OLD_CACHE_VARIABLE, CACHE_VARIABLE)


def sha256_of_bytes(*parts: bytes | memoryview) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_of_file(path: str | pathlib.Path) -> str:
    """Raises ValueError where `path` is a folder, a pipe or a device."""
    with structured.open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def unchanged(path: str | pathlib.Path) -> Iterator[str]:
    """For the time of reading a file: gives its hash.

    Raises ValueError at the end where the file is another by then.
    """
    before = sha256_of_file(path)
    yield before
    if sha256_of_file(path) != before:
        raise ValueError(f"{path}: has been changed while it was read. Run again")


def sha256_of_json(value) -> str:
    """Hash of a JSON value, independent of the order of its keys."""
    return sha256_of_bytes(json.dumps(value, sort_keys=True).encode())


def versions() -> dict[str, str]:
    """Versions of this package and of those that its numbers depend on."""
    found = {"rbc_tf": rbc_tf.__version__}
    for package in _VERSIONED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
