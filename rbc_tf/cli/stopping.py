"""Ctrl-C and SIGTERM: what is half-written is removed, one line is printed, status 130 or 143.

A signal becomes a KeyboardInterrupt in the main thread, which unwinds what is at work there.
Libraries make other errors of it, print what their threads make of it, or go on: so from then on
nothing else is printed, and a process that has not ended after a while, or is stopped a second
time, ends at once. What it then leaves is swept by the next run.
"""

import contextlib
import logging
import os
import pathlib
import signal
import sys
import threading
import types
import typing

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

# For the image, or the step of training, that is at work.
_PATIENCE_SECONDS = 30

_received: list[int] = []


def install() -> None:
    """Takes both signals from now on; does nothing in a thread that cannot."""
    if threading.current_thread() is threading.main_thread():
        for number in _NAMES:
            signal.signal(number, _stop)


def was_asked() -> bool:
    """Whether one of the signals has come."""
    return bool(_received)


def end() -> typing.NoReturn:
    """Prints the line and ends the process; what the main thread had open is closed by then."""
    number = _received[0] if _received else signal.SIGINT
    _end_children()
    with contextlib.suppress(OSError, ValueError):
        print(
            f"\nstopped by {_NAMES[signal.Signals(number)]}; nothing is half-written, and the same "
            "command goes on from what it has kept",
            file=sys.stderr,
        )
        sys.stdout.flush()
        sys.stderr.flush()
    # Not by an exception: threads of libraries would be waited for.
    os._exit(128 + number)


def _stop(number: int, frame: types.FrameType | None) -> None:
    _received.append(number)
    if len(_received) > 1:
        end()
    logging.disable(logging.CRITICAL)
    threading.excepthook = _say_nothing
    sys.unraisablehook = _say_nothing
    late = threading.Timer(_PATIENCE_SECONDS, end)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _say_nothing(*_) -> None:
    """In the place of hooks that print what threads and destructors end in."""


def _end_children() -> None:
    """Kills the workers that this process has started: without it they have nothing to do."""
    for process in _children(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """Processes that one has started, and those that they have; none where nothing says."""
    found = []
    for path in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in path.read_text(encoding="ascii").split()]
    return [*(below for child in found for below in _children(child)), *found]
