import os

import pytest

from rbc_tf.core import structured

_BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_BOMB, "at most 20,000 values"),
        ("a: &a [*a]", "at most 20,000 values"),
        ("[" * 5000 + "]" * 5000, "line 1: at most 100 values may be nested"),
        ("a: 1\nb: 2\na: 3", "'a' is given twice"),
        ("a: [", "must be YAML"),
        ("a: !!python/object/apply:os.system [id]", "must be YAML"),
        ("x" * 2**18 + "x", "at most 262,144 characters"),
        ("[" + "1," * 50_000 + "]", "line 1: at most 20,000 values"),
        ("a: 2024-13-45", "month"),
    ],
)
def test_yaml_that_is_none_or_goes_beyond_bounds_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        structured.parse_yaml(text)


def test_yaml_mappings_know_their_line():
    value = structured.parse_yaml("types:\n- name: a\n- &b\n  name: b\n- *b\n")
    assert value == {"types": [{"name": "a"}, {"name": "b"}, {"name": "b"}]}
    assert [entry.line for entry in value["types"]] == [2, 3, 3]
    assert structured.parse_yaml("") is None
    assert structured.parse_yaml("base: &b {x: 1}\nmore: {<<: *b, y: 2}") == {
        "base": {"x": 1},
        "more": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"{", "must be JSON in UTF-8"),
        (b"\xff\xfe", "must be JSON in UTF-8"),
        (b"[" * 200 + b"]" * 200, "at most 100 values are nested"),
        (b"[" * 100_000 + b"]" * 100_000, "at most 100 values are nested"),
        (b"9" * 5000, "must be JSON in UTF-8"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' is given twice"),
        (b'[{"x": {"": 1, "": [2]}}]', "the key '' is given twice"),
        (b'{"a": 1, "\\u0061": 2}', "the key 'a' is given twice"),
        (b'[{"id": 7, "box": [1, 2], "box": [3]}]', "'box' is given twice in {'id': 7, 'box': a "),
        (b'{"a": {"b": 1, "b": 1}}', "'b' is given twice"),
    ],
)
def test_json_that_is_none_or_goes_beyond_bounds_is_refused(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        structured.load_json(path)
    assert str(path) in str(caught.value)


def test_many_keys_with_one_twice_are_refused_at_once():
    keys = ", ".join(f'"{number}": 0' for number in range(200_000))
    with pytest.raises(ValueError, match="the key '199999' is given twice"):
        structured.parse_json(f'{{{keys}, "199999": 1}}', "x")


def test_json_is_read_with_a_byte_order_mark_and_refused_where_it_is_too_long(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert structured.load_json(path) == [1]
    with pytest.raises(ValueError, match=r"at most 5 bytes\. Received: 6"):
        structured.load_json(path, most_bytes=5)
    with pytest.raises(ValueError, match=r"a mapping in JSON\. Received: list"):
        structured.load_mapping(path)


def test_pipes_devices_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises((ValueError, IsADirectoryError), match=r"must be a file|directory"):
            structured.read_bytes(path)


@pytest.mark.parametrize("text", ["1", "-1.5", " 2. ", ".5e-3", "1E5"])
def test_numbers(text):
    assert structured.real(text) == float(text)


@pytest.mark.parametrize("text", ["", "1_5", "nan", "inf", "1e400", "0x1", "1,5", "\u0661", "1 2"])
def test_no_numbers(text):
    with pytest.raises(ValueError, match="a number is required"):
        structured.real(text)


def test_errors_show_the_beginning_of_any_value():
    assert structured.shown("x" * 100, most=10) == "'xxxxxx..."
    assert structured.shown([[1] * 9]) == "a list of 1"
    assert structured.shown({"a": 1}) == "a mapping of 1"
    assert structured.shown(16**5000) == "a number of 20001 bits"
