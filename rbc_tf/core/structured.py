"""JSON and YAML that somebody else may have written: read within bounds, refused with a reason.

Nothing here grows beyond a small multiple of the file: sizes are looked at before a file is read,
and depth and aliases before anything is made of them.
"""

import collections
import io
import json
import math
import os
import re
import stat
from collections.abc import Iterable
from typing import Any

import yaml

# What files of settings, records and manifests never come near.
MOST_BYTES = 32 * 2**20
_MOST_YAML_BYTES = 2**18
_MOST_DEPTH = 100
_MOST_YAML_NODES = 20_000

_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Located(dict):
    """A mapping that knows the `line` of its file, from 1, that it begins in."""

    line: int | None = None


def open_file(path: str | os.PathLike) -> io.BufferedReader:
    """Opens a regular file to be read.

    Raises:
        ValueError: it is none (a folder, a pipe, a device: to read these may never end); names it.
        OSError: it cannot be opened.
    """
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError(f"{path} must be a file. Received: a folder, a pipe or a device")
    return file


def _open_at_once(path: str, flags: int) -> int:
    # Without this flag, opening a pipe would wait for whoever writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def read_bytes(path: str | os.PathLike, most_bytes: int = MOST_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        ValueError: it is longer than `most_bytes`, or no file (see `open_file`); names it.
        OSError: it cannot be read.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        # It may grow while it is read.
        content = b"" if size > most_bytes else file.read(most_bytes + 1)
        size = max(size, len(content))
        if size > most_bytes:
            raise ValueError(f"{path} must hold at most {most_bytes:,} bytes. Received: {size:,}")
        return content


def load_json(path: str | os.PathLike, most_bytes: int = MOST_BYTES) -> Any:
    """The value in a JSON file (UTF-8, a byte order mark is forgiven).

    Raises:
        ValueError: as `read_bytes` and `parse_json`; names the file.
        OSError: it cannot be read.
    """
    return parse_json(read_bytes(path, most_bytes), path)


def parse_json(content: bytes | str, source: str | os.PathLike) -> Any:
    """The value in JSON text.

    Raises:
        ValueError: it is none, nested too deeply, or gives a key twice; names `source`, and the
            line or the key where it can.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        value = json.loads(text, object_pairs_hook=_mapping_of)
    except RecursionError as error:
        raise _too_deep(source) from error
    except ValueError as error:
        raise ValueError(f"{source} must be JSON in UTF-8: {error}") from error
    if _is_deeper(value, _MOST_DEPTH):
        raise _too_deep(source)
    return value


def _mapping_of(pairs: list[tuple[str, Any]]) -> dict:
    """A mapping; ValueError where a key is given twice, of which JSON would take the last."""
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = _given_twice(key for key, _ in pairs)[0]
        first = ", ".join(f"{shown(key)}: {shown(content)}" for key, content in pairs[:2])
        raise ValueError(f"the key {shown(twice)} is given twice in {{{first}, ...}}")
    return value


def _given_twice(keys: Iterable[str]) -> list[str]:
    return [key for key, number in collections.Counter(keys).items() if number > 1]


def load_mapping(path: str | os.PathLike, most_bytes: int = MOST_BYTES) -> dict:
    """As `load_json`; ValueError where the value is no mapping."""
    value = load_json(path, most_bytes)
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a mapping in JSON. Received: {type(value).__name__}")
    return value


def load_yaml(path: str | os.PathLike) -> Any:
    """The value in a YAML file; raises as `load_json`."""
    content = read_bytes(path, _MOST_YAML_BYTES)
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse_yaml(text: str) -> Any:
    """The value in YAML text: plain values, sequences, and mappings, which are `Located`.

    Raises:
        ValueError: it is no YAML, too long, nested too deeply, a key of a mapping is given twice,
            or its aliases stand for more than they should; names the line.
    """
    if len(text) > _MOST_YAML_BYTES:
        raise ValueError(f"YAML must be at most {_MOST_YAML_BYTES:,} characters long")
    try:
        _check_yaml_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _num_nodes(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, OverflowError) as error:
        raise ValueError(f"must be YAML: {error}") from error


def named(path: str | os.PathLike, error: ValueError) -> ValueError:
    """The error of a file, with the file's name in front where it is not there yet."""
    return error if str(error).startswith(f"{path}") else ValueError(f"{path}: {error}")


def real(text: str) -> float:
    """The finite number that a text is, digits, point and exponent; ValueError where it is none.

    Python's `float` takes 1_5 for 15, nan and the digits of all scripts, too.
    """
    value = float(text) if _REAL.fullmatch(text.strip()) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"a number is required. Received: {shown(text)}")
    return value


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number that can be computed with: true and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond those with a point
        return False


def shown(value: Any, most: int = 80) -> str:
    """A value for an error message: its beginning, whatever it is."""
    text = value if isinstance(value, str) else _begun(value)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _begun(value: Any) -> str:
    """As `repr`, which would take for ever on a value that aliases have blown up."""
    if isinstance(value, dict):
        return f"a mapping of {len(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    try:
        return repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return f"a number of {value.bit_length()} bits"


class _Loader(yaml.SafeLoader):
    """Plain values, and mappings that know their line and have each key once."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode):
    value = Located()
    value.line = node.start_mark.line + 1
    yield value
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    loader.flatten_mapping(node)
    twice = [key for key in _given_twice(keys) if key != "<<"]
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"'{min(twice)}' is given twice", node.start_mark
        )
    value.update(loader.construct_mapping(node, deep=False))


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _check_yaml_events(text: str) -> None:
    """Depth and number of values, before anything is made of them."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if number > 2 * _MOST_YAML_NODES:  # a collection begins and ends
            raise _too_many(event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise ValueError(
                f"line {_line(event.start_mark)}: at most {_MOST_DEPTH} values may be nested"
            )


def _num_nodes(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for when every alias is written out."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _MOST_YAML_NODES  # what holds itself has no end
    children = [] if isinstance(node, yaml.ScalarNode) else node.value
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in children for part in pair]
    number = 1
    for child in children:
        number += _num_nodes(child, known)
        if number > _MOST_YAML_NODES:
            raise _too_many(node.start_mark)
    known[id(node)] = number
    return number


def _line(mark: Any) -> int | str:
    """The number of a line from 1; not all of YAML's parts say theirs."""
    return mark.line + 1 if mark else "?"


def _too_many(mark: Any) -> ValueError:
    return ValueError(
        f"line {_line(mark)}: at most {_MOST_YAML_NODES:,} values may be given, those that aliases "
        "stand for included"
    )


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep(source: str | os.PathLike) -> ValueError:
    return ValueError(f"{source} must be JSON in which at most {_MOST_DEPTH} values are nested")
