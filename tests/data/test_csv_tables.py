"""Tables as people and spreadsheets write them: read where there is one reading, else named."""

import os

import pytest

from rbc_tf.data import csv_tables

_COLUMNS, _NUMBERS = ("image", "x", "y", "type"), ("x", "y")


def _read(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "cells.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    problems = []
    rows = csv_tables.read(path, _COLUMNS, _NUMBERS, problems)
    return rows, problems


def _values(row):
    return row.text("image"), row.number("x"), row.number("y"), row.text("type")


@pytest.mark.parametrize(
    "content",
    [
        "image,x,y,type\na,12.5,7,Oval\n",
        "image;x;y;type\na;12,5;7;Oval\n",
        "image;x;y;type\na;12.5;7;Oval\n",
        "image\tx\ty\ttype\na\t12,5\t7\tOval\n",
        'sep=;\n"image";"x";"y";"type"\n"a";"12,5";"7";"Oval"\n',
        " Image , X,y ,TYPE \r\n a , 12.5 ,7, Oval \r\n\r\n,,,\r\n",
        "type;y;note;x;image;;\nOval;7;n;12,5;a;;\n;;;;;;\n",
        '\ufeffimage,x,y,type\na, "12.5", "7", "Oval"\n',
        "image,x,y,type\ra,1.25e1,7.0,Oval\r",
    ],
)
def test_what_has_one_reading_is_read(tmp_path, content):
    rows, problems = _read(tmp_path, content)
    assert problems == []
    assert [_values(row) for row in rows] == [("a", 12.5, 7.0, "Oval")]


def test_the_unicode_text_of_excel(tmp_path):
    rows, problems = _read(tmp_path, "image\tx\ty\ttype\né\t1,5\t7\tOval\n", "utf-16")
    assert problems == []
    assert _values(rows[0]) == ("é", 1.5, 7.0, "Oval")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_pipes_and_devices_are_no_tables(tmp_path, make):
    """To read them would never end."""
    make(tmp_path / "cells.csv")
    problems = []
    assert csv_tables.read(tmp_path / "cells.csv", _COLUMNS, _NUMBERS, problems) == []
    assert problems == [
        f"{tmp_path / 'cells.csv'} must be a file. Received: a folder, a pipe or a device"
    ]


def test_a_header_of_very_many_columns_is_refused(tmp_path):
    rows, problems = _read(tmp_path, "image,x,y,type," + ",".join(map(str, range(2000))) + "\n")
    assert rows == []
    assert "at most 1,000 columns are read. Received: 2,004" in problems[0]


def test_lines_are_those_of_the_file(tmp_path):
    rows, problems = _read(tmp_path, 'sep=,\nimage,x,y,type\n"a\nb",1,2,Oval\nc,1\nd,3,4,Oval\n')
    assert [row.line for row in rows] == [4, 6]
    assert rows[0].text("image") == "a\nb"
    assert problems == [f"{tmp_path / 'cells.csv'}: line 5: 4 values are required. Received: 2"]


@pytest.mark.parametrize("number", ["1.234,5", "1,2,3", "1 234", "", "nan", "1_000", "12,5"])
def test_what_may_be_two_numbers_is_none(tmp_path, number):
    """In a table with commas between columns a comma is no decimal sign."""
    rows, problems = _read(tmp_path, f'image,x,y,type\na,"{number}",7,Oval\n')
    assert problems == []
    with pytest.raises(ValueError, match=r"x must be a number. Received: '"):
        rows[0].number("x")


def test_points_and_commas_in_one_table_are_named(tmp_path):
    rows, _ = _read(tmp_path, "image;x;y;type\na;1,5;7;Oval\na;1.234;7;Oval\n")
    assert rows[0].number("x") == 1.5
    with pytest.raises(ValueError, match=r"decimal comma, as other numbers .* Received: '1\.234'"):
        rows[1].number("x")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("image|x|y|type\na|1|2|Oval\n", "Missing: image,x,y,type. Commas, semicolons or tabs"),
        ("image;x;type\na;1;Oval\n", "line 1: the columns image,x,y,type are required. Missing: y"),
        ("image,x,X,y,type\n", "the column x is given twice"),
        ("", "Missing: image,x,y,type"),
        (b"image,x,y,type\n\xe9,1,2,Oval\n", "cannot be read as UTF-8 CSV"),
        ('image,x,y,type\n"a,1,2,Oval\nb,1,2,Oval\n', "unexpected end of data"),
        ("image,x,y,type\na,1,5,7,Oval\n", "line 2: 4 values are required. Received: 5"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, problem):
    rows, problems = _read(tmp_path, content)
    assert rows == []
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path / 'cells.csv'}: ")
    assert problem in problems[0]


@pytest.mark.parametrize(("word", "truth"), [("TRUE", True), (" 1 ", True), ("False", False)])
def test_truth(word, truth):
    assert csv_tables.Row(2, {"complete": word}).truth("complete") is truth


def test_what_is_no_truth():
    with pytest.raises(ValueError, match="true or false"):
        csv_tables.Row(2, {"complete": "yes"}).truth("complete")
