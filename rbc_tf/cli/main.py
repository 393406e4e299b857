"""The program `rbc_tf`: finds the command, or lists those there are."""

import ast
import difflib
import pathlib
import sys
from collections.abc import Sequence

import rbc_tf
from rbc_tf.cli import environment

# Commands by what one wants, in the order in which one meets them.
GROUPS = {
    "Analyse smears": ("analyze", "analyze-beam", "bundles", "export-annotations"),
    "Make a dataset": (
        "import-annotations",
        "import-chula",
        "import-sickle",
        "make-synthetic-smears",
        "compose-smears",
        "check-dataset",
        "split-dataset",
    ),
    "Train": (
        "create-detection-records",
        "train-detector",
        "export-detector",
        "convert-weights",
        "finetune-backbone",
        "extract-features",
        "train-classifier",
        "export-bundle",
    ),
    "Evaluate": (
        "evaluate",
        "evaluate-detector",
        "evaluate-classifier",
        "inspect-classifier",
        "cross-validate",
        "compare-features",
        "compare-baselines",
        "compare-precisions",
        "compare-alterations",
        "evaluate-cells",
        "make-figures",
    ),
    "Share": ("pack-bundle", "export-saved-model"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)

_FOLDER = pathlib.Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command that the arguments name (those of the process by default), and exits."""
    environment.settle_streams()
    first, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if first == "--version":
        print(f"rbc_tf {rbc_tf.__version__}")
        sys.exit(0)
    if first in ("--help", "-h", "help") and not rest:
        print(overview())
        sys.exit(0)
    if first == "help":
        first, rest = rest[0], ["--help"]
    name = first.replace("_", "-")
    if name not in COMMANDS:
        print(_unknown(first), file=sys.stderr)
        sys.exit(1)
    from rbc_tf.cli import command  # absl, which neither help nor version need

    command.run(name, rest)


def overview() -> str:
    """All commands, each with the first line of its docstring."""
    width = max(map(len, COMMANDS))
    lines = ["usage: rbc_tf COMMAND [FLAGS]", "", (rbc_tf.__doc__ or "").partition("\n")[0]]
    for title, names in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:{width}}  {_summary(name)}" for name in names)]
    return "\n".join([*lines, "", "'rbc_tf COMMAND --help' lists the flags of a command."])


def _summary(name: str) -> str:
    # Read, not imported: two commands may define the same flag.
    source = (_FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _unknown(given: str) -> str:
    if not given or given.startswith("-"):
        return overview()
    near = difflib.get_close_matches(given.replace("_", "-"), COMMANDS, n=3)
    guess = f" Did you mean: {', '.join(near)}?" if near else ""
    return f"error: there is no command '{given}'.{guess}\n'rbc_tf --help' lists the commands."
