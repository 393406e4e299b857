"""How images are looked at: their scale, and how often their regions are."""

import dataclasses

AUTO, NONE = "auto", "none"
SMALLEST_FACTOR, LARGEST_FACTOR = 0.05, 8.0

ROTATIONS = (1, 2, 4)


@dataclasses.dataclass(frozen=True)
class ViewConfig:
    """What is asked for.

    Attributes:
        scale: 'auto': as large as needed for cells to be as large as those that the bundle learnt
            from, where it records their size; 'none': every image as it is; or the factor by which
            every image is scaled, such as '0.5'.
        common: with 'auto', the factor that the images of a folder have in common, 1 where they
            need none; None: each is looked at by itself. See `common_scale`.
        rotations: how many quarter turns of each region the types are averaged over, 1, 2 or 4: a
            cell has no up and down, and what a network says of it should not depend on them.

    Raises:
        ValueError: the scale is none of these, a factor out of bounds, or the rotations others.
    """

    scale: str = AUTO
    rotations: int = 1
    common: float | None = None

    def __post_init__(self):
        if self.rotations not in ROTATIONS or isinstance(self.rotations, bool | float):
            raise ValueError(f"The rotations must be 1, 2 or 4. Received: {self.rotations}")
        self._check_common()
        if self.scale in (AUTO, NONE):
            return
        try:
            factor = float(self.scale)
        except ValueError:
            factor = float("nan")
        if not SMALLEST_FACTOR <= factor <= LARGEST_FACTOR:
            raise ValueError(
                f"The scale must be {AUTO}, {NONE} or a factor of {SMALLEST_FACTOR:g} to "
                f"{LARGEST_FACTOR:g}. Received: {self.scale!r}"
            )

    def _check_common(self) -> None:
        common = self.common
        if common is None:
            return
        is_number = isinstance(common, int | float) and not isinstance(common, bool)
        if self.scale != AUTO or not is_number or not SMALLEST_FACTOR <= common <= LARGEST_FACTOR:
            raise ValueError(
                f"A common scale must be a factor of {SMALLEST_FACTOR:g} to {LARGEST_FACTOR:g}, "
                f"found for the scale {AUTO}. Received: {common!r}, scale {self.scale!r}"
            )

    @property
    def factor(self) -> float | None:
        """The factor that was given, if one was."""
        return None if self.scale in (AUTO, NONE) else float(self.scale)
