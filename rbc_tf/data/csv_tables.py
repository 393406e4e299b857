"""The tables of a dataset folder, as people and spreadsheets write them.

Columns are separated by commas, semicolons or tabs, whichever makes the header one; their order,
spaces around values, blank rows and further columns make no difference. In a table that is not
separated by commas, numbers may have decimal commas, all or none. Text is UTF-8, or UTF-16 with
its mark, which Excel calls Unicode text.
"""

import codecs
import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from rbc_tf.core import csv_text, structured

_SEPARATORS = (",", ";", "\t")

# Ten million cells have 300 MB.
_MOST_BYTES, _MOST_COLUMNS = 2**29, 1000

# The first line that Excel takes for the separator of what follows.
_EXCEL_LINE = "sep="


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table: its cells by the names of the columns, and how numbers are written."""

    line: int
    cells: Mapping[str, str]
    decimal_comma: bool = False

    def text(self, column: str) -> str:
        """A cell without spaces around it; '' where the table has no such column."""
        return self.cells.get(column, "").strip()

    def number(self, column: str) -> float:
        """Raises ValueError where the cell holds no number."""
        text = self.text(column)
        if self.decimal_comma and "." in text:
            raise ValueError(
                f"{column} must have a decimal comma, as other numbers of the table have. "
                f"Received: '{text}'"
            )
        try:
            return structured.real(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError as error:
            raise ValueError(f"{column} must be a number. Received: '{text}'") from error

    def truth(self, column: str) -> bool:
        """Raises ValueError where the cell is none of true, false, 1 and 0."""
        word = self.text(column).lower()
        if word not in ("true", "false", "1", "0"):
            raise ValueError(f"{column} must be true or false. Received: '{self.text(column)}'")
        return word in ("true", "1")


def read(
    path: pathlib.Path, columns: Sequence[str], numbers: Sequence[str], problems: list[str]
) -> list[Row]:
    """The rows of a table.

    Args:
        path: of the file.
        columns: that it must have; upper and lower case are the same.
        numbers: those of them that hold numbers.
        problems: takes one line, with file and line, for whatever is wrong; a row with the wrong
            number of values is left out.
    """
    try:
        lines = io.StringIO(_text(path), newline="").readlines()
        separator, start = _separator(lines, columns)
        reader = csv.reader(
            lines[start:], delimiter=separator, skipinitialspace=separator != "\t", strict=True
        )
        header = [column.strip().lower() for column in next(reader, [])]
        wrong = _problem_of_header(header, columns)
        if wrong:
            problems.append(f"{path}: line {start + 1}: {wrong}")
            return []
        rows = list(_rows(reader, header, start, path, problems))
    except (OSError, UnicodeError, csv.Error) as error:
        problems.append(f"{path}: cannot be read as UTF-8 CSV ({error})")
        return []
    except ValueError as error:  # no file, or too large
        problems.append(str(error))
        return []
    comma = separator != "," and any("," in row.cells[name] for row in rows for name in numbers)
    return [dataclasses.replace(row, decimal_comma=comma) for row in rows]


def _text(path: pathlib.Path) -> str:
    content = structured.read_bytes(path, _MOST_BYTES)
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _separator(lines: list[str], columns: Sequence[str]) -> tuple[str, int]:
    """The separator of the columns, and the number of the line with their names, from 0."""
    if lines and lines[0].lower().startswith(_EXCEL_LINE):
        return lines[0][len(_EXCEL_LINE) : len(_EXCEL_LINE) + 1] or ",", 1
    header = lines[0].lower() if lines else ""

    def found(separator: str) -> int:
        names = [name.strip().strip('"') for name in header.split(separator)]
        return len(set(columns) & set(names))

    # The first of those that find as many: commas, where none of them finds any.
    return max(_SEPARATORS, key=found), 0


def _problem_of_header(header: list[str], columns: Sequence[str]) -> str:
    if len(header) > _MOST_COLUMNS:
        return f"at most {_MOST_COLUMNS:,} columns are read. Received: {len(header):,}"
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        return f"the column {twice} is given twice"
    missing = [column for column in columns if column not in header]
    if not missing:
        return ""
    hint = "" if len(header) > 1 else ". Commas, semicolons or tabs must separate columns"
    return f"the columns {','.join(columns)} are required. Missing: {','.join(missing)}{hint}"


def _rows(
    reader, header: list[str], start: int, path: pathlib.Path, problems: list[str]
) -> Iterator[Row]:
    for values in reader:
        line = reader.line_num + start
        if not any(value.strip() for value in values):
            continue
        while len(values) > len(header) and not values[-1].strip():
            values.pop()  # of columns that a spreadsheet has and the table has not
        if len(values) == len(header):
            cells = map(csv_text.as_meant, values)
            yield Row(line, dict(zip(header, cells, strict=True)))
        else:
            problems.append(
                f"{path}: line {line}: {len(header)} values are required. Received: {len(values)}"
            )
