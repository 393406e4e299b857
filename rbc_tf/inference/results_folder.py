"""The folder of results: which files are in it, each written whole or not at all.

    OUTPUT_DIR/run.json               the bundle and settings that made everything here
    OUTPUT_DIR/scale.json             the scale that the images have in common, if they have one
    OUTPUT_DIR/images/NAME.json       regions of one image
    OUTPUT_DIR/overlays/NAME.png      the image with its regions drawn
    OUTPUT_DIR/regions.csv            one row per region of all images
    OUTPUT_DIR/images.csv             one row per image: its group, size, counts and warnings
    OUTPUT_DIR/groups.csv             shares of types in each group of images, with intervals
    OUTPUT_DIR/summary.json           counts of the run, and the images that failed with reasons
    OUTPUT_DIR/report.html            all of it in one file to open in a browser
    OUTPUT_DIR/failed.jsonl           of a fleet: the images that failed, with reasons

NAME is the image's path below the input folder, extension included. An image is done when its
JSON is there, which is written last.
"""

import contextlib
import os
import pathlib
import re
from collections.abc import Collection, Iterator

from rbc_tf.core import files, image_io, structured, temporaries, walk

RUN = walk.RESULTS_RECORD
SCALE = "scale.json"
SUMMARY, REGIONS, REPORT = "summary.json", "regions.csv", "report.html"
GROUPS, IMAGE_TABLE = "groups.csv", "images.csv"
# Of a fleet, the images that failed, a line each.
DEAD_LETTERS = "failed.jsonl"
_OF_SHARD = re.compile(r"(regions|images|groups|summary)-\d{5}-of-\d{5}\.(csv|json)")

# The regions of the largest image, by far.
_MOST_BYTES = 2**30

_IMAGES, _OVERLAYS = "images/", f"{walk.OVERLAYS}/"


class DamagedError(ValueError):
    """A file of the folder is not what was written there, as after a crash of the machine."""


class ResultsFolder:
    """A folder of results on this machine or a mounted one.

    Where results lie elsewhere, a subclass says how files are read, written, deleted and listed
    (`fleet.remote`). Names of files are relative to the folder, with forward slashes.
    """

    def __init__(self, path: str | pathlib.Path):
        self._path = pathlib.Path(path)

    def __str__(self) -> str:
        return str(self._path)

    def place(self, name: str) -> str | pathlib.Path:
        """The whole path of a file."""
        return self._path / name

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is no such file.

        Raises ValueError where it is none, as a pipe, or larger than any that is written here.
        """
        try:
            return structured.read_bytes(self._path / name, _MOST_BYTES)
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[pathlib.Path]:
        """Gives a local path to write to; the file appears under its name when the block ends."""
        with files.atomic_path(self._path / name) as temporary:
            yield temporary

    def delete(self, name: str) -> None:
        """Deletes a file, if it is there."""
        (self._path / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """The files whose name begins with a prefix, the oldest first; at any depth after '/'."""
        walk = "**/*" if prefix.endswith("/") else f"{prefix}*"
        folder = self._path / prefix if prefix.endswith("/") else self._path
        paths = [path for path in folder.glob(walk) if path.is_file() and path.name[0] != "."]
        paths.sort(key=lambda path: path.stat().st_mtime_ns)
        return [path.relative_to(self._path).as_posix() for path in paths]

    def write(self, name: str, content: bytes) -> None:
        with self.writing(name) as temporary:
            temporary.write_bytes(content)

    def read_json(self, name: str) -> dict | None:
        """The content of a JSON file; None where there is none.

        Raises DamagedError where it holds no mapping.
        """
        try:
            content = self.read(name)
            if content is None:
                return None
            value = structured.parse_json(content, name)
            if not isinstance(value, dict):
                raise ValueError("it holds no mapping")
        except ValueError as error:
            raise self.damaged(name, error) from error
        return value

    def damaged(self, name: str, error: ValueError) -> DamagedError:
        """The error of a file that is not what was written there."""
        return DamagedError(f"{self.place(name)}: the file is damaged ({error})")

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name, damaged or not."""
        return os.path.lexists(self._path / name)

    def has(self, name: str) -> bool:
        """Whether there is such a file, and it is not empty."""
        try:
            return (self._path / name).stat().st_size > 0
        except OSError:
            return False

    def write_json(self, name: str, value) -> None:
        self.write(name, files.json_bytes(value))

    def done(self) -> set[str]:
        """Names of the images that have a result."""
        results = (name for name in self.names(_IMAGES) if name.endswith(".json"))
        # Somebody's own file is called after no image.
        return set(filter(_is_image, (name[len(_IMAGES) : -len(".json")] for name in results)))

    def keep_only(self, images: Collection[str]) -> int:
        """Deletes results and pictures of all other images; the number of images with results."""
        gone = self.done() - set(images)
        for image in gone:
            self.delete(result_name(image))
        for name in self.names(_OVERLAYS):
            image = name[len(_OVERLAYS) :].removesuffix(".png")
            # Somebody's own picture is called after no image.
            if name == overlay_name(image) and _is_image(image) and image not in images:
                self.delete(name)
        return len(gone)

    def sweep(self) -> None:
        """Removes what killed runs left half-written."""
        temporaries.sweep(self._path)
        for folder in (_IMAGES, _OVERLAYS):
            temporaries.sweep(self._path / folder, below=True)

    def delete_tables(self) -> None:
        """Deletes what speaks of the whole run, while there are other results than it says."""
        for name in (REGIONS, IMAGE_TABLE, GROUPS, SUMMARY, REPORT):
            self.delete(name)

    def clear(self) -> None:
        """Deletes all results; what made them is known until they are gone, should this be killed.

        Somebody's own files stay.
        """
        self.delete_tables()
        for name in filter(_OF_SHARD.fullmatch, self.names("")):
            self.delete(name)
        self.keep_only(())
        for name in (DEAD_LETTERS, SCALE, RUN):
            self.delete(name)


def result_name(image: str) -> str:
    return f"{_IMAGES}{image}.json"


def overlay_name(image: str) -> str:
    return f"{_OVERLAYS}{image}.png"


def _is_image(name: str) -> bool:
    return pathlib.PurePosixPath(name).suffix.lower() in image_io.EXTENSIONS
