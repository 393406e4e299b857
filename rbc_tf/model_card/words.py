"""Small pieces of text that all sections share."""

from collections.abc import Iterable, Sequence

from rbc_tf.core import names, text_table

NOT_RECORDED = "not recorded"


def bullets(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def count(number: int | None, noun: str, plural: str = "") -> str:
    """'1,200 images', '1 image', 'an unrecorded number of images'."""
    if number is None:
        return f"an unrecorded number of {plural or f'{noun}s'}"
    return names.number(number, noun, plural)


def section(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], *notes: str) -> str:
    """A table with its title as a heading below those of the card."""
    table = text_table.Table(title, tuple(header), tuple(map(tuple, rows)), notes)
    return text_table.markdown(table, level=3).rstrip()
