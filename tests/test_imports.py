"""Imports go one way, and Model Garden stays behind its wall."""

import ast
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_PACKAGE = _ROOT / "rbc_tf"

# What the modules of a folder may import from, besides the root modules and their own folder.
_MAY_IMPORT = {
    "": set(),
    "data": set(),
    "evaluation": set(),
    "detection": set(),
    "detection/garden": {"data", "evaluation"},
    "features": {"data"},
    "classification": {"features"},
    "report": {"evaluation"},
    "pipeline": {"data", "detection", "features", "classification", "evaluation", "report"},
}

_GARDEN_ONLY = {"official", "tf_keras", "orbit"}


def _imports(path):
    """Full dotted names of everything a file imports."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _room(name):
    """The folder below rbc_tf that a dotted name lies in; '' for a root module."""
    parts = name.split(".")[1:]
    folder = ""
    for part in parts:
        deeper = f"{folder}/{part}".lstrip("/")
        if not (_PACKAGE / deeper).is_dir():
            break
        folder = deeper
    return folder


_FILES = sorted(_PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", _FILES, ids=[str(p.relative_to(_PACKAGE)) for p in _FILES])
def test_imports_go_one_way(path):
    own = path.parent.relative_to(_PACKAGE).as_posix().replace(".", "")
    own = "data" if own.startswith("data/") else own  # its inner folders are one room
    allowed = _MAY_IMPORT[own] | {"", own}
    for name in _imports(path):
        if name.split(".")[0] == "rbc_tf":
            room = _room(name)
            room = "data" if room.startswith("data/") else room
            assert room in allowed, f"{path.name} imports {name}"
        assert name.split(".")[0] != "tools"
        if own != "detection/garden":
            assert name.split(".")[0] not in _GARDEN_ONLY, f"{path.name} imports {name}"


def test_every_folder_has_a_rule():
    folders = {path.parent.relative_to(_PACKAGE).as_posix().replace(".", "") for path in _FILES}
    assert {folder for folder in folders if not folder.startswith("data/")} == set(_MAY_IMPORT)
