"""Names that look the same are the same."""

import unicodedata

import pytest

from rbc_tf.core import names

_NFC, _NFD = (unicodedata.normalize(form, "né 1") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("written", [_NFC, _NFD, f" {_NFC}", f"{_NFD}\t "])
@pytest.mark.parametrize("known", [_NFC, _NFD, f"{_NFD} "])
def test_the_same_letters_are_found(written, known):
    assert names.Lookup([known, "ne 1"]).find(written) == known


def test_what_is_to_the_letter_comes_first():
    lookup = names.Lookup([_NFC, _NFD])
    assert lookup.find(_NFC) == _NFC
    assert lookup.find(_NFD) == _NFD
    with pytest.raises(ValueError, match=r"may be any of 'n\\xe9 1', 'ne\\u0301 1'|look alike"):
        lookup.find(f"{_NFC} ")


def test_other_letters_are_not_found():
    assert names.Lookup(["A", "b"]).find("a") is None
    assert names.Lookup([]).find("") is None


def test_bytes_that_are_no_text_are_shown():
    assert not names.is_utf8("caf\udce9.png")
    assert names.is_utf8("café.png")
    assert names.printable("caf\udce9 é.png") == "caf\\xe9 é.png"


def test_the_first_of_many_are_listed_and_the_others_counted():
    assert names.listed(["a", "b"], most=2) == "a, b"
    assert names.listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert names.listed([]) == ""
