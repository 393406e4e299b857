"""Kills commands that write folders, with SIGKILL, and runs them again: nothing may be lost.

python -m benchmarks.kills --work_dir=kills --demo_dir=demo_training_run --count=50 --seed=0

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


# What lies at the output of a command that writes records anew.
_OTHER_SHARDS = "records of other shards"
# The commands whose output others begin with, and where that is kept.
_KEPT = {
    "make-synthetic-smears": "smears",
    "split-dataset": "smears",
    "export-annotations": "annotations",
    "extract-features": "features",
}


def _commands(folder: pathlib.Path, demo: pathlib.Path | None) -> dict[str, tuple[list[str], str]]:
    """{what: (the command, what lies at its output before)}, each after those that it needs.

    Those that need a trained chain take it from the folder of `make demo-training`.
    """
    smears, features = folder / "smears", folder / "features"
    of_smears = f"--dataset_dir={smears}"
    records = ["create-detection-records", of_smears, "--output_dir={out}"]
    commands = {
        "make-synthetic-smears": (
            [
                *("make-synthetic-smears", "--output_dir={out}", "--num_processes=1"),
                *("--num_images=28", "--height=270", "--width=480", "--num_cells=8"),
            ],
            "",
        ),
        "split-dataset": (["split-dataset", "--dataset_dir={out}"], str(smears)),
        "export-annotations": (
            ["export-annotations", of_smears, "--format=coco", "--output_dir={out}"],
            "",
        ),
        "import-annotations": (
            [
                *("import-annotations", "--format=coco", f"--images_dir={smears}/images"),
                *(f"--annotations={folder}/annotations/coco.json", "--output_dir={out}"),
                f"--cell_types={smears}/cell_types.yaml",
            ],
            "",
        ),
        "compose-smears": (
            [
                *("compose-smears", of_smears, "--output_dir={out}", "--num_images=2"),
                *("--height=270", "--width=480", "--num_buckets=2", "--num_processes=1"),
            ],
            "",
        ),
        "create-detection-records": (records, ""),
        "create-detection-records, again": (records, _OTHER_SHARDS),
        "extract-features": (
            [
                *("extract-features", of_smears, "--features_dir={out}", "--weights=random"),
                *("--crop_mode=letterbox", "--patch_size=64"),
            ],
            "",
        ),
        "train-classifier": (
            [
                *("train-classifier", f"--features_dir={features}", "--output_dir={out}"),
                "--params_override={{heads: {{max_epochs: 2}}}}",
            ],
            "",
        ),
    }
    if demo is not None:
        bundle = f"--bundle_dir={demo / 'bundle'}"
        commands |= {
            "export-bundle": (
                [
                    *("export-bundle", f"--detector_dir={demo / 'detector' / 'export'}"),
                    *(f"--features_dir={demo / 'features'}", "--output_dir={out}"),
                    f"--classifier_dir={demo / 'classifier'}",
                ],
                "",
            ),
            "analyze": (
                ["analyze", bundle, f"--input={smears}/images", "--output_dir={out}"],
                "",
            ),
            "export-saved-model": (["export-saved-model", bundle, "--output_dir={out}"], ""),
        }
    return commands


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

    Their names hold the time, and a command that begins anew leaves the earlier ones.
    """
    return {
        path.relative_to(folder).as_posix(): files.sha256_of_file(path)
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


def _undisturbed(place: pathlib.Path, before: str, arguments: list[str]) -> tuple[dict, int]:
    """({path: hash, or '' where two runs differ}, number of calls) of a command left alone.

    Raises RuntimeError where it fails.
    """
    contents = []
    for _ in range(2):
        whole = _prepare(place, before, arguments)
        status, calls, said = _run(whole)
        if status != 0:
            raise RuntimeError(f"{' '.join(whole)}: status {status}: {said}")
        contents.append(_content(place / "out"))
    one, other = contents
    return {name: value if other[name] == value else "" for name, value in one.items()}, calls


def _prepare(place: pathlib.Path, before: str, arguments: list[str]) -> list[str]:
    """A new folder for one run, with what was there before; the arguments of the command."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    out = place / "out"
    whole = [argument.format(out=out) for argument in arguments]
    if before == _OTHER_SHARDS:
        _run([*whole, "--num_shards=1"])
    elif before:
        shutil.copytree(before, out)
    return whole


def _try(place: pathlib.Path, before: str, arguments: list[str], kill_at: int, expected) -> str:
    """'' where all is as it should be after a kill and another run, else what is not."""
    whole = _prepare(place, before, arguments)
    _run(whole, kill_at)
    status, _, said = _run(whole)
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


def kill(folder: pathlib.Path, commands: dict, count: int, seed: int) -> list[str]:
    """Tries `count` kills over all commands; what was wrong."""
    draw, wrong = random.Random(seed), []
    share = max(1, count // len(commands))
    for what, (arguments, before) in commands.items():
        place = folder / "undisturbed"
        expected, calls = _undisturbed(place, before, arguments)
        if what in _KEPT:
            shutil.copytree(place / "out", folder / _KEPT[what], dirs_exist_ok=True)
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
    parser.add_argument(
        "--demo_dir", help="folder of `make demo-training`, for commands that need a chain"
    )
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default="", help="some of them, by comma")
    given = parser.parse_args()
    folder = pathlib.Path(given.work_dir).resolve()
    demo = pathlib.Path(given.demo_dir).resolve() if given.demo_dir else None
    commands = _commands(folder, demo)
    if given.commands:
        commands = {what: commands[what] for what in given.commands.split(",")}
    wrong = kill(folder, commands, given.count, given.seed)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
