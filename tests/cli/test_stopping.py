"""Signals, sent to a process of its own that does what commands do."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

_ROOT = pathlib.Path(__file__).parents[2]

# `work` is put in its place. What it prints tells when it is at work.
_PROGRAM = """
import sys, threading, time, types, logging, contextlib, pathlib, subprocess
from concurrent import futures
from rbc_tf.cli import command, stopping
from rbc_tf.core import files
stopping._PATIENCE_SECONDS = 5

def main():
    {work}

module = types.ModuleType("rbc_tf.cli.made_up", "Does something.")
module.REQUIRED, module.main = (), main
command.run_module(module, "rbc_tf made-up", [])
"""

_WRITING = """
    with files.atomic_path({path!r}) as temporary:
        temporary.write_text("half")
        print("working", flush=True)
        time.sleep(60)
"""
_IN_THREADS = """
    def fail():
        while not stopping.was_asked():
            time.sleep(0.01)
        raise RuntimeError("a thread")
    with futures.ThreadPoolExecutor(2) as pool:
        threading.Thread(target=fail).start()
        print("working", flush=True)
        for done in [pool.submit(time.sleep, 0.5) for _ in range(9)]:
            done.result()
"""
_WRAPPED = """
    try:
        print("working", flush=True)
        time.sleep(60)
    except BaseException as error:
        logging.getLogger("beam").error("a worker failed", exc_info=error)
        raise RuntimeError("KeyboardInterrupt") from error
"""
_SWALLOWED = """
    while True:
        with contextlib.suppress(BaseException):
            print("working", flush=True)
            time.sleep(60)
"""
_WITH_A_WORKER = """
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path({path!r}).write_text(str(worker.pid))
    print("working", flush=True)
    time.sleep(60)
"""


def _start(work, path):
    program = _PROGRAM.format(work=work.format(path=str(path)).strip())
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize(
    ("number", "status", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
@pytest.mark.parametrize(
    "work", [_WRITING, _IN_THREADS, _WRAPPED, _SWALLOWED], ids=["file", "threads", "error", "none"]
)
def test_a_signal_ends_a_command_with_one_line(tmp_path, work, number, status, name):
    process = _start(work, tmp_path / "a.json")
    process.send_signal(number)
    _, printed = process.communicate(timeout=200)
    assert process.returncode == status
    assert printed.strip().splitlines() == [
        f"stopped by {name}; nothing is half-written, and the same command goes on from what it "
        "has kept"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_ends_it_at_once(tmp_path):
    process = _start(_SWALLOWED, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "working\n"  # it went on
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=200)
    assert process.returncode == 130
    assert time.monotonic() - began < 4
    assert printed.count("stopped by") == 1


def test_workers_end_with_the_command(tmp_path):
    process = _start(_WITH_A_WORKER, tmp_path / "worker")
    worker = pathlib.Path("/proc") / (tmp_path / "worker").read_text()
    assert worker.exists()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=200)
    for _ in range(100):
        if not worker.exists() or " Z " in (worker / "stat").read_text():
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the worker is at work still")
