"""Names of files and types as people write them: the same letters are the same name.

Systems store letters with marks as one code or as two (NFC, NFD), and tables come with spaces
around a name: what looks the same is taken for the same, where nothing else is meant.
"""

import os
import unicodedata
from collections.abc import Iterable, Sequence


def composed(name: str) -> str:
    """The same name with letters with marks as one code each."""
    return unicodedata.normalize("NFC", name)


def normal(name: str) -> str:
    """A name for comparisons: composed, and no spaces around it."""
    return composed(name).strip()


class Lookup:
    """Which of some known names is meant by one that somebody wrote."""

    def __init__(self, known: Iterable[str]):
        self._known = set(known)
        self._alike: dict[str, list[str]] = {}
        for name in sorted(self._known):
            self._alike.setdefault(normal(name), []).append(name)

    def find(self, name: str) -> str | None:
        """The known name, to the letter or else alike; None where there is none.

        Raises:
            ValueError: several look alike, and none is it to the letter.
        """
        if name in self._known:
            return name
        alike = self._alike.get(normal(name), [])
        if len(alike) > 1:
            shown = ", ".join(ascii(candidate) for candidate in alike)
            raise ValueError(f"'{name}' may be any of {shown}, which look alike; rename one")
        return alike[0] if alike else None


def is_utf8(name: str) -> bool:
    """Whether the name of a file is text; others cannot stand in JSON, CSV or HTML."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str | os.PathLike) -> str:
    """A name as text whatever its bytes: those that are no UTF-8 are written as \\xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def number(count: int, noun: str, plural: str = "") -> str:
    """'1,200 images', '1 image'; `plural` where it is more than an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def was_or_were(count: int) -> str:
    return "was" if count == 1 else "were"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of some names, for a line of text, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
