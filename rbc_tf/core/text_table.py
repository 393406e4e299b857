"""Tables of text, for the console and as Markdown."""

import dataclasses
import textwrap
from collections.abc import Sequence

# Columns of the terminal that tables are to fit.
WIDTH = 120

_GAP = "  "


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of text; the first column names the rows.

    Attributes:
        title: what it shows.
        header: names of the columns.
        rows: each as long as the header.
        notes: what a reader must know, one sentence or more each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"A row must have {len(self.header)} cells. Received: {row}")

    @property
    def width(self) -> int:
        """Columns of the terminal that it takes."""
        return sum(_widths(self)) + len(_GAP) * (len(self.header) - 1)

    def turned(self) -> "Table":
        """Rows as columns and columns as rows."""
        columns = list(zip(self.header, *self.rows, strict=True))
        return dataclasses.replace(self, header=columns[0], rows=tuple(columns[1:]))


def console(table: Table) -> str:
    """Columns of equal width, the first to the left and the others to the right."""
    widths = _widths(table)
    lines = [table.title, _line(table.header, widths), _GAP.join("-" * width for width in widths)]
    lines += [_line(row, widths) for row in table.rows]
    for note in table.notes:
        lines += textwrap.wrap(note, WIDTH)
    return "\n".join(lines) + "\n"


def markdown(table: Table, level: int = 2) -> str:
    """The title as a heading of that level, the table, and the notes as paragraphs."""
    lines = [f"{'#' * level} {table.title}", "", _markdown_line(table.header)]
    lines.append(_markdown_line(["---"] + ["---:"] * (len(table.header) - 1)))
    lines += [_markdown_line(row) for row in table.rows]
    for note in table.notes:
        lines += ["", _escaped(note)]
    return "\n".join(lines) + "\n"


def decimals(value: float | int | None, sign: bool = False, digits: int = 3) -> str:
    """So many digits, a count as it is, a dash where nothing is defined (None or nan).

    With `sign`, positive numbers have theirs too, as differences should.
    """
    if value is None or value != value:
        return "-"
    if isinstance(value, int):
        return f"{value:+,}" if sign else f"{value:,}"
    rounded = round(value, digits) or 0.0  # no -0.000
    return f"{rounded:{'+' if sign else ''}.{digits}f}"


def interval(ends: tuple[float, float] | None, sign: bool = False, digits: int = 3) -> str:
    """'[low, high]', empty where there is none."""
    return "" if ends is None else f"[{', '.join(decimals(end, sign, digits) for end in ends)}]"


def with_interval(
    value: float | int | None,
    ends: tuple[float, float] | None,
    sign: bool = False,
    digits: int = 3,
) -> str:
    """The value, and its interval where it has one."""
    return f"{decimals(value, sign, digits)} {interval(ends, sign, digits)}".rstrip()


def _widths(table: Table) -> list[int]:
    return [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return _GAP.join([first, *others]).rstrip()


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
