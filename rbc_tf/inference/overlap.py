"""Reading and writing while the networks compute, a few images at a time."""

import collections
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

# Images read ahead, and images waiting to be written: what bounds the memory.
_AHEAD = 2
_MOST_BYTES = 2**29


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
    num_bytes: Callable[[Item], int] = lambda item: 0,
) -> Iterator[tuple[Item, Exception | None]]:
    """Yields every item when it is written, in order, or with the error that it ended in.

    `read` and `write` run in a thread each beside `work`, which runs in the caller's.

    Args:
        items: what is to be done.
        read: makes of an item what `work` takes.
        work: makes the result.
        write: is given both.
        num_bytes: roughly how much memory an item will take when it is read. Beyond a bound an
            item waits until those before it are written.

    Any error of one item is that item's: the others go on.
    """
    memory = _Memory(_MOST_BYTES)

    def read_within_bounds(item: Item) -> tuple[Value, int]:
        size = num_bytes(item)
        memory.take(size)
        try:
            return read(item), size
        except BaseException:
            memory.give_back(size)
            raise

    def written(value: Value, result: Result, size: int) -> None:
        try:
            write(value, result)
        finally:
            memory.give_back(size)

    def worked(read_value: futures.Future) -> futures.Future:
        value, size = read_value.result()
        try:
            result = work(value)
        except BaseException:
            memory.give_back(size)
            raise
        return writer.submit(written, value, result, size)

    with (
        futures.ThreadPoolExecutor(1) as writer,
        contextlib.closing(read_ahead(items, read_within_bounds)) as values,
        contextlib.closing(memory),
    ):
        writing = collections.deque()
        for item, value in values:
            writing.append(_caught(item, lambda value=value: worked(value)))
            del value  # or the image would be kept until the next one has been read
            while len(writing) > _AHEAD:
                yield _finished(*writing.popleft())
        while writing:
            yield _finished(*writing.popleft())


class _Memory:
    """Lets readers wait until what was read before them takes no more than a bound."""

    def __init__(self, most_bytes: int):
        self._most_bytes = most_bytes
        self._taken = 0
        self._changed = threading.Condition()
        self._is_closed = False

    def take(self, size: int) -> None:
        """Waits for room. What is larger than the bound gets it when nothing else is there."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not self._taken or self._taken + size <= self._most_bytes
            )
            self._taken += size

    def give_back(self, size: int) -> None:
        with self._changed:
            self._taken -= size
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody gives back any more: who waits may go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _caught(item, start):
    """(item, future of its writing, None), or (item, None, the error it ended in)."""
    try:
        return item, start(), None
    except Exception as error:
        return item, None, error


def _finished(item, future, error):
    if future is not None:
        try:
            future.result()
        except Exception as late:
            error = late
    return item, error
