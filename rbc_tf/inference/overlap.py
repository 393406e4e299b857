"""Reading and writing while the networks compute, a few images at a time."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

# Images read ahead, and images waiting to be written: what bounds the memory.
_AHEAD = 2


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

    with futures.ThreadPoolExecutor(1) as reader, futures.ThreadPoolExecutor(1) as writer:
        reading, writing = collections.deque(), collections.deque()
        try:
            for item in _read_ahead(items, lambda item: reader.submit(read, item), reading):
                writing.append(_caught(item[0], lambda value=item[1]: worked(value), expected))
                while len(writing) > _AHEAD:
                    yield _finished(*writing.popleft(), expected)
            while writing:
                yield _finished(*writing.popleft(), expected)
        finally:
            # An error, or a caller that stops: what has not begun never will.
            for future in reading:
                future[1].cancel()


def _read_ahead(items, submit, reading: collections.deque):
    for item in items:
        reading.append((item, submit(item)))
        if len(reading) > _AHEAD:
            yield reading.popleft()
    while reading:
        yield reading.popleft()


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
