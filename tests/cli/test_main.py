"""The program as a user meets it: in processes of its own, since flags are global."""

import json
import pathlib
import re
import subprocess
import sys
import types

import pytest
import tensorflow as tf
from absl import flags

import rbc_tf
from rbc_tf.cli import command, main
from rbc_tf.core import optional

_ROOT = pathlib.Path(__file__).parents[2]

# Prints the help of all commands in one process, and what was loaded for it.
_ALL_HELP = """
import importlib, json, sys
from absl import flags
from rbc_tf.cli import command, main
before, texts = set(flags.FLAGS), {}
for name in main.COMMANDS:
    module = importlib.import_module("rbc_tf.cli." + name.replace("-", "_"))
    texts[name] = command.help_text(module), module.REQUIRED
    for flag in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, flag)
heavy = {"tensorflow", "keras", "official", "apache_beam", "matplotlib"} & set(sys.modules)
print(json.dumps([texts, sorted(heavy)]))
"""


def _run(*arguments, cwd=_ROOT):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def _rbc_tf(*arguments):
    return _run("-m", "rbc_tf", *arguments)


@pytest.fixture(scope="module")
def all_help():
    ended = _run("-c", _ALL_HELP)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_every_module_is_a_command():
    modules = {path.stem for path in (_ROOT / "rbc_tf" / "cli").glob("*.py")}
    names = {name.replace("-", "_") for name in main.COMMANDS}
    assert modules - names == {
        "__init__",
        "command",
        "environment",
        "stopping",
        "main",
        "shared_flags",
    }
    assert names <= modules


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_groups_the_commands(flag):
    ended = _rbc_tf(flag)
    assert ended.returncode == 0
    places = [ended.stdout.index(f"\n{title}:\n") for title in main.GROUPS]
    assert places == sorted(places)
    for name in main.COMMANDS:
        line = next(line for line in ended.stdout.splitlines() if line.startswith(f"  {name} "))
        assert line.endswith(".")


def test_version():
    ended = _rbc_tf("--version")
    assert (ended.returncode, ended.stdout) == (0, f"rbc_tf {rbc_tf.__version__}\n")


def test_neither_help_nor_version_loads_a_library():
    script = "import sys; from rbc_tf.cli import main; main.overview(); print(*sys.modules)"
    loaded = _run("-c", script).stdout.split()
    assert "rbc_tf.cli.main" in loaded
    assert not {"numpy", "absl", "tensorflow", "yaml"} & set(loaded)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("anlyze", "analyze"), ("train-detektor", "train-detector"), ("evalute_detector", "evaluate")],
)
def test_a_mistyped_command_is_answered_with_near_ones(given, meant):
    ended = _rbc_tf(given, "--help")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"no command '{given}'. Did you mean: {meant}" in ended.stderr


def test_what_is_like_no_command_gets_no_guess():
    ended = _rbc_tf("xyzzy")
    assert ended.returncode == 1
    assert "Did you mean" not in ended.stderr
    assert "rbc_tf --help" in ended.stderr


def test_without_a_command_help_goes_to_the_errors():
    ended = _rbc_tf()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "\nAnalyse smears:\n" in ended.stderr


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_of_a_command_has_its_own_flags_alone(all_help, name):
    text, required = all_help[0][name]
    assert f"\nrbc_tf {name} " in text or f"    rbc_tf {name} " in text  # an example
    assert all(f"\n  --{flag}: " in text for flag in required)
    assert "\n  --" in text
    assert "--verbosity" not in text
    assert "tools/" not in text


def test_help_of_commands_loads_nothing_large(all_help):
    assert all_help[1] == []


