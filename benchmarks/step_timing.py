"""How long a training step takes.

    python -m benchmarks.step_timing RECORDS_DIR STEPS WINDOWS OVERRIDE CONFIG_FILE...

A process of its own, because precision is a setting of the whole process; prints seconds as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence

import tensorflow as tf
from official.core import task_factory

from rbc_tf.detection.garden import parameters, records, runner, train

_EXPERIMENT = "rbc_fasterrcnn_resnet_fpn"


def time_steps(
    config_files: Sequence[str], records_dir: str, steps: int, windows: int, override: str = ""
) -> list[float]:
    """Seconds a step, one for each of `windows` windows of `steps` steps, after some more.

    Reading and augmenting the images is part of it, checkpoints and summaries are not.
    """
    params = parameters.build(
        parameters.Sources(_EXPERIMENT, list(config_files), override, records_dir=records_dir)
    )
    params.task.summary_images = 0
    records.apply(params, ("train",))
    strategy = train.prepare(params)
    with tempfile.TemporaryDirectory() as folder, strategy.scope():
        detection = task_factory.get_task(params.task, logging_dir=folder)
        trainer = runner.Trainer(
            params,
            detection,
            model=detection.build_model(),
            optimizer=detection.create_optimizer(params.trainer.optimizer_config, params.runtime),
            train=True,
            evaluate=False,
        )
        trainer.train(tf.constant(2))  # traces, and fills what is read ahead
        seconds = []
        for _ in range(windows):
            start = time.perf_counter()
            trainer.train(tf.constant(steps))
            seconds.append((time.perf_counter() - start) / steps)
    return seconds


if __name__ == "__main__":
    folder, asked_steps, asked_windows, asked_override, *files = sys.argv[1:]
    found = time_steps(files, folder, int(asked_steps), int(asked_windows), asked_override)
    print("\n" + json.dumps(found))
