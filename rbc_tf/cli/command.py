"""Runs one command: its flags, its help, a quiet start, errors without tracebacks.

A command is a module of this package with

    a docstring: what it does in one line, then examples;
    flags, defined on import: no two commands are imported in one process;
    REQUIRED: names of flags that must be given;
    main(): imports what it needs and calls it; what it returns is the exit status;
    PASS_ON (optional): True where arguments that are no flags of ours go to main, as a list.
"""

import importlib
import os
import pathlib
import sys
import types
from collections.abc import Sequence

# Before TensorFlow is loaded: without a GPU it reports that at length on every start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags, logging

from rbc_tf.cli import shared_flags
from rbc_tf.core import optional

_HELP = ("--help", "-help", "-h", "--helpshort", "-?")


def run_script(path: str) -> None:
    """Runs the command that a script `tools/NAME.py` is named after, and exits."""
    run(pathlib.Path(path).stem.replace("_", "-"), sys.argv[1:])


def run(name: str, arguments: Sequence[str]) -> None:
    """Runs a command and exits with its status.

    A ValueError, an OSError or a missing extra is the user's to mend: it is printed as one
    message, status 1. Anything else is a defect and keeps its traceback.

    Args:
        name: 'train-detector' for the module train_detector.
        arguments: flags and what else follows the name.
    """
    module = importlib.import_module(f"rbc_tf.cli.{name.replace('-', '_')}")
    run_module(module, f"rbc_tf {name}", arguments)


def run_module(module: types.ModuleType, program: str, arguments: Sequence[str]) -> None:
    """As `run`, for a module of the same form that lies elsewhere."""
    if any(argument in _HELP for argument in arguments):
        print(help_text(module))
        sys.exit(0)
    pass_on = getattr(module, "PASS_ON", False)

    def call(remaining: list[str]) -> int | None:
        logging.set_verbosity(logging.INFO)
        try:
            return module.main(remaining[1:]) if pass_on else module.main()
        except (ValueError, OSError, optional.MissingExtraError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    def parse(everything: list[str]) -> list[str]:
        # Flags may stand after others: `--runner FlinkRunner --input smears`.
        flags.FLAGS.set_gnu_getopt(True)
        try:
            remaining = flags.FLAGS(everything, known_only=pass_on)
            _check(remaining, module)
        except flags.Error as error:
            print(f"error: {error}\n'{program} --help' lists the flags.", file=sys.stderr)
            sys.exit(1)
        return remaining

    app.run(call, [program, *arguments], parse)


def _check(remaining: Sequence[str], module: types.ModuleType) -> None:
    missing = [f"--{name}" for name in module.REQUIRED if flags.FLAGS[name].value is None]
    if missing:
        raise flags.Error(f"{', '.join(missing)} must be given")
    if len(remaining) > 1 and not getattr(module, "PASS_ON", False):
        raise flags.Error(f"Unknown arguments: {' '.join(remaining[1:])}")


def help_text(module: types.ModuleType) -> str:
    """What a command does, and its own flags: none of those that libraries define."""
    described = map(flags.FLAGS.module_help, (module.__name__, shared_flags.__name__))
    # The first line of each names the module, which is nothing to a user.
    parts = [text.strip().partition("\n")[2] for text in described]
    return "\n".join([(module.__doc__ or "").strip(), "", "Flags:", *filter(None, parts)])
