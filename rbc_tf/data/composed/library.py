"""All that one bucket of the source gives: cells by type, debris, light and grain."""

import collections
import dataclasses
import functools

import cv2
import numpy as np

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import Sample
from rbc_tf.data.composed import field, source
from rbc_tf.data.composed.source import SourceCell

# Largest logarithm of the ratio of two images' densities, in any colour, at which their cells stand
# in one field.
_MOST_OFF = 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class Backdrop:
    """The empty field of a composed image.

    Attributes:
        light: float32 [H, W, 3], in 0-255.
        grain: float32 [H, W, 3], relative brightness of mean 0.
        stain: float64 [3], the optical density that its cells are to have.
    """

    light: np.ndarray
    grain: np.ndarray
    stain: np.ndarray


class Library:
    """The cells of one bucket, and what their images say of light, stain and grain."""

    def __init__(self, samples: list[Sample], cell_types: CellTypes):
        self._samples = {sample.name: sample for sample in samples}
        images = [source.read(sample, cell_types) for sample in samples]
        self._images = {image.name: image for image in images}
        by_type = collections.defaultdict(list)
        for cell in (cell for image in images for cell in image.cells):
            by_type[cell.type].append(cell)
        self.cells: dict[str, list[SourceCell]] = {
            name: by_type[name] for name in cell_types.names if by_type[name]
        }
        self.debris = [piece for image in images for piece in image.debris]
        self._like: dict[bytes, dict[str, list[SourceCell]]] = {}
        self.cut = sum(image.cut for image in images)
        clear = sum(image.clear_area for image in images)
        self.debris_per_pixel = len(self.debris) / max(clear, 1)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its cells, in the order of the list of types."""
        return tuple(self.cells)

    @functools.cached_property
    def typical_area(self) -> float:
        """Median number of pixels of its cells."""
        areas = [np.count_nonzero(cell.mask) for cells in self.cells.values() for cell in cells]
        return float(np.median(areas))

    def like(self, backdrop: Backdrop) -> dict[str, list[SourceCell]]:
        """The cells that can stand in a field: those of images stained nearly like its host.

        A stain that differs more cannot be matched without another hue and coarser grain.
        """
        key = backdrop.stain.tobytes()
        if key not in self._like:
            near = {name for name in self._images if self._off(name, backdrop) < _MOST_OFF}
            like = {t: [c for c in cells if c.image in near] for t, cells in self.cells.items()}
            self._like[key] = {name: cells for name, cells in like.items() if cells}
        return self._like[key]

    def _off(self, image: str, backdrop: Backdrop) -> float:
        ratio = source.stain_ratio(self._images[image].stain, backdrop.stain)
        return float(np.abs(np.log(ratio)).max())

    def draw_cell(self, type_name: str, backdrop: Backdrop, rng: np.random.Generator) -> SourceCell:
        """A random cell of a type, turned and mirrored at random, stained like the host."""
        cells = self.like(backdrop)[type_name]
        return _turned(self._matched(cells[rng.integers(len(cells))], backdrop), rng)

    def draw_debris(self, backdrop: Backdrop, rng: np.random.Generator) -> SourceCell:
        """A random piece of debris, turned and mirrored at random."""
        piece = self.debris[rng.integers(len(self.debris))]
        near = self._off(piece.image, backdrop) < _MOST_OFF
        return _turned(self._matched(piece, backdrop) if near else piece, rng)

    def draw_backdrop(self, shape: tuple[int, int], rng: np.random.Generator) -> Backdrop:
        """An empty field like that of a random image of the bucket."""
        names = sorted(name for name, image in self._images.items() if image.cells)
        host = self._images[names[rng.integers(len(names))]]
        light = cv2.resize(host.light, shape[::-1], interpolation=cv2.INTER_CUBIC)
        if host.is_patch:
            light = light * self._unevenness(shape, rng)[..., None]
        grain = self._grain(None if host.is_patch else host.name).draw(shape, rng)
        return Backdrop(light, grain, host.stain)

    def _matched(self, cell: SourceCell, backdrop: Backdrop) -> SourceCell:
        ratio = source.stain_ratio(self._images[cell.image].stain, backdrop.stain)
        return cell if (ratio == 1).all() else cell.stained(ratio)

    def _unevenness(self, shape, rng) -> np.ndarray:
        """float32 [H, W] about 1: patches tell how much the light varies in a field, not where."""
        y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
        y = y[:, None]
        waves = [x + 0 * y, y + 0 * x, x * y, x**2 - 1 / 3 + 0 * y, y**2 - 1 / 3 + 0 * x]
        weights = rng.normal(size=len(waves))
        plane = sum(weight * wave for weight, wave in zip(weights, waves, strict=True))
        return 1 + self._light_spread * (plane / max(plane.std(), 1e-6))

    @functools.cached_property
    def _light_spread(self) -> float:
        """How much the light of patches of one group varies, relative to its mean."""
        levels = collections.defaultdict(list)
        for name, image in self._images.items():
            levels[self._samples[name].group].append(float(image.light.mean()))
        spreads = [np.var(v, ddof=1) / np.mean(v) ** 2 for v in levels.values() if len(v) > 2]
        return float(np.sqrt(np.median(spreads))) if spreads else 0.0

    @functools.lru_cache(maxsize=16)  # noqa: B019 - a library lives as long as its process
    def _grain(self, name: str | None) -> field.Grain:
        """The grain of one image, or, without a name, of all patches together."""
        names = [n for n, i in self._images.items() if i.is_patch] if name is None else [name]
        return field.measure_grain(
            (image_io.read_image(sample.image_path, sample.intensity), source.read_mask(sample))
            for sample in (self._samples[n] for n in names)
        )


def _turned(cell: SourceCell, rng: np.random.Generator) -> SourceCell:
    return cell.turned(rng.uniform(0, 2 * np.pi), bool(rng.integers(2)))
