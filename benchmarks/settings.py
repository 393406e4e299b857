"""The settings of a stage of the benchmark."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Settings:
    """Attributes:
    repetitions: counted calls of each contender.
    scratch_dir: where a stage may write; it is deleted afterwards.
    quick: small sizes alone: to try the benchmark, not to measure.
    bundle_dir: a bundle, for the stages that need trained parts; None where none was given.
    dataset_dir: a dataset, on whose test images detectors are scored; None: they are not.
    detectors: names and folders of exported detectors that are measured beside the bundle's.
    """

    repetitions: int
    scratch_dir: pathlib.Path
    quick: bool = False
    bundle_dir: pathlib.Path | None = None
    dataset_dir: pathlib.Path | None = None
    detectors: tuple[tuple[str, str], ...] = ()
