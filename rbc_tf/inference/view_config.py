"""How images are looked at: their scale and light, and how often their regions are."""

import dataclasses

AUTO, NONE = "auto", "none"
SMALLEST_FACTOR, LARGEST_FACTOR = 0.05, 8.0
_SMALLEST_SIZE = 1e-3  # of regions, in pixels: there is none, but nothing is divided by 0

ROTATIONS = (1, 2, 4)
LIGHTS = (AUTO, NONE)


@dataclasses.dataclass(frozen=True)
class CommonScale:
    """What the images of a folder have in common; see `common_scale`.

    Attributes:
        factor: by which they are scaled, 1 where they need not be.
        size: of the regions of the middle one, in pixels as it came.

    Raises:
        ValueError: one of them is no number, or out of bounds.
    """

    factor: float
    size: float

    def __post_init__(self):
        for name, low, high in (
            ("factor", SMALLEST_FACTOR, LARGEST_FACTOR),
            ("size", _SMALLEST_SIZE, float("inf")),
        ):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and low <= value < float("inf") and value <= high):
                raise ValueError(
                    f"The {name} of a common scale must be {low:g} to {high:g}. Received: {value!r}"
                )


@dataclasses.dataclass(frozen=True)
class ViewConfig:
    """What is asked for.

    Attributes:
        scale: 'auto': as large as needed for cells to be as large as those that the bundle learnt
            from, where it records their size; 'none': every image as it is; or the factor by which
            every image is scaled, such as '0.5'.
        rotations: how many quarter turns of each region the types are averaged over, 1, 2 or 4: a
            cell has no up and down, and what a network says of it should not depend on them.
        light: 'auto': images darker than those that the bundle learnt from are made as bright,
            where it records their brightness; 'none': every image as it is.
        common: with the scale 'auto', what was found for the images of a folder together; None:
            each is looked at by itself.

    Raises:
        ValueError: the scale is none of these, a factor out of bounds, or rotations or light are
            others.
    """

    scale: str = AUTO
    rotations: int = 1
    light: str = AUTO
    common: CommonScale | None = None

    def __post_init__(self):
        if self.rotations not in ROTATIONS or isinstance(self.rotations, bool | float):
            raise ValueError(f"The rotations must be 1, 2 or 4. Received: {self.rotations}")
        if self.light not in LIGHTS:
            raise ValueError(f"The light must be {AUTO} or {NONE}. Received: {self.light!r}")
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

    @classmethod
    def as_it_is(cls) -> "ViewConfig":
        """Every image as it came, once."""
        return cls(NONE, light=NONE)

    def described(self) -> str:
        """The scale for readers of scores, such as '0.5', 'none', or 'auto (0.5 in common)'."""
        common = "" if self.common is None else f" ({self.common.factor:g} in common)"
        return f"{self.scale}{common}"

    @property
    def factor(self) -> float | None:
        """The factor that was given, if one was."""
        return None if self.scale in (AUTO, NONE) else float(self.scale)
