"""Synthetic smears of 1920 x 1080: how many a core draws and writes in a second."""

import os
import pathlib
import tempfile

import cv2

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.data.synthetic import SmearConfig, render_smear, write_dataset

RBC_TF = "rbc_tf"
DRAWING_ALONE = "rbc_tf, drawing alone"

_SIZES, _QUICK_SIZES = (4, 16), (1, 2)
_SMEAR = SmearConfig()
_QUICK_SMEAR = SmearConfig(height=120, width=160, num_cells=4, cell_diameter=30.0)


def measure(settings: Settings) -> list[Measurement]:
    """Folders of smears, from one process and from one for each core, and drawing without files.

    `images_per_second_and_core` stands in the facts, of the median.
    """
    # As in the processes that `write_dataset` starts: one core is one core.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [m for size in _sizes(settings) for m in _measure_size(settings, size)]
    finally:
        cv2.setNumThreads(threads)


def contenders(num_images: int, config: SmearConfig, folder: pathlib.Path) -> dict[Contender, int]:
    """Each with the number of processes that it takes."""
    found = {
        Contender(RBC_TF, lambda: write(num_images, config, folder, 1)): 1,
        Contender(DRAWING_ALONE, lambda: [render_smear(config, i) for i in range(num_images)]): 1,
    }
    cores = min(os.cpu_count() or 1, num_images)
    if cores > 1:
        name = f"{RBC_TF}, {cores} processes"
        found[Contender(name, lambda: write(num_images, config, folder, cores))] = cores
    return found


def write(num_images: int, config: SmearConfig, folder: pathlib.Path, processes: int) -> list[str]:
    """Writes a dataset folder, deletes it and returns the names of its images."""
    with tempfile.TemporaryDirectory(dir=folder) as output_dir:
        write_dataset(output_dir, num_images, config, seed=0, num_processes=processes)
        return sorted(path.name for path in pathlib.Path(output_dir).glob("images/*.png"))


def _sizes(settings: Settings) -> tuple[int, ...]:
    return _QUICK_SIZES if settings.quick else _SIZES


def _measure_size(settings: Settings, size: int) -> list[Measurement]:
    config = _QUICK_SMEAR if settings.quick else _SMEAR
    processes = contenders(size, config, settings.scratch_dir)
    seconds = compare(list(processes), settings.repetitions)
    measured = []
    for contender, count in processes.items():
        of_one = Measurement("smears", contender.name, size, "image", seconds[contender.name])
        rate = size / of_one.median / count
        of_one.facts["images_per_second_and_core"] = round(rate, 2)
        of_one.facts["processes"] = count
        measured.append(of_one)
    return measured
