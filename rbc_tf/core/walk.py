"""The files of a kind in a folder and its subfolders: each once, and only what is input.

Passed over are hidden files and folders, those that systems make (thumbnails, waste bins), results
of earlier analyses, and the masks of dataset folders: pictures, but no smears.

Links are followed, whatever their depth. What several paths lead to is taken once, by the path
without links where there is one. A link to a folder that holds the folder itself is passed over.
"""

import dataclasses
import os
import pathlib
import re
import stat
from collections.abc import Collection, Iterable, Sequence

from absl import logging

from rbc_tf.core import names

# Folders that network drives, unpackers and desktops put among the files of others.
_OF_SYSTEMS = {"@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found"}

# In a folder of results: what made them, and pictures of what was found.
RESULTS_RECORD, OVERLAYS = "run.json", "overlays"

# In a dataset folder.
IMAGES, MASKS = "images", "masks"
DATASET_TABLES = ("cells.csv", "regions.csv", "images.csv")

# What cellpose writes beside the image NAME.tif: NAME_cp_masks.tif, NAME_cp_outlines.png, ...
_OF_CELLPOSE = re.compile(r"(.+)_cp_(?:masks|outlines|output|flows)")


@dataclasses.dataclass(frozen=True)
class Found:
    """What there is in a folder.

    Attributes:
        paths: {path below the folder, with '/' between its parts: path}, folder by folder, by name.
        unreadable: {printable path below the folder: reason} of what cannot be taken: a name that
            is not UTF-8, a folder that cannot be listed, what is no regular file.
        passed_over: printable paths of folders of results, masks, and links to what is taken.
        not_read: printable paths of files of the `others` that were asked for.
    """

    paths: dict[str, pathlib.Path]
    unreadable: dict[str, str]
    passed_over: tuple[str, ...]
    not_read: tuple[str, ...] = ()

    def log(self) -> None:
        """Says what cannot be taken, and what was passed over."""
        for reason in self.unreadable.values():
            logging.warning("%s", reason)
        if self.passed_over:
            logging.warning(
                "Passed over as earlier results, masks or second links to the same: %s",
                names.listed(self.passed_over),
            )
        for warning in self.warnings():
            logging.warning("%s", warning)

    def warnings(self) -> tuple[str, ...]:
        """A line where there are files of the `others`, which nobody would miss in the results."""
        return not_read_warning(self.not_read)

    def without_masks(self) -> "Found":
        """Of pictures, those that are no masks of others (`masks_among`); these are passed over."""
        masks = masks_among(self.paths)
        left = {name: path for name, path in self.paths.items() if name not in masks}
        passed_over = (*self.passed_over, *sorted(map(names.printable, set(masks.values()))))
        return dataclasses.replace(self, paths=left, passed_over=passed_over)


def find(
    folder: str | pathlib.Path,
    extensions: Collection[str],
    leave_out: Iterable[str | pathlib.Path] = (),
    others: Collection[str] = (),
) -> Found:
    """The files below a folder that have one of the extensions, in lower or upper case.

    Args:
        folder: an existing folder, which is walked whatever it is itself.
        extensions: with their dots, in lower case.
        leave_out: folders, wherever they are.
        others: extensions of files that are like those, and cannot be read.
    """
    return _Walk(pathlib.Path(folder), extensions, leave_out, others).run()


def masks_among(found: Collection[str]) -> dict[str, str]:
    """{mask: it, or the folder of masks that it is in} of the pictures with these paths.

    Masks are the pictures of a folder `masks` beside a folder `images` where one of them is called
    after an image there, and what cellpose leaves beside an image or in such a folder.
    """
    stems = {name.rpartition(".")[0] for name in found}
    masks: dict[str, str] = {}
    folders: set[str] = set()
    for name in found:
        *above, file = name.split("/")
        match = _OF_CELLPOSE.fullmatch(file.rpartition(".")[0])
        called_after = {file.rpartition(".")[0], *(match.groups() if match else ())}
        if match and "/".join([*above, match[1]]) in stems:
            masks[name] = name
        for place, folder in enumerate(above):
            beside = [*above[:place], IMAGES, *above[place + 1 :]]
            if folder == MASKS and any("/".join([*beside, n]) in stems for n in called_after):
                folders.add("/".join(above[: place + 1]))
    for name in found:
        parts = name.split("/")
        around = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        inside = next((folder for folder in around if folder in folders), None)
        if inside is not None:
            masks[name] = inside
    return masks


