"""One stage in this process: `python -m benchmarks.one_stage NAME SETTINGS_AS_JSON`."""

import importlib
import json
import os
import pathlib
import sys

from benchmarks.settings import Settings


def main(name: str, settings: str) -> None:
    """Prints the measurements as one line of JSON."""
    values = json.loads(settings)
    for key in ("scratch_dir", "bundle_dir", "dataset_dir"):
        values[key] = None if values[key] is None else pathlib.Path(values[key])
    stage = importlib.import_module(f"benchmarks.stages.{name}")
    measured = stage.measure(Settings(**values))
    print("\n" + json.dumps([measurement.to_dict() for measurement in measured]))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(*sys.argv[1:])
