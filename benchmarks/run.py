"""All stages one after the other, each in a process of its own, and their results as JSON."""

import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import tqdm
from absl import logging

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from rbc_tf.core import files
from rbc_tf.graphs import frozen

MACHINE = "machine"
STAGES = (
    MACHINE,
    "regions",
    "smears",
    "images",
    "reading",
    "features",
    "heads",
    "training_step",
    "detection",
    "analyze",
    "start",
    "many_images",
)
NEED_BUNDLE = ("detection", "analyze", "start", "many_images")

JSON_FILE = "benchmark.json"


class BenchmarkError(RuntimeError):
    """A stage ended with an error; what the others measured is kept."""


def run(
    stages: Sequence[str], settings: Settings, output_dir: str | pathlib.Path
) -> list[Measurement]:
    """Measures the stages and writes `output_dir`/benchmark.json after each.

    The machine's ceiling is measured first in any case. Stages of an earlier run that are not
    measured again stay as they are in the file; `scratch_dir` of the settings is not used.

    Raises:
        ValueError: a stage is unknown, or needs a bundle and none is given.
        BenchmarkError: a stage failed.
    """
    _check(stages, settings)
    path = pathlib.Path(output_dir) / JSON_FILE
    measured = load(path) if path.is_file() else []
    ordered = [name for name in STAGES if name == MACHINE or name in stages]
    for name in tqdm.tqdm(ordered, desc="benchmark", unit="stage"):
        logging.info("Measuring %s", name)
        found = _in_own_process(name, settings)
        again = {measurement.stage for measurement in found}
        kept = [earlier for earlier in measured if earlier.stage not in again]
        measured = sorted([*kept, *found], key=_place)
        content = {"machine": describe_machine(), "versions": files.versions()}
        rows = [measurement.to_dict() for measurement in measured]
        files.write_json(path, {**content, "measurements": rows})
    return measured


def load(path: str | pathlib.Path) -> list[Measurement]:
    """The measurements in a file of `run`."""
    content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    return [Measurement.from_dict(values) for values in content["measurements"]]


def describe_machine() -> dict:
    """Processor, cores and system, as JSON values."""
    interesting = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_fp16")
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "instructions": [name for name in interesting if name in frozen.processor_features()],
        "system": platform.system(),
    }


def _check(stages: Sequence[str], settings: Settings) -> None:
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise ValueError(f"Stages must be of {', '.join(STAGES)}. Received: {', '.join(unknown)}")
    wanting = [name for name in NEED_BUNDLE if name in stages]
    if wanting and settings.bundle_dir is None:
        raise ValueError(f"--bundle_dir is required for the stages {', '.join(wanting)}")


def _place(measurement: Measurement) -> int:
    """Where its stage comes; a stage may measure under several names that begin with its own."""
    return next(i for i, name in enumerate(STAGES) if measurement.stage.startswith(name))


def _in_own_process(name: str, settings: Settings) -> list[Measurement]:
    """So that no stage inherits another's memory, threads or compiled functions."""
    with tempfile.TemporaryDirectory(prefix="rbc_tf_benchmark_") as folder:
        values = {**dataclasses.asdict(settings), "scratch_dir": folder}
        command = [sys.executable, "-m", "benchmarks.one_stage", name]
        command.append(json.dumps(values, default=str))
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BenchmarkError(f"The stage '{name}' failed:\n{ended.stderr[-4000:]}")
    # The last line: libraries print as well.
    lines = json.loads(ended.stdout.strip().splitlines()[-1])
    return [Measurement.from_dict(values) for values in lines]
