"""What a synthetic smear holds and how large it is."""

import dataclasses
import math

from rbc_tf.core import cell_types

# Below this a cell has too few pixels to show a slit, a granule or a spicule.
_MIN_DIAMETER = 12.0


@dataclasses.dataclass(frozen=True)
class SmearConfig:
    """Settings of a synthetic smear; the defaults resemble the paper's images.

    Attributes:
        height: of the image, in pixels.
        width: of the image, in pixels.
        num_cells: typical number of cells in an image; each image draws its own around it.
        cell_diameter: typical diameter of a disc, in pixels.
        type_shares: how common each of the paper's six types is, in their order; only the
            proportions matter.
        cluster_share: share of the regions that hold two to four touching or overlapping cells.
        overlap_share: share of the cells joined to a cluster that overlap it, not merely touch it.
        max_coverage: the largest part of the image that cells may cover. It bounds the number of
            cells, so that an image too small for `num_cells` is as dense as a real smear can be.
        platelets_per_cell: number of platelets for each cell; platelets are no cells here.
        debris_per_cell: number of specks of dust and stain precipitate for each cell.

    Raises:
        ValueError: where a setting is out of its range.
    """

    height: int = 1080
    width: int = 1920
    num_cells: int = 120
    cell_diameter: float = 60.0
    type_shares: tuple[float, ...] = (0.40, 0.16, 0.11, 0.11, 0.11, 0.11)
    cluster_share: float = 0.35
    overlap_share: float = 0.5
    max_coverage: float = 0.3
    platelets_per_cell: float = 0.06
    debris_per_cell: float = 0.10

    def __post_init__(self):
        _check_number("cell_diameter", self.cell_diameter, _MIN_DIAMETER, math.inf)
        for name in ("height", "width"):
            _check_integer(name, getattr(self, name), math.ceil(self.cell_diameter))
        _check_integer("num_cells", self.num_cells, 0)
        for name in ("cluster_share", "overlap_share"):
            _check_number(name, getattr(self, name), 0.0, 1.0)
        # Beyond half of the area, random places for whole clusters can no longer be found.
        _check_number("max_coverage", self.max_coverage, 0.0, 0.5)
        for name in ("platelets_per_cell", "debris_per_cell"):
            _check_number(name, getattr(self, name), 0.0, math.inf)
        self._check_type_shares()

    def _check_type_shares(self):
        shares = self.type_shares
        count = len(cell_types.PAPER)
        right = isinstance(shares, tuple) and len(shares) == count
        right = right and all(_is_number(s) and s >= 0 and math.isfinite(s) for s in shares)
        if not right or sum(shares) <= 0:
            raise ValueError(
                f"`type_shares` must be a tuple of {count} non-negative numbers, one for each of "
                f"{', '.join(cell_types.PAPER.names)}, not all zero. Received: {shares!r}"
            )


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_integer(name: str, value, low: int):
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"`{name}` must be an integer of at least {low}. Received: {value!r}")


def _check_number(name: str, value, low: float, high: float):
    if not _is_number(value) or not low <= value <= high or math.isinf(value):
        bound = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise ValueError(f"`{name}` must be a number {bound}. Received: {value!r}")
