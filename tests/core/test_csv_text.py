import csv
import io

import pytest

from rbc_tf.core import csv_text, files

_FORMULAS = ["=cmd|' C calc'!A0.png", "+1+1.png", "@SUM(A1).png", "-2+3.png", "\t=1", "\r=1"]
_FORMULAS += ["\n=1", "\uff1d1+1.png", "\uff0b1"]
_PLAIN = ["", "smear.png", "a,b", 'q"', "it's", "'quoted'", "1-2", " =1"]


@pytest.mark.parametrize("text", [*_FORMULAS, *(f"'{text}" for text in _FORMULAS), "''=1"])
def test_formulas_are_marked_as_text_and_come_back(text):
    written = csv_text.harmless(text)
    assert written == f"'{text}"
    assert csv_text.as_meant(written) == text


@pytest.mark.parametrize("text", _PLAIN)
def test_other_text_stays(text):
    assert csv_text.harmless(text) == text
    assert csv_text.as_meant(text) == text


def test_numbers_stay_numbers(tmp_path):
    files.write_csv(tmp_path / "t.csv", ("a", "=b"), [(-1.5, "-1.5"), (None, "x")])
    assert (tmp_path / "t.csv").read_text() == "a,'=b\n-1.5,'-1.5\n,x\n"


def test_line_breaks_in_names_do_not_split_rows():
    rows = [["a\rb.png", 1], ["a\nb.png", 2], ["plain", 3]]
    text = "".join(csv_text.lines(["name", "n"], rows))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["name", "n"],
        *([name, str(number)] for name, number in rows),
    ]
