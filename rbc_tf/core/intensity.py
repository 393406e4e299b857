"""Which values of an image of more than 8 bits are black and white.

Cameras of 10, 12 or 14 bits store their values in 16. The scale is never taken from the largest
value of one image: one hot pixel would make it another, and two frames of one camera would come
out unlike. It is given by the user, or said by the file, or one for a whole folder
(`folder_intensity`).
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

# Whoever knows a range: the user before the file, and the file before an estimate.
GIVEN, FILE, ESTIMATED = "given", "file", "estimated"

MIN_BITS, MAX_BITS = 8, 16

# Above a range that nobody gave there may be hot pixels and glints, and no more than this share.
MOST_ABOVE = 0.01


@dataclasses.dataclass(frozen=True)
class IntensityRange:
    """Values `low` and below are black, `high` and above white; 8-bit images are left alone.

    Attributes:
        low, high: 0 to 65535.
        source: GIVEN, FILE or ESTIMATED.

    Raises:
        ValueError: the values are no range, or the source none of the three.
    """

    low: int
    high: int
    source: str = GIVEN

    def __post_init__(self):
        whole = all(type(value) is int for value in (self.low, self.high))
        if not whole or not 0 <= self.low < self.high < 2**MAX_BITS:
            raise ValueError(
                "An intensity range must be two whole numbers, the lower first, from 0 to 65535. "
                f"Received: {self.low}, {self.high}"
            )
        if self.source not in (GIVEN, FILE, ESTIMATED):
            raise ValueError(
                f"The source of an intensity range must be one of {GIVEN}, {FILE}, {ESTIMATED}. "
                f"Received: {self.source!r}"
            )

    def __str__(self) -> str:
        how = {GIVEN: "as given", FILE: "as the files say", ESTIMATED: "estimated"}
        return f"{self.low} to {self.high}, {how[self.source]}"

    @classmethod
    def of_bits(cls, bits: int, source: str = GIVEN) -> "IntensityRange":
        """0 to the largest value of so many bits; raises ValueError outside of 8 to 16."""
        if type(bits) is not int or not MIN_BITS <= bits <= MAX_BITS:
            raise ValueError(
                f"A bit depth must be a whole number of {MIN_BITS} to {MAX_BITS}. Received: {bits}"
            )
        return cls(0, 2**bits - 1, source)

    @classmethod
    def from_json(cls, value: Mapping) -> "IntensityRange":
        """Of what `dataclasses.asdict` wrote; raises ValueError where it is something else."""
        try:
            return cls(value["low"], value["high"], value["source"])
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"An intensity range must have low, high and source. Received: {value!r}"
            ) from error

    @property
    def bits(self) -> int:
        """The smallest bit depth that holds it."""
        return self.high.bit_length()

    def to_bytes(self, values: np.ndarray, white_is_zero: bool = False) -> np.ndarray:
        """uint8 from uint16 of any shape, rounded; what lies outside becomes black or white."""
        levels = (np.arange(2**MAX_BITS) - self.low) * (255.0 / (self.high - self.low))
        table = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
        # By a table: as numbers with a fraction, an image would take four times its memory.
        return (255 - table if white_is_zero else table)[values]

    def share_above(self, values: np.ndarray) -> float:
        """Share of the values, uint16 of any shape, that lie above the range."""
        return np.count_nonzero(values > self.high) / max(values.size, 1)


def from_flags(bit_depth: int | None, intensity_range: str | None) -> IntensityRange | None:
    """The range of --bit_depth=12 or --intensity_range=0,4095; None where neither is given.

    Raises:
        ValueError: both are given, or one makes no sense.
    """
    if bit_depth is not None and intensity_range is not None:
        raise ValueError("Give --bit_depth or --intensity_range, not both")
    if bit_depth is not None:
        return IntensityRange.of_bits(bit_depth)
    if intensity_range is None:
        return None
    try:
        low, high = (int(part) for part in intensity_range.split(","))
    except ValueError:
        raise ValueError(
            "--intensity_range must be two whole numbers, LOW,HIGH, such as 0,4095. "
            f"Received: '{intensity_range}'"
        ) from None
    return IntensityRange(low, high)
