"""Shares of a run for machines that work side by side into one folder of results."""

import dataclasses
import hashlib
import json
import pathlib

NOT_ANALYSED = "has not been analysed yet"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of `count` shares of the images.

    Which share an image belongs to follows from its name alone: it stays the same on every
    machine and when images are added while the shares are at work.

    Attributes:
        index: number of the share, from 0.
        count: how many there are; 1: no shares.

    Raises:
        ValueError: `count` is below 1, or `index` not in [0, count).
    """

    index: int = 0
    count: int = 1

    def __post_init__(self):
        if self.count < 1 or not 0 <= self.index < self.count:
            raise ValueError(
                "The number of shards must be 1 or more, and the index from 0 to one less. "
                f"Received: index {self.index} of {self.count}"
            )

    def holds(self, name: str) -> bool:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def file_name(self, name: str) -> str:
        """'regions.csv' as it is, or 'regions-00000-of-00010.csv' for one of ten shares."""
        if self.count == 1:
            return name
        stem, dot, extension = name.rpartition(".")
        return f"{stem}-{self.index:05d}-of-{self.count:05d}{dot}{extension}"


def earlier_failures(output_dir: pathlib.Path, summary_name: str) -> dict[str, str]:
    """{image: reason} of all that failed in earlier runs and shares; the last to say so counts."""
    stem, _, extension = summary_name.rpartition(".")
    paths = [*output_dir.glob(summary_name), *output_dir.glob(f"{stem}-*-of-*.{extension}")]
    failed = {}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns):
        failed |= json.loads(path.read_text(encoding="utf-8"))["failed"]
    return {name: reason for name, reason in failed.items() if not reason.endswith(NOT_ANALYSED)}
