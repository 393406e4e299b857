"""Shares of types and of abnormal regions in a run and in each of its groups of images.

A group is a folder of images, or what a pattern takes from their names. With the images of one
patient in one group, its row is that patient's.
"""

import collections
import dataclasses
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.metrics.image_shares import ImageShares

ABNORMAL = "abnormal"
TOP = "."

_FIGURES = ("share", "low", "high")

FOLDER = "folder"


@dataclasses.dataclass(frozen=True)
class Grouping:
    """Which images belong together.

    Attributes:
        pattern: 'folder': those of one folder; or a regular expression that is searched in the
            path of an image below the input folder, and whose first parenthesis is the name of its
            group: 'P01' of 'day1/P01_3.png' by '(P[0-9]+)_'.

    Raises:
        ValueError: it is no regular expression, or one without a parenthesis.
    """

    pattern: str = FOLDER

    def __post_init__(self):
        if self.pattern == FOLDER:
            return
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ValueError(f"--group: {self.pattern!r} is no pattern ({error})") from error
        if not groups:
            raise ValueError(
                f"--group must be '{FOLDER}' or a pattern with a parenthesis around what is the "
                f"group's name. Received: {self.pattern!r}"
            )

    def of(self, image: str) -> str:
        """The group of an image; raises ValueError where the pattern finds none in its path."""
        if self.pattern == FOLDER:
            return posixpath.dirname(image) or TOP
        found = re.search(self.pattern, image)
        if found is None or not found[1]:
            raise ValueError(f"{image}: its path must have a group, as {self.pattern!r} says it")
        return found[1]

    def check(self, images: Iterable[str]) -> None:
        """Raises ValueError where an image has no group: before hours of work, not after."""
        for image in images:
            self.of(image)


class GroupShares:
    """Collects the results of images, one after the other."""

    def __init__(self, cell_types: CellTypes, grouping: Grouping = Grouping()):
        self._grouping = grouping
        self._types = cell_types.names
        self._all = self._new()
        self._groups: dict[str, ImageShares] = collections.defaultdict(self._new)
        self._images: collections.Counter[str] = collections.Counter()
        self._regions: collections.Counter[str] = collections.Counter()

    def _new(self) -> ImageShares:
        return ImageShares(1 + len(self._types))

    def add(self, result: Mapping) -> None:
        """Of one image, its JSON (`Analysis.to_json`)."""
        by_type = result["num_regions_by_type"]
        counts = [result["num_abnormal_regions"], *(by_type[name] for name in self._types)]
        group = self._grouping.of(result["image"])
        for shares in (self._all, self._groups[group]):
            shares.add(counts, result["num_regions"])
        self._images[group] += 1
        self._regions[group] += result["num_regions"]

    def to_json(self) -> dict[str, dict]:
        """What summary.json holds: `shares` of all, and of each group its abnormal share."""
        return {
            "shares": self.of_all(),
            "groups": {
                name: {"num_images": images, "num_regions": regions, **figures[ABNORMAL]}
                for name, images, regions, figures in self.of_groups()
            },
        }

    def of_all(self) -> dict[str, dict[str, float | None]]:
        """{'abnormal' or a type: its share, and the ends of its 95 % interval over images}."""
        return self._figures(self._all)

    def of_groups(self) -> Iterator[tuple[str, int, int, dict[str, dict[str, float | None]]]]:
        """(group, images, regions, as `of_all`), in the order of their names."""
        for group in sorted(self._groups):
            figures = self._figures(self._groups[group])
            yield group, self._images[group], self._regions[group], figures

    def header(self) -> list[str]:
        """The columns of groups.csv."""
        kinds = (ABNORMAL, *self._types)
        return [
            *("group", "num_images", "num_regions"),
            *(f"{kind}_{figure}" for kind in kinds for figure in _FIGURES),
        ]

    def rows(self) -> Iterator[list]:
        """Of the table of groups; what nothing defines is empty."""
        for group, images, regions, figures in self.of_groups():
            values = (figures[kind][figure] for kind in figures for figure in _FIGURES)
            yield [group, images, regions, *("" if v is None else f"{v:.6f}" for v in values)]

    def _figures(self, shares: ImageShares) -> dict[str, dict[str, float | None]]:
        figures = {}
        for kind, name in enumerate((ABNORMAL, *self._types)):
            low, high = shares.interval(kind) or (None, None)
            figures[name] = {"share": shares.share(kind), "low": low, "high": high}
        return figures
