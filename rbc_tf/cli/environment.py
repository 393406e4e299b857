"""What a process may find around it, made to make no difference: streams, and Keras's backend."""

import os
import sys


def settle_streams() -> None:
    """Opens standard streams that the caller closed, and lets every text be printed.

    A stream that stays closed is found by the next file that is opened: what is then printed, by
    libraries too, stands in that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # The name of a file may hold what the terminal's encoding, or any, cannot write.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def settle_backend(any_backend: bool) -> None:
    """Before Keras is loaded: TensorFlow computes, whatever KERAS_BACKEND or keras.json say.

    Args:
        any_backend: what is to be run does with any backend, so that KERAS_BACKEND may name it.
    """
    if not (any_backend and os.environ.get("KERAS_BACKEND")):
        os.environ["KERAS_BACKEND"] = "tensorflow"
