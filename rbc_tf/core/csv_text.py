"""CSV that is safe to open: no cell is a formula, and a line break in a name breaks no row.

Spreadsheets take a cell that begins with = + - @, as wide as Chinese characters too, a tab or a
line break for a formula, which may run programs or send data away, and names of files are
anybody's. Such text gets an apostrophe in front, which spreadsheets take for "this is text";
numbers stay as they are. Whoever reads a table of ours takes it off again with `as_meant`.
"""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n")
_TEXT_MARK = "'"


def harmless(cell: Any) -> Any:
    """A cell as it may be written: text that could be a formula is marked as text.

    Text that begins like marked text is marked too, so that `as_meant` gives all text back.
    """
    if isinstance(cell, str) and (cell.startswith(_FORMULA) or _is_marked(cell)):
        return _TEXT_MARK + cell
    return cell


def as_meant(text: str) -> str:
    """A cell of a table as it was before it was made `harmless`."""
    return text[len(_TEXT_MARK) :] if _is_marked(text) else text


def lines(header: Sequence[str], rows: Iterable[Sequence]) -> Iterator[str]:
    """The lines of a table, each with its end, made harmless."""
    yield from map(line, itertools.chain([header], rows))


def line(row: Sequence) -> str:
    """A row with its line end, made harmless."""
    cells = [harmless(cell) for cell in row]
    # Python quotes what may end a line only where it ends lines so, which not all readers know.
    has_break = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    text = io.StringIO()
    end = "\r\n" if has_break else "\n"
    csv.writer(text, lineterminator=end).writerow(cells)
    return text.getvalue().removesuffix(end) + "\n"


def _is_marked(text: str) -> bool:
    rest = text.lstrip(_TEXT_MARK)
    return rest != text and rest.startswith(_FORMULA)
