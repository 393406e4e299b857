"""Measures the speed of each stage beside what one would otherwise do; takes some 40 minutes.

python tools/benchmark.py --bundle_dir=demo_run/bundle --output_dir=benchmark

Prints tables and writes benchmark.json and benchmark.png. The machine should do nothing else. Some
stages alone, into the same files: --stages=features,detection
"""

import pathlib

from absl import flags

from benchmarks import plot, run, tables
from benchmarks.settings import Settings
from rbc_tf.core import text_table

REQUIRED = ("output_dir",)

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for benchmark.json and .png.")
_BUNDLE_DIR = flags.DEFINE_string(
    "bundle_dir", None, f"A bundle, for the stages {', '.join(run.NEED_BUNDLE)}."
)
_DATASET_DIR = flags.DEFINE_string(
    "dataset_dir", None, "A dataset folder with splits: its test images score the detectors."
)
_DETECTORS = flags.DEFINE_multi_string(
    "detector", [], "NAME=FOLDER of an exported detector to measure beside the bundle's; repeatable"
)
_STAGES = flags.DEFINE_list("stages", None, f"Of {', '.join(run.STAGES)}; by default all.")
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "Counted calls of each contender.", lower_bound=1
)
_QUICK = flags.DEFINE_bool("quick", False, "Small sizes, to try the benchmark.")


def main() -> None:
    output_dir = pathlib.Path(_OUTPUT_DIR.value)
    settings = Settings(
        repetitions=_REPETITIONS.value,
        scratch_dir=output_dir,
        quick=_QUICK.value,
        bundle_dir=pathlib.Path(_BUNDLE_DIR.value) if _BUNDLE_DIR.value else None,
        dataset_dir=pathlib.Path(_DATASET_DIR.value) if _DATASET_DIR.value else None,
        detectors=tuple(map(_named, _DETECTORS.value)),
    )
    all_stages = [s for s in run.STAGES if settings.bundle_dir or s not in run.NEED_BUNDLE]
    measured = run.run(_STAGES.value or all_stages, settings, output_dir)
    for table in tables.tables(measured):
        print(text_table.console(table), end="\n\n")
    picture = output_dir / "benchmark.png"
    if not plot.write(measured, picture):
        picture.unlink(missing_ok=True)  # an earlier one would show other figures


def _named(detector: str) -> tuple[str, str]:
    name, equals, folder = detector.partition("=")
    if not (name and equals and folder):
        raise ValueError(f"--detector must be NAME=FOLDER. Received: {detector}")
    return name, folder
