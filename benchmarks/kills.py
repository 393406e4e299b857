"""Kills commands that write folders, with SIGKILL, and runs them again: nothing may be lost.

python -m benchmarks.kills --work_dir=kills --count=50 --seed=0

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


def _commands(folder: pathlib.Path) -> dict[str, tuple[list[str], str]]:
    """{what: (the command, its output in a folder)}, each after those that it needs."""
    smears = str(folder / "smears")
    return {
        "make-synthetic-smears": (
            ["make-synthetic-smears", "--output_dir={out}", "--num_images=4", "--num_processes=1"],
            "folder",
        ),
        "split-dataset": (["split-dataset", "--dataset_dir={out}"], smears),
        "export-annotations": (
            [
                *("export-annotations", f"--dataset_dir={smears}", "--format=coco"),
                "--output_dir={out}",
            ],
            "folder",
        ),
        "create-detection-records": (
            ["create-detection-records", f"--dataset_dir={smears}", "--output_dir={out}"],
            "folder",
        ),
        "create-detection-records, again": (
            ["create-detection-records", f"--dataset_dir={smears}", "--output_dir={out}"],
            "records of other shards",
        ),
        "extract-features": (
            [
                *("extract-features", f"--dataset_dir={smears}", "--features_dir={out}"),
                *("--weights=random", "--crop_mode=letterbox", "--patch_size=64"),
            ],
            "folder",
        ),
    }


def _run(arguments: list[str], kill_at: int = 0) -> tuple[int, int]:
    """(status, number of calls) of a command."""
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        cwd=_ROOT,
        env={**os.environ, "KILL_AT": str(kill_at)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (ended.stdout.strip().splitlines() or [""])[-1].split()
    return ended.returncode, int(last[1]) if last[:1] == ["calls"] else 0


def _content(folder: pathlib.Path) -> dict[str, str]:
    """{path: hash} of all that is in a folder, hidden files included."""
    return {
        path.relative_to(folder).as_posix(): files.sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _prepare(place: pathlib.Path, before: str, arguments: list[str]) -> list[str]:
    """A new folder for one run, with what was there before; the arguments of the command."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    out = place / "out"
    if pathlib.Path(before).is_dir():
        shutil.copytree(before, out)
    whole = [argument.format(out=out) for argument in arguments]
    if before == "records of other shards":
        _run([*whole, "--num_shards=1"])
    return whole


def _try(place: pathlib.Path, before: str, arguments: list[str], kill_at: int, expected) -> str:
    """'' where all is as it should be after a kill and another run, else what is not."""
    whole = _prepare(place, before, arguments)
    _run(whole, kill_at)
    status, _ = _run(whole)
    if status != 0:
        return f"killed before call {kill_at}: the next run ends with status {status}"
    beside = sorted(path.name for path in place.iterdir() if path.name != "out")
    if beside:
        return f"killed before call {kill_at}: {', '.join(beside)} was left"
    found = _content(place / "out")
    wrong = sorted(name for name in found.keys() ^ expected.keys())
    wrong += sorted(
        name for name in found.keys() & expected.keys() if found[name] != expected[name]
    )
    return f"killed before call {kill_at}: {', '.join(wrong[:5])} differ" if wrong else ""


def kill(folder: pathlib.Path, commands: dict, count: int, seed: int) -> list[str]:
    """Tries `count` kills over all commands; what was wrong."""
    draw, wrong = random.Random(seed), []
    share = max(1, count // len(commands))
    for what, (arguments, before) in commands.items():
        place = folder / "undisturbed"
        whole = _prepare(place, before, arguments)
        status, calls = _run(whole)
        if status != 0:
            raise RuntimeError(f"{what} ends with status {status} undisturbed: {whole}")
        expected = _content(place / "out")
        if what in ("make-synthetic-smears", "split-dataset"):  # what the others begin with
            shutil.copytree(place / "out", folder / "smears", dirs_exist_ok=True)
        # The last calls put the folder in its place.
        placed = list(range(max(1, calls - share // 2), calls + 1))
        others = [n for n in range(1, calls) if n not in placed]
        chosen = placed + draw.sample(others, min(len(others), share - len(placed)))
        found = [_try(folder / "killed", before, arguments, number, expected) for number in chosen]
        bad = list(filter(None, found))
        print(f"{what:34} {len(chosen)} kills before {calls} calls, {len(bad)} wrong", flush=True)
        wrong += [f"{what}: {text}" for text in bad]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work_dir", required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default="", help="some of them, by comma")
    given = parser.parse_args()
    folder = pathlib.Path(given.work_dir).resolve()
    commands = _commands(folder)
    if given.commands:
        commands = {what: commands[what] for what in given.commands.split(",")}
    wrong = kill(folder, commands, given.count, given.seed)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
