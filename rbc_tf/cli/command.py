"""Runs one command: its flags, its help, a quiet start, errors without tracebacks.

A command is a module of this package with

    a docstring: what it does in one line, then examples;
    flags, defined on import: no two commands are imported in one process;
    REQUIRED: names of flags that must be given;
    POSITIONAL (optional): names of flags that arguments without a name are for, in their order;
    main(): imports what it needs and calls it; what it returns is the exit status;
    PASS_ON (optional): True where arguments that are no flags of ours go to main, as a list;
    ANY_BACKEND (optional): True where every backend of Keras will do, by KERAS_BACKEND.
"""

import importlib
import json
import os
import pathlib
import sys
import traceback
import types
from collections.abc import Sequence

# Before TensorFlow is loaded: without a GPU it reports that at length on every start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags, logging

import rbc_tf
from rbc_tf.cli import environment, shared_flags, stopping
from rbc_tf.core import optional

# Errors that are the user's to mend, whose messages say how; but for those among them that code
# for reading raises, without a word on the file, where nobody has thought of it.
_EXPECTED = (ValueError, OSError, optional.MissingExtraError)
_NOT_EXPECTED = (UnicodeError, json.JSONDecodeError)

# Errors of TensorFlow, by their names as it need not be loaded: what the machine lacks or the
# user's files are.
_OF_TENSORFLOW = {
    ("ResourceExhaustedError",): "memory, or room on a disk, is not enough",
    ("DataLossError",): "a file is damaged",
    ("NotFoundError", "PermissionDeniedError"): "a file cannot be read or written",
    ("UnavailableError", "DeadlineExceededError"): "another machine does not answer",
}

_LONGEST_REASON = 300

_HELP = ("--help", "-help", "-h", "--helpshort", "-?")


def run_script(path: str) -> None:
    """Runs the command that a script `tools/NAME.py` is named after, and exits."""
    run(pathlib.Path(path).stem.replace("_", "-"), sys.argv[1:])


def run(name: str, arguments: Sequence[str]) -> None:
    """Runs a command and exits with its status.

    Ctrl-C and SIGTERM end it with one line, status 130 and 143 (see `stopping`).

    An error is printed as one message, status 1, with --verbose after its traceback. A ValueError,
    an OSError or a missing extra is the user's to mend. Anything else is a defect, which the
    message asks to report.

    Args:
        name: 'train-detector' for the module train_detector.
        arguments: flags and what else follows the name.
    """
    stopping.install()
    try:
        module = importlib.import_module(f"rbc_tf.cli.{name.replace('-', '_')}")
    except Exception as error:
        sys.exit(_failure(error, "--verbose" in arguments))
    except KeyboardInterrupt:
        stopping.end()
    run_module(module, f"rbc_tf {name}", arguments)


def run_module(module: types.ModuleType, program: str, arguments: Sequence[str]) -> None:
    """As `run`, for a module of the same form that lies elsewhere."""
    if any(argument in _HELP for argument in arguments):
        print(help_text(module))
        sys.exit(0)
    stopping.install()
    environment.settle_streams()
    environment.settle_backend(getattr(module, "ANY_BACKEND", False))
    pass_on = getattr(module, "PASS_ON", False)

    def call(remaining: list[str]) -> int | None:
        logging.set_verbosity(logging.DEBUG if shared_flags.is_verbose() else logging.INFO)
        try:
            return module.main(remaining[1:]) if pass_on else module.main()
        except KeyboardInterrupt:
            stopping.end()
        except Exception as error:
            if stopping.was_asked():  # a library has made another error of it
                stopping.end()
            return _failure(error, shared_flags.is_verbose())

    def parse(everything: list[str]) -> list[str]:
        # Flags may stand after others: `--runner FlinkRunner --input smears`.
        flags.FLAGS.set_gnu_getopt(True)
        try:
            shared_flags.check_one_bundle(everything)
            remaining = _named(flags.FLAGS(everything, known_only=pass_on), module)
            _check(remaining, module)
        except flags.Error as error:
            print(f"error: {error}\n'{program} --help' lists the flags.", file=sys.stderr)
            sys.exit(1)
        return remaining

    try:
        app.run(call, [program, *arguments], parse)
    except KeyboardInterrupt:
        stopping.end()


def _failure(error: Exception, verbose: bool) -> int:
    """Prints an error; the exit status."""
    if verbose:
        traceback.print_exception(error)
    print(f"error: {_message(error, verbose)}", file=sys.stderr)
    return 1


def _message(error: Exception, verbose: bool) -> str:
    """The text of an error, or, of a defect, one line that says so."""
    if isinstance(error, _EXPECTED) and not isinstance(error, _NOT_EXPECTED) and str(error):
        return str(error)
    # Of libraries such as TensorFlow, it may be a page of text.
    reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
    if isinstance(error, MemoryError):
        return f"the memory of this machine is not enough ({reason})"
    for kinds, what in _OF_TENSORFLOW.items():
        if type(error).__name__ in kinds and "tensorflow" in type(error).__module__:
            return f"{what}: {_shortened(str(getattr(error, 'message', error)))}"
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]}..."
    ask = "this traceback" if verbose else "the traceback that --verbose shows"
    return (
        f"not foreseen by rbc_tf {rbc_tf.__version__}: {reason}. Please report it, with {ask} "
        "and the command"
    )


def _shortened(text: str) -> str:
    """What TensorFlow says, without the operations that it passed through."""
    first = text.strip().partition("\n")[0].partition(" [Op:")[0].partition(" [[{{")[0]
    return f"{first[:_LONGEST_REASON]}..." if len(first) > _LONGEST_REASON else first


def _named(remaining: list[str], module: types.ModuleType) -> list[str]:
    """Gives arguments without a name to the flags that they are for; what is left."""
    for name in getattr(module, "POSITIONAL", ()):
        if len(remaining) < 2:
            break
        value = remaining.pop(1)
        if flags.FLAGS[name].present:
            raise flags.Error(f"--{name} was given, and {value} besides")
        flags.FLAGS[name].value = value
        flags.FLAGS[name].present = 1
    return remaining


def _check(remaining: Sequence[str], module: types.ModuleType) -> None:
    missing = [f"--{name}" for name in module.REQUIRED if flags.FLAGS[name].value is None]
    if missing:
        raise flags.Error(f"{', '.join(missing)} must be given")
    if len(remaining) > 1 and not getattr(module, "PASS_ON", False):
        raise flags.Error(_unknown(remaining[1:], module))


def _unknown(arguments: Sequence[str], module: types.ModuleType) -> str:
    text = f"Unknown arguments: {' '.join(arguments)}"
    names = ", ".join(f"--{name}" for name in getattr(module, "POSITIONAL", ()))
    return f"{text}. One is taken, for {names}; quote a path with spaces" if names else text


def help_text(module: types.ModuleType) -> str:
    """What a command does, and its own flags: none of those that libraries define."""
    described = map(flags.FLAGS.module_help, (module.__name__, shared_flags.__name__))
    # The first line of each names the module, which is nothing to a user.
    parts = [text.strip().partition("\n")[2] for text in described]
    return "\n".join([(module.__doc__ or "").strip(), "", "Flags:", *filter(None, parts)])
