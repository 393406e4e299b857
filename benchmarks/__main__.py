"""`python -m benchmarks`, from the repository root: the same as tools/benchmark.py."""

import sys

from benchmarks import command as benchmark
from rbc_tf.cli import command

if __name__ == "__main__":
    command.run_module(benchmark, "benchmark", sys.argv[1:])
