"""Shares of a run for machines that work side by side into one folder of results."""

import contextlib
import dataclasses
import hashlib
import re

from rbc_tf.inference.results_folder import SUMMARY, DamagedError, ResultsFolder

NOT_ANALYSED = "has not been analysed yet"

_SUMMARIES = r"summary(-\d{5}-of-\d{5})?\.json"


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


def earlier_failures(folder: ResultsFolder) -> dict[str, str]:
    """{image: reason} of all that failed in earlier runs and shares; the latest reason counts."""
    failed = {}
    for name in folder.names(SUMMARY.removesuffix(".json")):
        if re.fullmatch(_SUMMARIES, name):
            failed |= _failed(folder, name)
    return {name: reason for name, reason in failed.items() if not reason.endswith(NOT_ANALYSED)}


def _failed(folder: ResultsFolder, summary: str) -> dict[str, str]:
    """Those of one summary; none where it is damaged: they are then tried again."""
    with contextlib.suppress(DamagedError):
        failed = (folder.read_json(summary) or {}).get("failed")
        if isinstance(failed, dict) and all(isinstance(why, str) for why in failed.values()):
            return failed
    return {}