def not_read_warning(not_read: Sequence[str]) -> tuple[str, ...]:
    """A line of files that hold images, and are of kinds that are not read; () of none."""
    if not not_read:
        return ()
    count = len(not_read)
    return (
        f"{names.number(count, 'file')} of kinds of images that are not read "
        f"{names.was_or_were(count)} passed over ({names.listed(not_read)}): save as PNG or TIFF "
        "what is wanted",
    )


class _Walk:
    def __init__(
        self,
        root: pathlib.Path,
        extensions: Collection[str],
        leave_out: Iterable,
        others: Collection[str],
    ):
        self._root = root
        self._extensions = tuple(extensions)
        self._others = tuple(others)
        self._ancestors = {os.path.realpath(p) for p in (root, *root.absolute().parents)}
        self._seen = {os.path.realpath(path) for path in leave_out}
        self._seen.discard(os.path.realpath(root))
        self._links: list[pathlib.Path] = []
        self._paths: list[pathlib.Path] = []
        self._unreadable: dict[str, str] = {}
        self._passed_over: list[str] = []
        self._not_read: list[str] = []

    def run(self) -> Found:
        self._take_folder(self._root)
        # After all that is there without links; what they lead to may hold links itself.
        while self._links:
            links, self._links = sorted(self._links), []
            for link in links:
                self._take_link(link)
        self._paths.sort(key=lambda path: (path.parent, path))
        paths = {path.relative_to(self._root).as_posix(): path for path in self._paths}
        not_read = tuple(sorted(self._not_read))
        return Found(paths, self._unreadable, tuple(self._passed_over), not_read)

    def _take_folder(self, folder: pathlib.Path) -> None:
        real = os.path.realpath(folder)
        if real in self._seen:
            self._pass_over(folder, folder.is_symlink())
            return
        self._seen.add(real)
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._fail(folder, f"the folder cannot be listed ({error.strerror})")
            return
        present = {entry.name for entry in inside}
        for entry in inside:
            path = folder / entry.name
            if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
                continue
            if entry.is_symlink():
                self._links.append(path)
            elif entry.is_dir():
                self._take_subfolder(path, present)
            else:
                self._take_file(path)

    def _take_subfolder(self, path: pathlib.Path, siblings: Collection[str]) -> None:
        is_overlays = path.name == OVERLAYS and RESULTS_RECORD in siblings
        is_masks = path.name == MASKS and IMAGES in siblings and set(DATASET_TABLES) & set(siblings)
        if is_overlays or is_masks or is_results(path):
            self._pass_over(path)
        else:
            self._take_folder(path)

    def _take_link(self, link: pathlib.Path) -> None:
        if link.is_dir():
            if os.path.realpath(link) in self._ancestors or is_results(link):
                self._pass_over(link)
            else:
                self._take_folder(link)
        else:
            self._take_file(link)

    def _take_file(self, path: pathlib.Path) -> None:
        if path.suffix.lower() in self._others:
            self._not_read.append(names.printable(path.relative_to(self._root)))
        elif path.suffix.lower() in self._extensions:
            self._take_wanted(path)

    def _take_wanted(self, path: pathlib.Path) -> None:
        name = path.relative_to(self._root).as_posix()
        real = os.path.realpath(path)
        if not names.is_utf8(name):
            self._fail(path, "the name of the file, or of its folder, must be UTF-8; rename it")
        elif not _is_regular(path):
            self._fail(path, "a file is required; this is a device, a pipe or the like")
        elif real in self._seen:
            self._pass_over(path)
        else:
            self._seen.add(real)
            self._paths.append(path)

    def _fail(self, path: pathlib.Path, reason: str) -> None:
        name = path.relative_to(self._root).as_posix()
        self._unreadable[names.printable(name)] = f"{names.printable(path)}: {reason}"

    def _pass_over(self, path: pathlib.Path, worth_a_word: bool = True) -> None:
        if worth_a_word:
            self._passed_over.append(names.printable(path.relative_to(self._root)))


def is_results(folder: pathlib.Path) -> bool:
    """Whether it is a folder of results of an analysis."""
    return (folder / RESULTS_RECORD).is_file() and (folder / OVERLAYS).is_dir()


def _is_regular(path: pathlib.Path) -> bool:
    """Whether it is a file, or a link to what is not there, which reading it will say."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
