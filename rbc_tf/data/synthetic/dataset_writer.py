"""Writes a dataset folder of synthetic smears."""

import functools
import multiprocessing
import os
import pathlib
from concurrent import futures

import cv2
import numpy as np
import tqdm

import rbc_tf
from rbc_tf.core import cell_types, files, image_io
from rbc_tf.core import config as config_io
from rbc_tf.core.fingerprint import Fingerprint
from rbc_tf.core.types import Cell
from rbc_tf.data.synthetic.config import SmearConfig
from rbc_tf.data.synthetic.smear import render_smear, smear_cells

RECORD_NAME = "synthetic.json"

# The origin of these images in images.csv.
ORIGIN = "synthetic"

# To be raised with every change to how smears look, so that old and new images never mix.
_APPEARANCE_VERSION = 1

_IMAGE_SEEDS, _SLIDE_SEEDS = 0, 1


def write_dataset(
    output_dir: str | pathlib.Path,
    num_images: int,
    config: SmearConfig,
    seed: int,
    images_per_slide: int = 4,
    num_processes: int | None = None,
) -> None:
    """Writes images, masks, cells and groups of `num_images` smears as a dataset folder.

    Image i depends on the config, the seed and i only, so a folder can be finished after an
    interruption, or extended, by calling this again with the same arguments: images already there
    are kept.

    Args:
        seed: any integer of at least 0.
        images_per_slide: so many consecutive images share stain and light and form one group.
        num_processes: processes that render in parallel; one for each core where not given.

    Raises:
        StaleError: where the folder holds smears made with other settings.
        ValueError: where it holds more images than asked for, or other images; or where an
            argument is out of its range.
    """
    _check_at_least("num_images", num_images, 1)
    _check_at_least("seed", seed, 0)
    _check_at_least("images_per_slide", images_per_slide, 1)
    num_processes = num_processes if num_processes is not None else os.cpu_count() or 1
    _check_at_least("num_processes", num_processes, 1)

    output_dir = pathlib.Path(output_dir)
    record = _record(config, seed, images_per_slide)
    _check_folder(output_dir, record, num_images)
    for name in ("images", "masks"):
        (output_dir / name).mkdir(parents=True, exist_ok=True)
    files.write_json(output_dir / RECORD_NAME, record)

    write = functools.partial(_write_image, output_dir, config, seed, images_per_slide)
    cells = _in_parallel(write, num_images, num_processes)
    _write_tables(output_dir, cells, images_per_slide)


def image_name(index: int) -> str:
    """Name of the image with an index from 0, without extension."""
    return f"smear_{index + 1:04d}"


def _write_image(output_dir, config, seed, images_per_slide, index) -> tuple[Cell, ...]:
    """Writes image and mask number `index` where they are not there; returns its cells."""
    image_seed = _derived_seed(seed, _IMAGE_SEEDS, index)
    slide_seed = _derived_seed(seed, _SLIDE_SEEDS, index // images_per_slide)
    image_path = output_dir / "images" / f"{image_name(index)}.png"
    mask_path = output_dir / "masks" / f"{image_name(index)}.png"
    if image_path.exists() and mask_path.exists():
        return smear_cells(config, image_seed, slide_seed)
    smear = render_smear(config, image_seed, slide_seed)
    image_io.write_mask(mask_path, smear.mask)
    image_io.write_png(image_path, smear.image)
    return smear.cells


def _in_parallel(write, num_images, num_processes) -> list[tuple[Cell, ...]]:
    """What `write` returns for each index, in order."""
    progress = functools.partial(tqdm.tqdm, total=num_images, desc="Smears", unit="image")
    if num_processes == 1:
        return list(progress(map(write, range(num_images))))
    # Forking a process that has threads, as TensorFlow's has, may hang; spawning is safe anywhere.
    with futures.ProcessPoolExecutor(
        max_workers=min(num_processes, num_images),
        mp_context=multiprocessing.get_context("spawn"),
        # The processes share the cores; threads of their own would only compete.
        initializer=cv2.setNumThreads,
        initargs=(1,),
    ) as pool:
        return list(progress(pool.map(write, range(num_images))))


def _write_tables(output_dir, cells, images_per_slide):
    rows = [
        (image_name(index), f"{cell.x:g}", f"{cell.y:g}", cell.type)
        for index, of_image in enumerate(cells)
        for cell in of_image
    ]
    files.write_csv(output_dir / "cells.csv", ("image", "x", "y", "type"), rows)
    # Splits are drawn elsewhere, by group.
    groups = [
        (image_name(index), f"slide_{index // images_per_slide + 1:04d}", "", ORIGIN)
        for index in range(len(cells))
    ]
    files.write_csv(output_dir / "images.csv", ("image", "group", "split", "origin"), groups)
    with files.atomic_path(output_dir / "cell_types.yaml") as temporary:
        cell_types.PAPER.save(temporary)


def _record(config, seed, images_per_slide) -> dict:
    """What determines every image of the folder, and which rbc_tf wrote it."""
    return {
        "config": config_io.to_dict(config),
        "seed": seed,
        "images_per_slide": images_per_slide,
        "appearance_version": _APPEARANCE_VERSION,
        "versions": {
            "rbc_tf": rbc_tf.__version__,
            # These two may change their random streams or filters from one release to the next.
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _comparable(record: dict) -> Fingerprint:
    """Without the version of rbc_tf: `_APPEARANCE_VERSION` says whether smears look the same."""
    versions = {k: v for k, v in record.get("versions", {}).items() if k != "rbc_tf"}
    return Fingerprint({**record, "versions": versions})


def _check_folder(output_dir, record, num_images):
    # A killed run may leave half a file behind, with a dot before its name.
    images = {path.stem for path in output_dir.glob("images/[!.]*")}
    record_path = output_dir / RECORD_NAME
    if record_path.exists():
        remedy = "Give the same settings, or name another folder."
        what = f"the smears in {output_dir}"
        _comparable(record).check(_comparable(Fingerprint.load(record_path).values), what, remedy)
    elif images:
        raise ValueError(
            f"{output_dir} must be empty or hold synthetic smears. Received: {len(images)} images "
            f"and no {RECORD_NAME}"
        )
    beyond = sorted(images - {image_name(index) for index in range(num_images)})
    if beyond:
        raise ValueError(
            f"`num_images` must not be less than what {output_dir} already holds. "
            f"Received: {num_images}, with {beyond[-1]} there"
        )


def _derived_seed(seed: int, purpose: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, purpose, index]).generate_state(1, np.uint64)[0])


def _check_at_least(name: str, value, low: int):
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"`{name}` must be an integer of at least {low}. Received: {value!r}")
