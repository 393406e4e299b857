"""What kept results were made from: if from the same they are used again, else refused.

Settings, and hashes of inputs, decide a result. Code that keeps results writes these beside them,
and compares them with the present ones before it uses what is there.
"""

import dataclasses
import json
import pathlib
import re

from rbc_tf.core import files, structured

OVERWRITE = "Give --overwrite to replace it, or name another folder."

_LISTED = 10
_SHA256 = re.compile("[0-9a-f]{64}")


class StaleError(ValueError):
    """What is kept was made from other settings or inputs than those given now."""


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """Settings and hashes that decide a result.

    Attributes:
        values: nested mapping of plain JSON values; tuples become lists, as JSON gives them back.

    Raises:
        ValueError: a number is nan or infinite.
    """

    values: dict

    def __post_init__(self):
        plain = json.loads(json.dumps(self.values, allow_nan=False))
        object.__setattr__(self, "values", plain)

    @property
    def sha256(self) -> str:
        """Hash over all values, independent of the order of keys."""
        return files.sha256_of_json(self.values)

    def differences(self, earlier: "Fingerprint") -> list[str]:
        """One line for each value that differs from `earlier`; a missing value is None."""
        return _differences(earlier.values, self.values)

    def check(self, earlier: "Fingerprint", what: str, remedy: str = OVERWRITE) -> None:
        """Refuses what was made from other settings or inputs.

        Args:
            earlier: of what is kept.
            what: that is and where, for the error: 'the classifier in runs/b'.
            remedy: sentence on what to do.

        Raises:
            StaleError: lists what differs.
        """
        lines = self.differences(earlier)
        if lines:
            raise stale(what, lines, remedy)

    def save(self, path: str | pathlib.Path) -> None:
        files.write_json(path, self.values)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Fingerprint":
        """Raises ValueError, naming the file, where it is damaged."""
        try:
            values = structured.load_json(path)
        except ValueError as error:
            raise ValueError(f"{path} must be a fingerprint in JSON: {error}") from error
        if not isinstance(values, dict):
            raise ValueError(
                f"{path} must be a fingerprint, a mapping. Received: {structured.shown(values)}"
            )
        return cls(values)


def stale(what: str, lines: list[str], remedy: str = OVERWRITE) -> StaleError:
    """The error for what was made from other settings or inputs; `lines` list what differs."""
    more = len(lines) - _LISTED
    shown = lines[:_LISTED] + ([f"and {more} more"] if more > 0 else [])
    listing = "".join(f"  {line}\n" for line in shown)
    made = "made from other settings or inputs than those given now"
    return StaleError(f"{what}: {made}:\n{listing}{remedy}")


def _differences(old: dict, new: dict, prefix: str = "") -> list[str]:
    lines = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            lines.append(f"{prefix}{key} was {_shown(before)}, is now {_shown(after)}")
    return lines


def _shown(value) -> str:
    """A value for people: the beginning of a hash is enough to tell two apart."""
    return _SHA256.sub(lambda found: f"{found[0][:12]}...", repr(value))
