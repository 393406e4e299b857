"""A training step of the detector, R101-FPN, beside Model Garden's own settings.

The same data, input size, batch and optimiser; what differs are heads, samplers and precision.
"""

import json
import pathlib
import subprocess
import sys

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from rbc_tf.data import dataset, detection_records, splits
from rbc_tf.data.synthetic import SmearConfig, write_dataset

RBC_TF, STOCK, STOCK_BFLOAT16 = "rbc_tf", "Model Garden", "Model Garden, bfloat16"

_CONFIGS = pathlib.Path(__file__).parents[2] / "object_detection_configs"
_OURS, _STOCK = _CONFIGS / "synthetic_r101_fpn_cpu.yaml", _CONFIGS / "stock_r101_fpn.yaml"
_IMAGES, _STEPS = 8, 3
_BFLOAT16 = "runtime.mixed_precision_dtype=bfloat16"
_QUICK = (
    "task.model.input_size=[64,128,3],task.model.backbone.resnet.model_id=10,"
    "task.model.min_level=3,task.model.max_level=4"
)


_CONTENDERS = {
    RBC_TF: ((_OURS,), ()),
    STOCK: ((_OURS, _STOCK), ()),
    STOCK_BFLOAT16: ((_OURS, _STOCK), (_BFLOAT16,)),
}


def measure(settings: Settings) -> list[Measurement]:
    """Each contender is a process, with as many windows of steps as there are repetitions."""
    records = _records(settings)
    return [
        Measurement("training_step", name, 1, "step", time_steps(settings, records, name))
        for name in _CONTENDERS
    ]


def time_steps(settings: Settings, records: pathlib.Path, contender: str) -> tuple[float, ...]:
    """Seconds of a step, once for each repetition; the precision is a matter of the process.

    Raises RuntimeError, with what it printed, where the process fails.
    """
    files, overrides = _CONTENDERS[contender]
    override = ",".join([*overrides, *([_QUICK] if settings.quick else [])])
    steps = 1 if settings.quick else _STEPS
    command = [sys.executable, "-m", "benchmarks.step_timing", str(records)]
    command += [str(steps), str(settings.repetitions), override, *map(str, files)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"Timing the steps of {contender} failed:\n{ended.stderr[-3000:]}")
    return tuple(json.loads(ended.stdout.strip().splitlines()[-1]))


def _records(settings: Settings) -> pathlib.Path:
    """Records of some smears, all of them for training."""
    folder = settings.scratch_dir / "smears"
    cells = 10 if settings.quick else 130
    config = SmearConfig(num_cells=cells) if not settings.quick else SmearConfig(270, 480, cells)
    write_dataset(folder, _IMAGES, config, seed=0, images_per_slide=2, num_processes=1)
    loaded = dataset.load_dataset(folder)
    # A split is needed of everything that is read; only 'train' is.
    split_config = splits.SplitConfig(validation=0.25, test=0.25)
    splits.save_splits(loaded, splits.assign_splits(loaded, split_config), split_config)
    detection_records.write_detection_records(
        [dataset.load_dataset(folder)], settings.scratch_dir / "records", num_shards=1
    )
    return settings.scratch_dir / "records"
