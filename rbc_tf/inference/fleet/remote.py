"""Files that may lie in object stores: what Beam's file systems know (gs://, s3://, hdfs://).

Paths without a scheme are this machine's, or of a volume that every worker has mounted under the
same path; they go through the same code as in the plain tool.
"""

import contextlib
import dataclasses
import pathlib
import posixpath
import uuid
from collections.abc import Collection, Iterator
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from rbc_tf.core import files, image_io, walk
from rbc_tf.inference import analyze, pretrained
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.bundle import Bundle, load_bundle
from rbc_tf.inference.results_folder import ResultsFolder

# Beam would unpack by the end of a name.
_AS_IT_IS = CompressionTypes.UNCOMPRESSED

_CHUNK = 2**20

# Of an image or its results.
_MOST_BYTES = 2**31


class RemoteFolder(ResultsFolder):
    """A folder of results in an object store."""

    def __init__(self, url: str):
        self._url = url.rstrip("/")

    def __str__(self) -> str:
        return self._url

    def place(self, name: str) -> str:
        return f"{self._url}/{name}"

    def read(self, name: str) -> bytes | None:
        return _read(self.place(name)) if self.exists(name) else None

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[pathlib.Path]:
        with files.scratch_folder() as folder:
            local = folder / "content"
            local.touch()
            yield local
            self._upload(local, self.place(name))

    def exists(self, name: str) -> bool:
        return FileSystems.exists(self.place(name))

    def has(self, name: str) -> bool:
        return self.exists(name)  # whole: stores lose no half of an object

    def delete(self, name: str) -> None:
        if self.exists(name):
            FileSystems.delete([self.place(name)])

    def names(self, prefix: str) -> list[str]:
        pattern = f"{prefix}**" if prefix.endswith("/") else f"{prefix}*"
        found = FileSystems.match([self.place(pattern)])[0].metadata_list
        found = sorted(found, key=lambda file: file.last_updated_in_seconds)
        names = [file.path[len(self._url) + 1 :] for file in found]
        return [name for name in names if not _is_hidden(name)]

    def sweep(self) -> None:
        """Does nothing: what a killed upload leaves is hidden, and object stores expire it."""

    def _upload(self, local: pathlib.Path, place: str) -> None:
        # Not every file system shows a file only when it is whole.
        parent, name = posixpath.split(place)
        temporary = f"{parent}/.{uuid.uuid4().hex}-{name}"
        with FileSystems.create(temporary, compression_type=_AS_IT_IS) as file:
            file.write(local.read_bytes())
        if FileSystems.exists(place):  # nor does every one rename onto another file
            FileSystems.delete([place])
        FileSystems.rename([temporary], [place])


def is_remote(path: str) -> bool:
    return FileSystems.get_scheme(path) is not None


def results_folder(path: str) -> ResultsFolder:
    """The folder of results at a path or URL."""
    return RemoteFolder(path) if is_remote(path) else ResultsFolder(path)


def read_bytes(path: str) -> bytes:
    """The content of an image's file; raises ImageError where it cannot be read."""
    if not is_remote(path):
        return image_io.read_bytes(path)
    try:
        return _read(path)
    except OSError as error:
        raise image_io.ImageError(f"{path}: cannot be read ({error})") from error


@contextlib.contextmanager
def open_image(path: str) -> Iterator[BinaryIO]:
    """An image's file to read from; raises ImageError where it cannot be read."""
    if not is_remote(path):
        with image_io.open_image(path) as file:
            yield file
        return
    try:
        with FileSystems.open(path, compression_type=_AS_IT_IS) as file:
            yield file
    except OSError as error:
        raise image_io.ImageError(f"{path}: cannot be read ({error})") from error


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of an input: {name: path}, {name: reason} of what cannot be taken, and warnings
    of what was passed over.
    """

    paths: dict[str, str]
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def find_images(input_path: str, output_dir: str) -> Images:
    """As `analyze.find_images`, of a folder or an image at a path or URL.

    Raises:
        ValueError: there is no image, or the results would lie among the images.
    """
    if not is_remote(input_path):
        found = analyze.find_images(pathlib.Path(input_path), pathlib.Path(output_dir))
        paths = {name: str(path) for name, path in found.paths.items()}
        return Images(paths, found.unreadable, found.warnings())
    root = input_path.rstrip("/")
    if _is_image(root) and FileSystems.exists(root):
        return Images({posixpath.basename(root): root})
    if root == output_dir.rstrip("/"):
        raise ValueError(f"{output_dir}: results must lie in a folder apart from the images")
    output = f"{output_dir.rstrip('/')}/"
    listed = FileSystems.match([f"{root}/**"])[0].metadata_list
    paths = sorted(file.path for file in listed if not file.path.startswith(output))
    earlier = [posixpath.dirname(p) for p in paths if posixpath.basename(p) == walk.RESULTS_RECORD]
    pictures = tuple(f"{folder}/{walk.OVERLAYS}/" for folder in earlier)
    paths = [path for path in paths if not path.startswith(pictures)]
    images = {path[len(root) + 1 :]: path for path in paths if _is_image(path)}
    masks = walk.masks_among(images)
    images = {name: path for name, path in images.items() if name not in masks}
    kinds = image_io.OTHER_EXTENSIONS
    others = [path[len(root) + 1 :] for path in paths if _is_image(path, kinds)]
    if not images:
        extensions = ", ".join(image_io.EXTENSIONS)
        raise ValueError(f"{input_path}: holds no image ({extensions})")
    return Images(images, warnings=walk.not_read_warning(others))


@contextlib.contextmanager
def open_bundle(path: str) -> Iterator[Bundle]:
    """A checked bundle; one at a URL is copied to this machine for the time of the block.

    Raises BundleError, as `load_bundle`.
    """
    if not is_remote(path):
        yield pretrained.find(path)
        return
    with files.scratch_folder() as folder:
        yield _download_bundle(path.rstrip("/"), folder)


def _download_bundle(url: str, folder: pathlib.Path) -> Bundle:
    place = f"{url}/{bundles.MANIFEST}"
    if not FileSystems.exists(place):
        raise bundles.BundleError(f"{url}: is no bundle (it has no {bundles.MANIFEST})")
    _download(place, folder / bundles.MANIFEST, bundles.MOST_MANIFEST_BYTES)
    # Before anything is written under a name that it gives.
    content = bundles.parse_manifest((folder / bundles.MANIFEST).read_bytes(), place)
    left = bundles.MOST_BYTES
    for name in content["files"]:
        if name != bundles.MANIFEST:
            left -= _download(f"{url}/{name}", folder / name, left)
    return load_bundle(folder, source=url)


def _download(place: str, local: pathlib.Path, most_bytes: int) -> int:
    """Copies a file to this machine; its size. Raises BundleError where that is too large."""
    local.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with FileSystems.open(place, compression_type=_AS_IT_IS) as source, local.open("wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most_bytes:
                raise bundles.BundleError(f"{place}: larger than anything in a bundle may be")
            file.write(chunk)
    return size


def _read(place: str) -> bytes:
    with FileSystems.open(place, compression_type=_AS_IT_IS) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(f"{place} holds more than {_MOST_BYTES:,} bytes")
    return content


def _is_image(path: str, extensions: Collection[str] = image_io.EXTENSIONS) -> bool:
    return posixpath.splitext(path)[1].lower() in extensions and not _is_hidden(path)


def _is_hidden(path: str) -> bool:
    return posixpath.basename(path).startswith(".")
