"""Measures the speed of each stage; see docs/benchmark.md."""

import pathlib
import runpy
import sys

if __name__ == "__main__":
    # The benchmark is no part of the package that is installed.
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    runpy.run_module("benchmarks", run_name="__main__")
