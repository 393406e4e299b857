"""Bundles by what a user has of them: the name of one that comes with rbc_tf, a file, or a folder.

    rbc_tf/pretrained/NAME.rbc    packed bundles, installed with rbc_tf
    rbc_tf/pretrained/NOTICE      what they were learnt from, and under which terms

Packed ones are unpacked once, into the user's cache folder, under the hash of their file.
"""

import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import tempfile
import time

from absl import logging

from rbc_tf.core import files, structured
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.bundle import Bundle, BundleError
from rbc_tf.inference.packed import archive
from rbc_tf.manifest import manifest as manifests
from rbc_tf.manifest.manifest import Manifest

# Stained smears, which most laboratories have.
DEFAULT = "chula12"

_FOLDER = pathlib.Path(__file__).parents[1] / "pretrained"
_IN_CACHE = "bundles"
# Of unpacked bundles those are dropped that are not among the last used, and not of the last week:
# who uses one may still be reading it.
_KEPT, _UNUSED_SECONDS = 3, 7 * 24 * 3600

# Saturation of cells, as `appearance` measures it.
_MOST_COLOUR_OF_GREY = 0.02


def names() -> tuple[str, ...]:
    """The bundles that came with this installation; whose file is deleted, is not there."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{archive.SUFFIX}")))


def path_of(name: str) -> pathlib.Path:
    """The file of a bundle that came with rbc_tf."""
    return _FOLDER / f"{name}{archive.SUFFIX}"


def card(name: str) -> str:
    """The model card, Markdown, of a bundle that came with rbc_tf."""
    return archive.read(path_of(name), bundles.MODEL_CARD).decode("utf-8")


def summary(name: str) -> str:
    """In one line, its types and what its card says of the smears that it learnt from."""
    manifest = _manifest(name)
    about = manifest.provenance.data.description if manifest.provenance.data else ""
    types = f"{len(manifest.cell_types)} types: {', '.join(manifest.cell_types.names)}"
    return f"{types}. {about}" if about else types


def for_grey_images(manifest: Manifest, num_grey: int, total: int) -> str | None:
    """A line that names the bundles that learnt from grey images, where one of others was taken.

    Args:
        manifest: of the bundle that was taken.
        num_grey: how many images of the run are grey.
        total: number of images.

    Returns:
        The line; None where most images have colours, the bundle learnt from grey ones itself or
        does not record it, or none that did came with rbc_tf.
    """
    if 2 * num_grey <= total or _is_of_grey(manifest) is not False:
        return None
    better = [name for name in names() if _learnt_from_grey(name)]
    if not better:
        return None
    return (
        f"{num_grey} of {total} images are grey, and the bundle learnt from images with colours. "
        f"From grey ones, bright field without stain, learnt: {', '.join(better)} "
        f"(--bundle={better[0]})"
    )


def _learnt_from_grey(name: str) -> bool:
    try:
        return bool(_is_of_grey(_manifest(name)))
    except (OSError, ValueError) as error:  # a hint is not worth the end of a run
        logging.warning("%s: cannot be read (%s)", path_of(name), error)
        return False


def _is_of_grey(manifest: Manifest) -> bool | None:
    """Whether it learnt from grey images; None where it does not record it."""
    seen = manifest.appearance.get("colour")
    return None if seen is None else seen[1] <= _MOST_COLOUR_OF_GREY


def _manifest(name: str) -> Manifest:
    content = structured.parse_json(archive.read(path_of(name), bundles.MANIFEST), name)
    return manifests.from_json(content)


def find(given: str | os.PathLike) -> Bundle:
    """Opens a bundle.

    Args:
        given: the name of one of `names`, the file of a packed one, or the folder of one.

    Raises:
        BundleError: there is none, or it is damaged; a name that is also that of a folder with a
            bundle, as which of both is meant cannot be known.
    """
    path = pathlib.Path(given)
    is_name = isinstance(given, str) and given in names()
    if is_name and (path / bundles.MANIFEST).is_file():
        raise BundleError(
            f"'{given}' is both a bundle that comes with rbc_tf and a folder here. Write "
            f"{os.path.join('.', given)} for the folder, or {path_of(given)} for the other"
        )
    if is_name:
        return _unpacked(path_of(given))
    if path.is_file():
        return _unpacked(path)
    if path.is_dir():
        return bundles.load_bundle(path)
    known = ", ".join(names()) or "none in this installation"
    raise BundleError(
        f"A bundle must be a folder, a packed file, or a name ({known}). Received: {given}"
    )


def _unpacked(path: pathlib.Path) -> Bundle:
    """From the cache, or unpacked into it; into a folder for this process where there is none."""
    sha256 = files.sha256_of_file(path)
    cache = files.cache_dir()
    if cache is not None:
        folder = cache / _IN_CACHE / sha256
        with contextlib.suppress(BundleError):  # not there, or damaged: made anew
            found = bundles.load_bundle(folder, source=str(path))
            _note_use(folder)
            return found
        try:
            found = archive.unpack(path, folder)
            _note_use(folder)
            return found
        except OSError as error:
            logging.warning("%s is unpacked anew at each start: %s", path, error)
    return archive.unpack(path, _of_this_process(sha256))


def _note_use(folder: pathlib.Path) -> None:
    """Keeps a bundle in the cache, and drops others that were not used for long."""
    with contextlib.suppress(OSError):  # a cache that cannot be tidied serves all the same
        os.utime(folder)
        kept = [old for old in folder.parent.iterdir() if len(old.name) == len(folder.name)]
        kept.sort(key=lambda old: old.stat().st_mtime, reverse=True)
        for old in kept[_KEPT:]:
            if time.time() - old.stat().st_mtime > _UNUSED_SECONDS:
                shutil.rmtree(old, ignore_errors=True)


@functools.cache
def _of_this_process(sha256: str) -> pathlib.Path:
    """A folder that is deleted when the process ends."""
    above = tempfile.mkdtemp(prefix="rbc_tf_bundle_")
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    return pathlib.Path(above) / sha256
