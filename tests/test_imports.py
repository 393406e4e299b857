"""Imports go one way, and Model Garden and Beam stay behind their walls."""

import ast
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).parents[1]
_PACKAGE = _ROOT / "rbc_tf"

# What the modules of a folder may import from, besides the root modules and their own folder.
_MAY_IMPORT = {
    # The public names, looked up when they are first asked for; and `python -m rbc_tf`.
    "": {"inference", "cli"},
    "core": set(),
    "graphs": {"core"},
    "metrics": {"core"},
    "data": {"core"},
    "detection": {"core", "graphs"},
    "detection/garden": {"core", "graphs", "metrics", "data", "detection"},
    "features": {"core", "graphs", "metrics", "data"},
    "classification": {"core", "metrics", "features"},
    "manifest": {"core", "detection", "features", "classification"},
    "model_card": {"core", "detection", "manifest"},
    "figures/drawing": {"core", "metrics"},
    "inference": {
        "core",
        "graphs",
        "metrics",
        "data",
        "detection",
        "features",
        "classification",
        "manifest",
        "model_card",
    },
    "inference/fleet": {"core", "graphs", "detection", "inference"},
    "evaluation": {
        "core",
        "graphs",
        "metrics",
        "data",
        "detection",
        "features",
        "classification",
        "manifest",
        "model_card",
        "inference",
        "figures/drawing",
    },
    "figures": {
        "core",
        "metrics",
        "data",
        "features",
        "inference",
        "evaluation",
        "figures/drawing",
    },
    "cli": {
        "core",
        "graphs",
        "metrics",
        "data",
        "detection",
        "detection/garden",
        "features",
        "classification",
        "model_card",
        "inference",
        "inference/fleet",
        "evaluation",
        "figures",
    },
}

_GARDEN_ONLY = {"official", "tf_keras", "orbit"}
_FLEET_ONLY = {"apache_beam"}  # an optional extra
# Extras behind `core.optional`, and what only tests need.
_NOWHERE = {"tensorflow_serving", "selenium", "shapely", "hypothesis", "pytest"}


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


def _one_room(folder):
    """The room of a folder; inner folders without a rule of their own are part of theirs."""
    while folder not in _MAY_IMPORT and "/" in folder:
        folder = folder.rpartition("/")[0]
    return folder


_FILES = sorted(_PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", _FILES, ids=[str(p.relative_to(_PACKAGE)) for p in _FILES])
def test_imports_go_one_way(path):
    own = _one_room(path.parent.relative_to(_PACKAGE).as_posix().replace(".", ""))
    allowed = _MAY_IMPORT[own] | {"", own}
    for name in _imports(path):
        if name.split(".")[0] == "rbc_tf":
            room = _one_room(_room(name))
            assert room in allowed, f"{path.name} imports {name}"
        assert name.split(".")[0] != "tools"
        if own != "detection/garden":
            assert name.split(".")[0] not in _GARDEN_ONLY, f"{path.name} imports {name}"
        if own != "inference/fleet":
            assert name.split(".")[0] not in _FLEET_ONLY, f"{path.name} imports {name}"
        assert name.split(".")[0] not in _NOWHERE, f"{path.name} imports {name}"


def test_keras_has_the_same_settings_everywhere():
    """Whoever imports it by itself gets those of the user's keras.json."""
    importing = {path.name for path in _FILES if "keras" in _imports(path)}
    assert importing == {"keras_settings.py"}


def test_every_folder_has_a_rule():
    folders = {path.parent.relative_to(_PACKAGE).as_posix().replace(".", "") for path in _FILES}
    assert {_one_room(folder) for folder in folders} == set(_MAY_IMPORT)


def _own_modules(path, seen):
    """A file of the package and all files of it that it imports, directly or not."""
    if path in seen:
        return seen
    seen.add(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "rbc_tf":
            for length in (len(parts), len(parts) - 1):  # a module, or something in one
                module = _PACKAGE.parent.joinpath(*parts[:length]).with_suffix(".py")
                if module.is_file():
                    _own_modules(module, seen)
    return seen


def test_training_a_backbone_needs_no_tensorflow():
    """It must run on Keras's other backends, where TensorFlow is not installed."""
    modules = _own_modules(_PACKAGE / "features" / "finetuning.py", set())
    modules |= _own_modules(_PACKAGE / "features" / "backbone.py", set())
    for path in (_PACKAGE / "features" / "backbones").glob("*.py"):  # found by name, not imported
        modules |= _own_modules(path, set())
    assert {"resnet50.py", "patch_archive.py", "masked_loss.py"} <= {path.name for path in modules}
    for path in modules:
        assert "tensorflow" not in {name.split(".")[0] for name in _imports(path)}, path


# What tests more than one module, or none of the package.
_TESTS_OF_MORE = {
    "test_classifier_configs.py",
    "core/decoding/test_varieties.py",
    "test_end_to_end.py",
    "test_imports.py",
    "detection/test_pipeline_config.py",
    "inference/report/test_browser.py",
}


def test_tests_mirror_the_packages():
    """tests/FOLDER/test_NAME.py tests rbc_tf/FOLDER/NAME, a module or package, or FOLDER/NAME."""
    places = [path.relative_to(_ROOT / "tests") for path in (_ROOT / "tests").rglob("test_*.py")]
    for place in places:
        name = place.stem.removeprefix("test_")
        tested = [folder / place.parent / name for folder in (_PACKAGE, _ROOT)]
        found = any(path.with_suffix(".py").is_file() or path.is_dir() for path in tested)
        assert found or place.as_posix() in _TESTS_OF_MORE, place
