"""Kills commands that write folders, with SIGKILL, and runs them again: nothing may be lost.

python -m benchmarks.kills --work_dir=kills --sickle_dir=Sickle-RBC-data --count=100 --seed=0

A kill comes before a system call that changes names or has them outlast a power cut (rename,
exchange, unlink, rmdir, mkdir, fsync): the last calls of a command, and others drawn by the
seed. After the same command has run again, its folder must be as one that was never disturbed
leaves it, with nothing beside it. Prints a line for each command; status 1 where one was not.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys

from benchmarks import kill_commands
from benchmarks.kill_commands import Command
from rbc_tf.core import files

_ROOT = pathlib.Path(__file__).parents[1]

# Runs a command and kills it before call number KILL_AT of those that change names.
_KILLED = """
import os, sys
from benchmarks import kill_at
calls = kill_at.arm(int(os.environ["KILL_AT"]))
from rbc_tf.cli import command
try:
    command.run(sys.argv[1], sys.argv[2:])
finally:
    print("calls", calls())
"""


def _run(arguments: list[str], kill_at: int = 0) -> tuple[int, int, str]:
    """(status, number of calls, what it said at the end) of a command."""
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        cwd=_ROOT,
        env={**os.environ, "KILL_AT": str(kill_at)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (ended.stdout.strip().splitlines() or [""])[-1].split()
    calls = int(last[1]) if last[:1] == ["calls"] else 0
    return ended.returncode, calls, ended.stderr[-500:].strip()


def _content(folder: pathlib.Path) -> dict[str, str]:
    """{path: hash} of all that is in a folder, hidden files included, but for TensorBoard's logs.

    Their names hold the time, and a command that begins anew leaves the earlier ones. Of a
    SavedModel's graph, which TensorFlow writes in an order of chance, the hash is left out.
    """
    return {
        path.relative_to(folder).as_posix(): (
            "" if path.name == "saved_model.pb" else files.sha256_of_file(path)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".tfevents." not in path.name
    }


def _without_later_version(content: dict[str, str]) -> dict[str, str]:
    """Without version 2 of a model where it has the files of version 1.

    Each run of export-saved-model adds a version: where the kill came after the first was in its
    place, the next run adds a second one, as it should.
    """
    first, second = (
        {name.removeprefix(version) for name in content if name.startswith(version)}
        for version in ("1/", "2/")
    )
    if first != second:
        return content
    return {name: value for name, value in content.items() if not name.startswith("2/")}


def _undisturbed(place: pathlib.Path, command: Command) -> tuple[dict[str, str], int]:
    """({path: hash, or '' where two runs differ}, number of calls) of a command left alone.

    Raises RuntimeError where it fails.
    """
    contents = []
    for _ in range(2):
        arguments = _prepare(place, command)
        status, calls, said = _run(arguments)
        if status != 0:
            raise RuntimeError(f"{' '.join(arguments)}: status {status}: {said}")
        contents.append(_content(place / "out"))
    one, other = contents
    return {name: value if other[name] == value else "" for name, value in one.items()}, calls


def _prepare(place: pathlib.Path, command: Command) -> list[str]:
    """A new folder for one run, with what is to lie there before; the arguments of the command."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    out = place / "out"
    arguments = [flag.replace("{out}", str(out)) for flag in command.flags]
    if command.before is not None:
        shutil.copytree(command.before, out)
    if command.first:
        _run([*arguments, *command.first])
    return arguments


def _try(place: pathlib.Path, command: Command, kill_at: int, expected: dict[str, str]) -> str:
    """'' where all is as it should be after a kill and another run, else what is not."""
    arguments = _prepare(place, command)
    _run(arguments, kill_at)
    status, _, said = _run(arguments)
    if status != 0:
        return f"killed before call {kill_at}: the next run ends with status {status}: {said}"
    beside = sorted(path.name for path in place.iterdir() if path.name != "out")
    if beside:
        return f"killed before call {kill_at}: {', '.join(beside)} was left"
    found = _without_later_version(_content(place / "out"))
    wrong = sorted(name for name in found.keys() ^ expected.keys())
    wrong += sorted(
        name for name in found.keys() & expected.keys() if expected[name] not in ("", found[name])
    )
    return f"killed before call {kill_at}: {', '.join(wrong[:5])} differ" if wrong else ""


def kill(
    folder: pathlib.Path, name: str, command: Command, count: int, draw: random.Random
) -> list[str]:
    """Tries `count` kills of a command; how many were wrong. What it leaves undisturbed is kept."""
    place = folder / "undisturbed"
    expected, calls = _undisturbed(place, command)
    shutil.rmtree(folder / name, ignore_errors=True)
    (place / "out").rename(folder / name)
    # The last calls put the folder in its place.
    placed = list(range(max(1, calls - count // 2), calls + 1))
    others = [n for n in range(1, calls) if n not in placed]
    chosen = placed + draw.sample(others, max(0, min(len(others), count - len(placed))))
    found = [_try(folder / "killed", command, number, expected) for number in chosen]
    bad = list(filter(None, found))
    print(f"{name:34} {len(chosen)} kills before {calls} calls, {len(bad)} wrong", *bad, sep="\n  ")
    return len(bad)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work_dir", required=True)
    parser.add_argument("--sickle_dir", help="clone of the cells of Xu et al., for import-sickle")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", help="some, by comma; those before them have run earlier")
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    folder = pathlib.Path(given.work_dir).resolve()
    sickle = pathlib.Path(given.sickle_dir).resolve() if given.sickle_dir else None
    known = kill_commands.commands(folder, sickle)
    chosen = given.commands.split(",") if given.commands else list(known)
    draw, wrong = random.Random(given.seed), 0
    for name in chosen:
        kill_commands.write_sources(name, folder, sickle)
        wrong += kill(folder, name, known[name], max(2, given.count // len(chosen)), draw)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
