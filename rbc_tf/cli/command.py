"""What every command-line tool shares: quiet start, one log handler, errors without tracebacks."""

import os
import sys
from collections.abc import Callable

# Before TensorFlow is loaded: without a GPU it reports that at length on every start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app, flags, logging


def run(
    main: Callable[..., int | None], required: tuple[str, ...] = (), pass_on: bool = False
) -> None:
    """Parses the flags, runs `main` and exits with the status that it returns.

    A ValueError or OSError is the user's to mend: it is printed as one message, status 1. Anything
    else is a defect and keeps its traceback.

    Args:
        main: the tool, without arguments.
        required: names of flags that must be given.
        pass_on: give arguments that are no flags of ours to `main`, as a list, in their order.
    """

    def call(arguments: list[str]) -> int | None:
        if len(arguments) > 1 and not pass_on:
            raise app.UsageError(f"Unknown arguments: {' '.join(arguments[1:])}")
        logging.set_verbosity(logging.INFO)
        try:
            return main(arguments[1:]) if pass_on else main()
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    flags.mark_flags_as_required(required)
    app.run(call, flags_parser=_parse_known_flags if pass_on else app.parse_flags_with_usage)


def _parse_known_flags(arguments: list[str]) -> list[str]:
    # Ours may stand after others: `--runner FlinkRunner --input smears`.
    flags.FLAGS.set_gnu_getopt(True)
    try:
        return flags.FLAGS(arguments, known_only=True)
    except flags.Error as error:
        print(f"FATAL Flags parsing error: {error}", file=sys.stderr)
        sys.exit(1)
