import threading

import pytest

from rbc_tf.inference import overlap
from rbc_tf.inference.overlap import overlapped


def _run(items, read=lambda i: i, work=lambda v: v, write=lambda v, r: None, num_bytes=lambda i: 0):
    return list(overlapped(items, read, work, write, num_bytes))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_all_are_written_once_and_in_order(count):
    written = []
    done = _run(
        range(count), lambda i: 10 * i, lambda v: v + 1, lambda v, r: written.append((v, r))
    )
    assert done == [(i, None) for i in range(count)]
    assert written == [(10 * i, 10 * i + 1) for i in range(count)]


@pytest.mark.parametrize("error", [ValueError, TypeError, MemoryError, RecursionError])
@pytest.mark.parametrize("stage", ["read", "work", "write"])
def test_an_error_of_one_item_leaves_the_others(stage, error):
    def fail_on_3(value, result=None):
        if value == 3:
            raise error("three")
        return value

    done = _run(range(6), **{stage: fail_on_3})
    assert [item for item, error in done if error is None] == [0, 1, 2, 4, 5]
    assert str(done[3][1]) == "three"


@pytest.mark.parametrize("stage", ["read", "work", "write"])
def test_who_stops_the_run_stops_it(stage):
    def stop(value, result=None):
        raise KeyboardInterrupt

    # Of the largest size, so that the next item waits for memory that nobody will give back.
    with pytest.raises(KeyboardInterrupt):
        _run(range(6), **{stage: stop}, num_bytes=lambda i: overlap._MOST_BYTES)


def test_large_items_are_in_memory_one_at_a_time_and_small_ones_beside_others():
    alive, most = {}, {"large": 0}
    sizes = [overlap._MOST_BYTES * (i % 3 == 0) for i in range(12)]

    def read(item):
        alive[item] = sizes[item]
        most["large"] = max(most["large"], sum(size > 0 for size in alive.values()))
        return item

    done = _run(
        range(12), read, write=lambda value, result: alive.pop(value), num_bytes=sizes.__getitem__
    )
    assert [error for _, error in done] == [None] * 12
    assert most["large"] == 1


def test_reading_and_writing_go_on_while_work_waits():
    read, written, first_written = [], [], threading.Event()

    def write(value, result):
        written.append(value)
        first_written.set()

    def work(value):
        if value == 1:
            # Only another thread can have written 0 and read 3 by now.
            assert first_written.wait(10)
            assert 3 in read or all_read.wait(10)
        return value

    all_read = threading.Event()

    def reading(item):
        read.append(item)
        if item == 3:
            all_read.set()
        return item

    _run(range(4), reading, work, write)
    assert written == [0, 1, 2, 3]


def test_no_more_than_a_few_are_in_memory():
    alive, most = set(), [0]

    def read(item):
        alive.add(item)
        most[0] = max(most[0], len(alive))
        return item

    _run(range(50), read, write=lambda value, result: alive.discard(value))
    assert most[0] <= 7
