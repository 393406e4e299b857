"""Of the same, results are used again; of anything else, the error says what differs."""

import pytest

from rbc_tf.core import fingerprint
from rbc_tf.core.fingerprint import Fingerprint, StaleError


def test_nested_differences_are_listed():
    old = Fingerprint({"a": {"b": 1, "c": 2}, "d": 3})
    new = Fingerprint({"a": {"b": 1, "c": 5}, "e": 4})
    assert new.differences(old) == [
        "a.c was 2, is now 5",
        "d was 3, is now None",
        "e was None, is now 4",
    ]
    assert new.differences(new) == []


def test_a_missing_value_is_none():
    assert Fingerprint({"a": 1, "b": None}).differences(Fingerprint({"a": 1})) == []


def test_the_same_whatever_the_order_and_type_of_sequences(tmp_path):
    one = Fingerprint({"sizes": (1, 2), "name": "a"})
    one.save(tmp_path / "fingerprint.json")
    other = Fingerprint.load(tmp_path / "fingerprint.json")
    assert one == other == Fingerprint({"name": "a", "sizes": [1, 2]})
    assert one.sha256 == Fingerprint({"name": "a", "sizes": [1, 2]}).sha256
    assert one.sha256 != Fingerprint({"name": "a", "sizes": [2, 1]}).sha256
    one.check(other, "the results")


def test_anything_else_is_refused_with_what_to_do():
    with pytest.raises(StaleError) as raised:
        Fingerprint({"rate": 2}).check(Fingerprint({"rate": 1}), "the model in runs/a")
    assert str(raised.value) == (
        "the model in runs/a: made from other settings or inputs than those given now:\n"
        "  rate was 1, is now 2\n"
        "Give --overwrite to replace it, or name another folder."
    )


def test_hashes_are_shortened_and_long_lists_cut():
    assert Fingerprint({"a": ["ab" * 32]}).differences(Fingerprint({})) == [
        "a was None, is now ['abababababab...']"
    ]
    text = str(fingerprint.stale("it", [f"line {number}" for number in range(13)], "Go."))
    assert "line 9" in text
    assert "line 10" not in text
    assert "and 3 more" in text


@pytest.mark.parametrize("content", ["[1]", '{"a":', "3"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ValueError, match=r"study\.json must be a fingerprint"):
        Fingerprint.load(tmp_path / "study.json")


def test_nan_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        Fingerprint({"rate": float("nan")})
