"""Which image file an annotation speaks of, however its path or name was written."""

import collections
import pathlib

from rbc_tf.core import image_io, names, walk


class ImageFinder:
    """The images of a folder and its subfolders, by every name that may stand for them."""

    def __init__(self, images_dir: str | pathlib.Path):
        """Raises ValueError where the folder is missing or holds no image."""
        self._folder = pathlib.Path(images_dir)
        if not self._folder.is_dir():
            raise ValueError(f"{self._folder}: there is no such folder of images")
        there = walk.find(
            self._folder, image_io.EXTENSIONS, others=image_io.OTHER_EXTENSIONS
        ).without_masks()
        there.log()
        self.images = tuple(there.paths.values())
        if not self.images:
            extensions = ", ".join(image_io.EXTENSIONS)
            raise ValueError(f"{self._folder}: holds no image ({extensions})")
        self._by_key: list[dict] = [collections.defaultdict(list) for _ in range(4)]
        for path in self.images:
            keys = _keys(self.relative(path), path.suffix)
            for found, key in zip(self._by_key, keys, strict=True):
                found[key].append(path)

    def relative(self, path: pathlib.Path) -> str:
        """The path of an image below the folder, '/' between its parts."""
        return path.relative_to(self._folder).as_posix()

    def find(self, name: str) -> pathlib.Path:
        """The image of a name: its path below the folder, else its file name, whole or without
        extension; how letters with marks are coded and '\\' for '/' make no difference.

        Raises:
            ValueError: there is no such image, or several.
        """
        for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
            bare = pathlib.PurePosixPath(spelling).name
            for found, key in zip(self._by_key, (spelling, spelling, bare, bare), strict=True):
                paths = found.get(_normal(key), [])
                if len(paths) > 1:
                    several = ", ".join(self.relative(path) for path in paths)
                    raise ValueError(f"image '{name}' may be any of {several}; name its folder")
                if paths:
                    return paths[0]
        raise ValueError(f"there is no image '{name}' in {self._folder}")


def _keys(relative: str, suffix: str) -> tuple[str, ...]:
    """Path, path without extension, file name, file name without extension."""
    relative = _normal(relative)
    name = relative.rpartition("/")[2]
    return relative, relative[: -len(suffix)], name, name[: -len(suffix)]


def _normal(name: str) -> str:
    return names.composed(name.removeprefix("./"))
