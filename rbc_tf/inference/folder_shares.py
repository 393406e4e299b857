"""Shares of types and of abnormal regions in a run and in each of its folders.

The images of one patient belong into one folder: then each folder's row is that patient's.
"""

import collections
import posixpath
from collections.abc import Iterator, Mapping

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.metrics.image_shares import ImageShares

ABNORMAL = "abnormal"
TOP = "."

_FIGURES = ("share", "low", "high")


class FolderShares:
    """Collects the results of images, one after the other."""

    def __init__(self, cell_types: CellTypes):
        self._types = cell_types.names
        self._all = self._new()
        self._folders: dict[str, ImageShares] = collections.defaultdict(self._new)
        self._images: collections.Counter[str] = collections.Counter()
        self._regions: collections.Counter[str] = collections.Counter()

    def _new(self) -> ImageShares:
        return ImageShares(1 + len(self._types))

    def add(self, result: Mapping) -> None:
        """Of one image, its JSON (`Analysis.to_json`)."""
        by_type = result["num_regions_by_type"]
        counts = [result["num_abnormal_regions"], *(by_type[name] for name in self._types)]
        folder = posixpath.dirname(result["image"]) or TOP
        for shares in (self._all, self._folders[folder]):
            shares.add(counts, result["num_regions"])
        self._images[folder] += 1
        self._regions[folder] += result["num_regions"]

    def to_json(self) -> dict[str, dict]:
        """What summary.json holds: `shares` of all, and of each folder its abnormal share."""
        return {
            "shares": self.of_all(),
            "folders": {
                name: {"num_images": images, "num_regions": regions, **figures[ABNORMAL]}
                for name, images, regions, figures in self.of_folders()
            },
        }

    def of_all(self) -> dict[str, dict[str, float | None]]:
        """{'abnormal' or a type: its share, and the ends of its 95 % interval over images}."""
        return self._figures(self._all)

    def of_folders(self) -> Iterator[tuple[str, int, int, dict[str, dict[str, float | None]]]]:
        """(folder, images, regions, as `of_all`), in the order of their names."""
        for folder in sorted(self._folders):
            figures = self._figures(self._folders[folder])
            yield folder, self._images[folder], self._regions[folder], figures

    def header(self) -> list[str]:
        """Of the table of folders."""
        kinds = (ABNORMAL, *self._types)
        return [
            *("folder", "num_images", "num_regions"),
            *(f"{kind}_{figure}" for kind in kinds for figure in _FIGURES),
        ]

    def rows(self) -> Iterator[list]:
        """Of the table of folders; what nothing defines is empty."""
        for folder, images, regions, figures in self.of_folders():
            values = (figures[kind][figure] for kind in figures for figure in _FIGURES)
            yield [folder, images, regions, *("" if v is None else f"{v:.6f}" for v in values)]

    def _figures(self, shares: ImageShares) -> dict[str, dict[str, float | None]]:
        figures = {}
        for kind, name in enumerate((ABNORMAL, *self._types)):
            low, high = shares.interval(kind) or (None, None)
            figures[name] = {"share": shares.share(kind), "low": low, "high": high}
        return figures
