"""Kills this process with SIGKILL before a system call that changes names, or has them outlast a
power cut: rename, exchange, unlink, rmdir, mkdir, fsync."""

import os
import signal
from collections.abc import Callable

from rbc_tf.core import temporaries

_CALLS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync")


def arm(number: int) -> Callable[[], int]:
    """Counts such calls from 1, kills before call `number` (0: never), gives the count so far."""
    count = 0

    def counted(function):
        def call(*arguments, **named):
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))
    temporaries._exchange = counted(temporaries._exchange)
    return lambda: count
