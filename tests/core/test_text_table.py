import math

import pytest

from rbc_tf.core.text_table import Table, console, decimals, markdown, with_interval

TABLE = Table("Scores", ("", "AUC", "n"), (("A*", "0.5 | -", "1,000"), ("B", "", "7")), ("Note.",))


def test_console_columns_line_up():
    assert console(TABLE) == (
        "Scores\n"
        "        AUC      n\n"
        "--  -------  -----\n"
        "A*  0.5 | -  1,000\n"
        "B                7\n"
        "Note.\n"
    )
    # 2 + 7 + 5 characters and two gaps of 2.
    assert TABLE.width == 18


def test_markdown_escapes_what_has_a_meaning_there():
    assert markdown(TABLE) == (
        "## Scores\n\n"
        "|  | AUC | n |\n"
        "| --- | ---: | ---: |\n"
        "| A\\* | 0.5 \\| - | 1,000 |\n"
        "| B |  | 7 |\n"
        "\nNote.\n"
    )


def test_turned_twice_is_the_same():
    turned = TABLE.turned()
    assert turned.header == ("", "A*", "B")
    assert turned.rows == (("AUC", "0.5 | -", ""), ("n", "1,000", "7"))
    assert turned.turned() == TABLE


def test_notes_are_wrapped_and_empty_tables_are_headers():
    table = Table("Nothing", ("name", "value"), (), ("word " * 60,))
    lines = console(table).splitlines()
    assert lines[:3] == ["Nothing", "name  value", "----  -----"]
    assert len(lines) > 4
    assert max(map(len, lines)) <= 120
    assert table.turned().rows == (("value",),)


def test_uneven_rows_are_refused():
    with pytest.raises(ValueError, match="A row must have 2 cells"):
        Table("", ("a", "b"), (("1",),))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (math.nan, "-"), (0.12345, "0.123"), (-0.0001, "0.000"), (12345, "12,345")],
)
def test_decimals(value, text):
    assert decimals(value) == text


def test_differences_show_their_sign():
    assert with_interval(0.5, (-0.25, 1.0), sign=True) == "+0.500 [-0.250, +1.000]"
    assert with_interval(None, None) == "-"
