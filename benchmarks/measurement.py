"""What a stage of the benchmark measures."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One contender at one size.

    Attributes:
        stage: what was measured, 'regions' for instance.
        contender: who did it; 'rbc_tf' is this software as it is used by default.
        size: units of work in one call.
        unit: what is counted, in the singular: 'region', 'patch', 'image', 'type', 'step'.
        seconds: of every repetition, in the order in which they ran.
        gflop: arithmetic of one call, a multiplication and an addition counted as two; None where
            it is not arithmetic that takes the time.
        facts: further figures to show beside it, as JSON values.
    """

    stage: str
    contender: str
    size: int
    unit: str
    seconds: tuple[float, ...]
    gflop: float | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not self.seconds or min(self.seconds) <= 0:
            raise ValueError(f"`seconds` must be one time or more, above 0. Received: {self}")

    @property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.seconds))

    @property
    def rate(self) -> float | None:
        """GFLOP per second."""
        return None if self.gflop is None else self.gflop / self.median

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Measurement":
        return cls(**{**values, "seconds": tuple(values["seconds"])})