def test_help_of_one_command():
    ended = _rbc_tf("split-dataset", "--help")
    assert ended.returncode == 0
    assert "  --validation: Share for validation.\n    (default: '0.15')" in ended.stdout
    assert _rbc_tf("help", "split-dataset").stdout == ended.stdout
    assert _rbc_tf("split_dataset", "-h").stdout == ended.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed=1"], "error: --dataset_dir must be given"),
        (["--dataset_dir=x", "--sede=1"], "'sede'. Did you mean: seed"),
        (["--dataset_dir=x", "--seed=one"], "one"),
        (["--dataset_dir=x", "y"], "Unknown arguments: y"),
    ],
)
def test_wrong_flags_are_one_message(arguments, message):
    ended = _rbc_tf("split-dataset", *arguments)
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "'rbc_tf split-dataset --help' lists the flags." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_the_user_can_mend_is_one_message(tmp_path):
    ended = _rbc_tf("check-dataset", f"--dataset_dir={tmp_path / 'none'}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert str(tmp_path / "none") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_teacher_is_a_backbone_or_a_bundle(tmp_path):
    ended = _rbc_tf("finetune-backbone", "--mode=train", "--teacher=x", f"--output_dir={tmp_path}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: A bundle must be a folder, a packed file, or a name")


def test_there_is_a_script_for_every_command():
    scripts = {path.stem for path in (_ROOT / "tools").glob("*.py")} - {"benchmark"}
    assert scripts == {name.replace("-", "_") for name in main.COMMANDS}


def test_a_script_does_what_the_command_does(tmp_path):
    flags = ["--num_images=1", "--height=96", "--width=128", "--num_cells=3", "--seed=4"]
    for name, program in {"a": ["-m", "rbc_tf", "make-synthetic-smears"], "b": [_script()]}.items():
        ended = _run(*program, *flags, f"--output_dir={tmp_path / name}")
        assert ended.returncode == 0, ended.stderr
    contents = [
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in ("a", "b")
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) > 2


def _script():
    return _ROOT / "tools" / "make_synthetic_smears.py"


def test_help_of_a_script_is_that_of_the_command(tmp_path):
    ended = _run(_script(), "--help", cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout == _rbc_tf("make-synthetic-smears", "--help").stdout


def _ends_with(monkeypatch, capsys, error, *arguments):
    """What a command prints to stderr whose `main` raises an error; its exit status is 1."""

    def main():
        raise error

    module = types.ModuleType("command_that_fails")
    module.REQUIRED, module.main = (), main
    flags.FLAGS.unparse_flags()
    monkeypatch.setattr(command.app, "run", lambda call, given, parse: sys.exit(call(parse(given))))
    with pytest.raises(SystemExit) as ended:
        command.run_module(module, "rbc_tf fails", arguments)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_a_missing_extra_is_one_message(capsys, monkeypatch):
    with pytest.raises(optional.MissingExtraError) as missing:
        optional.load("no_such_package", extra="serving")
    assert "rbc_tf[serving]" in _ends_with(monkeypatch, capsys, missing.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a page\nof text " + "x" * 1000),
        KeyError("key"),
        AssertionError(),
        UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"),
        json.JSONDecodeError("Expecting value", "", 0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_nobody_foresaw_is_one_line(capsys, monkeypatch, error):
    printed = _ends_with(monkeypatch, capsys, error)
    assert printed.startswith(f"error: not foreseen by rbc_tf {rbc_tf.__version__}: ")
    assert type(error).__name__ in printed
    assert printed.count("\n") == 1
    assert len(printed) < 500
    assert "--verbose" in printed


@pytest.mark.parametrize("error", [RuntimeError("a defect"), ValueError("a flag makes no sense")])
def test_verbose_shows_the_traceback(capsys, monkeypatch, error):
    printed = _ends_with(monkeypatch, capsys, error, "--verbose")
    assert printed.startswith("Traceback")
    assert "raise error" in printed
    assert printed.splitlines()[-1].startswith("error: ")
    assert str(error) in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (tf.errors.DataLossError, "a file is damaged: corrupted record at 5"),
        (tf.errors.ResourceExhaustedError, "memory, or room on a disk, is not enough: corrupted"),
        (tf.errors.NotFoundError, "a file cannot be read or written: corrupted record at 5"),
    ],
)
def test_errors_of_tensorflow_are_one_line(capsys, monkeypatch, error, said):
    message = "corrupted record at 5\n\t [[{{node IteratorGetNext}}]] [Op:IteratorGetNext]"
    printed = _ends_with(monkeypatch, capsys, error(None, None, message))
    assert printed.startswith(f"error: {said}")
    assert printed.count("\n") == 1
    assert "node" not in printed


def test_memory_that_is_not_enough_is_no_defect(capsys, monkeypatch):
    printed = _ends_with(monkeypatch, capsys, MemoryError("Unable to allocate 9 TiB"))
    assert "memory" in printed
    assert "report" not in printed


_PAGES = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", _PAGES, ids=[page.name for page in _PAGES])
def test_commands_in_the_documents_exist(all_help, page):
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for name, rest in re.findall(r"(?:^|`)rbc_tf ([a-z][a-z-]*)([^`\n]*)", text, re.MULTILINE):
        assert name in all_help[0], f"rbc_tf {name}"
        for flag in re.findall(r"(?<= )--(?:no)?(\w+)", rest.partition("#")[0]):
            known = all_help[0][name][0]
            passed_on = name == "analyze-beam" and flag.startswith("direct_")
            assert passed_on or re.search(rf"\n  --(\[no\])?{flag}:\s", known), f"{name} --{flag}"


def test_a_bundle_is_named_once():
    ended = _rbc_tf("evaluate", "--bundle=chula12", "--bundle_dir=mine", "--dataset_dir=none")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --bundle and --bundle_dir are one flag. Received: both")
