"""Reading and writing while the networks compute, a few images at a time."""

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

# Images read ahead, and images waiting to be written: what bounds the memory.
_AHEAD = 2


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Value]
) -> Iterator[tuple[Item, "futures.Future[Value]"]]:
    """Yields every item in order with what `read`, in a thread of its own, makes of it.

    Close the generator to leave it early: what has not begun to be read then never will.
    """
    with futures.ThreadPoolExecutor(1) as reader:
        reading = collections.deque()
        try:
            for item in items:
                reading.append((item, reader.submit(read, item)))
                if len(reading) > _AHEAD:
                    yield reading.popleft()
            while reading:
                yield reading.popleft()
        finally:
            for _, future in reading:
                future.cancel()


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Value],
    work: Callable[[Value], Result],
    write: Callable[[Value, Result], None],
    expected: type[Exception],
) -> Iterator[tuple[Item, Exception | None]]:
    """Yields every item when it is written, in order, or with the error that it ended in.

    `read` and `write` run in a thread each beside `work`, which runs in the caller's.

    Args:
        items: what is to be done.
        read: makes of an item what `work` takes.
        work: makes the result.
        write: is given both.
        expected: errors of one item, after which the others go on; any other error is raised.
    """

    def worked(value: futures.Future):
        read_value = value.result()
        return writer.submit(write, read_value, work(read_value))

    with (
        futures.ThreadPoolExecutor(1) as writer,
        contextlib.closing(read_ahead(items, read)) as values,
    ):
        writing = collections.deque()
        for item, value in values:
            writing.append(_caught(item, lambda value=value: worked(value), expected))
            while len(writing) > _AHEAD:
                yield _finished(*writing.popleft(), expected)
        while writing:
            yield _finished(*writing.popleft(), expected)


def _caught(item, start, expected):
    """(item, future of its writing, None), or (item, None, the error it ended in)."""
    try:
        return item, start(), None
    except expected as error:
        return item, None, error


def _finished(item, future, error, expected):
    if future is not None:
        try:
            future.result()
        except expected as late:
            error = late
    return item, error
