"""Writes a dataset folder of composed smears."""

import collections
import concurrent.futures
import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np
import tqdm

from rbc_tf.core import config as config_io
from rbc_tf.core import files, image_io
from rbc_tf.core.types import Region, Sample
from rbc_tf.data import regions
from rbc_tf.data.composed import buckets, smear
from rbc_tf.data.composed.buckets import Bucket
from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.data.composed.library import Library
from rbc_tf.data.dataset import CELLS_HEADER, Dataset, load_dataset, write_images_table

# The origin of these images in images.csv.
ORIGIN = "composed"

RECORD_NAME = "composed.json"
SOURCES_NAME = "sources.csv"
SOURCES_HEADER = ("image", "x", "y", "type", "source_image", "source_x", "source_y")

_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class ComposeSummary:
    """What was composed.

    Attributes:
        images: number of fields.
        buckets: number of buckets that their cells come from.
        source_cells: number of different cells that stand in them.
        cut: number of single cells of the source that were not used since they are cut off.
        regions: {number of cells: number of regions of so many}.
        cells: {type: number of cells}.
        pairs: {'A;B': regions in which both types are}.
        pairs_missed: pairs of types that some bucket has and no region.
    """

    images: int
    buckets: int
    source_cells: int
    cut: int
    regions: dict[int, int]
    cells: dict[str, int]
    pairs: dict[str, int]
    pairs_missed: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Written:
    """Rows of one field's tables, and its regions."""

    sample: Sample
    cells: tuple[tuple, ...]
    sources: tuple[tuple, ...]
    regions: tuple[Region, ...]


def compose_smears(
    dataset_dir: str | pathlib.Path,
    output_dir: str | pathlib.Path,
    num_images: int,
    config: ComposeConfig = ComposeConfig(),
    seed: int = 0,
    num_processes: int | None = None,
    splits: Sequence[str] = (),
) -> ComposeSummary:
    """Composes fields of the single cells of a dataset and writes them as a dataset folder.

    images.csv names them `composed`; the bucket of a field is its group, and its split and subject
    are those of the bucket, so that no cell is ever on both sides of a split. sources.csv says of
    each cell where it was cut out, composed.json which groups of the source are in which bucket.
    The same arguments make the same files. An interrupted run leaves nothing behind.

    Args:
        dataset_dir: the source, with masks; its complete regions of one labelled cell are used.
        output_dir: the folder to write; composed smears that are there are replaced.
        num_images: number of fields, shared among the buckets by their numbers of cells.
        config: what a field holds.
        seed: any integer of at least 0.
        num_processes: processes that work in parallel; one for each core where not given.
        splits: the splits of the source whose cells are used; all images where empty.

    Raises:
        ValueError: an argument is out of its range; a bucket has no cell that can be used; the
            source has no masks, or is itself composed; `output_dir` holds something else.
        DatasetError: the source is broken.
    """
    for name, value, low in (("num_images", num_images, 1), ("seed", seed, 0)):
        if value < low:
            raise ValueError(f"`{name}` must be at least {low}. Received: {value}")
    source = load_dataset(dataset_dir)
    if splits:
        chosen = tuple(sample for split in splits for sample in source.in_split(split))
        source = dataclasses.replace(source, samples=chosen)
    _check_source(source)
    dealt = buckets.deal(source, config)
    tasks = [
        (bucket, numbers)
        for bucket, numbers in zip(dealt, _share_out(source, dealt, num_images), strict=True)
        if numbers
    ]
    with files.atomic_folder(output_dir, marker=RECORD_NAME) as folder:
        (folder / "images").mkdir()
        (folder / "masks").mkdir()
        # The samples go along: a process need not read the whole dataset again.
        write = functools.partial(_write_bucket, source, folder, config, seed)
        done = _in_parallel(write, tasks, num_processes or os.cpu_count() or 1)
        written = sorted(
            (field for fields, _, _ in done for field in fields), key=lambda w: w.sample.name
        )
        files.write_csv(folder / "cells.csv", CELLS_HEADER, _chained(w.cells for w in written))
        files.write_csv(folder / SOURCES_NAME, SOURCES_HEADER, _chained(w.sources for w in written))
        write_images_table(folder, [field.sample for field in written])
        source.cell_types.save(folder / "cell_types.yaml")
        summary = _summary(written, done, [bucket for bucket, _ in tasks])
        files.write_json(folder / RECORD_NAME, _record(source, config, seed, dealt, summary))
    return summary


def image_name(index: int) -> str:
    """Name of the field with an index from 0, without extension."""
    return f"composed_{index + 1:05d}"


def _check_source(source: Dataset) -> None:
    if ORIGIN in source.origins:
        raise ValueError(f"{source.root}: a source of real cells is required. Received: composed")
    without = [sample.name for sample in source if sample.mask_path is None]
    if without:
        raise ValueError(
            f"{source.root}: a mask of each image is required, which says where a cell ends. "
            f"Received: none for {len(without)} images, such as '{without[0]}'"
        )


def _share_out(source: Dataset, dealt: tuple[Bucket, ...], num_images: int) -> list[list[int]]:
    """The indices of the fields of each bucket, in turn, by its share of the labelled cells."""
    cells = {sample.name: max(len(sample.cells), 0) for sample in source}
    weights = np.array([sum(cells[name] for name in b.images) for b in dealt], float)
    weights /= max(weights.sum(), 1)
    shared: list[list[int]] = [[] for _ in dealt]
    for index in range(num_images):
        behind = (index + 1) * weights - [len(numbers) for numbers in shared]
        shared[int(np.argmax(behind))].append(index)
    return shared


def _in_parallel(write, tasks: list, num_processes: int) -> list:
    progress = functools.partial(tqdm.tqdm, total=len(tasks), desc="Composed", unit="bucket")
    if num_processes == 1 or len(tasks) == 1:
        return list(progress(map(write, tasks)))
    # As for synthetic smears: spawned, each with one thread of OpenCV.
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=min(num_processes, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=cv2.setNumThreads,
        initargs=(1,),
    ) as pool:
        return list(progress(pool.map(write, tasks)))


def _write_bucket(source, folder, config, seed, task) -> tuple[list[_Written], int, tuple]:
    """Writes the fields of one bucket; (their rows, number of cut cells, types it has)."""
    bucket, indices = task
    names = set(bucket.images)
    library = Library([s for s in source if s.name in names], source.cell_types)
    if not library.cells:
        raise ValueError(
            f"{source.root}: a whole single cell of a known type is required in each bucket. "
            f"Received: none in {', '.join(bucket.groups[:5])}; ask for fewer buckets"
        )
    written = [
        _write_field(library, bucket, folder, config, seed, number, index)
        for number, index in enumerate(indices)
    ]
    return written, library.cut, library.types


def _write_field(library, bucket, folder, config, seed, number, index) -> _Written:
    name = image_name(index)
    composed, found = _composed(library, config, seed, number, index)
    image = composed.image
    grey = (image[..., :1] == image).all()
    image_path = folder / "images" / f"{name}.png"
    image_io.write_png(image_path, image[..., 0] if grey else image)
    image_io.write_mask(folder / "masks" / f"{name}.png", composed.mask)
    points = [(name, f"{cell.x:g}", f"{cell.y:g}", cell.type) for cell in composed.cells]
    sources = [
        (*point, cell.image, f"{cell.x:g}", f"{cell.y:g}")
        for point, cell in zip(points, composed.sources, strict=True)
    ]
    sample = Sample(
        name,
        image_path,
        None,
        bucket.name,
        bucket.split,
        subject=bucket.subject,
        origin=ORIGIN,
        fully_labelled=True,
    )
    return _Written(sample, tuple(points), tuple(sources), found)


def _composed(library, config, seed, number, index):
    """A field whose regions, found in its mask, hold all of its cells, each of them one or more."""
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, index, attempt])
        composed = smear.compose(library, config, number, rng)
        found = regions.find_regions_in_mask(composed.mask, composed.cells, fully_labelled=True)
        labelled = sum(region.num_points for region in found) == len(composed.cells)
        if labelled and all(region.complete for region in found):
            return composed, found
    raise RuntimeError(f"field {index}: cells and regions of its mask disagree")


def _summary(written, done, used) -> ComposeSummary:
    found = [region for field in written for region in field.regions]
    pairs = collections.Counter(
        ";".join(pair) for region in found for pair in itertools.combinations(region.types, 2)
    )
    possible = {
        ";".join(sorted(pair)) for _, _, types in done for pair in itertools.combinations(types, 2)
    }
    return ComposeSummary(
        images=len(written),
        buckets=len(used),
        source_cells=len({row[4:] for field in written for row in field.sources}),
        cut=sum(cut for _, cut, _ in done),
        regions=dict(sorted(collections.Counter(r.num_cells for r in found).items())),
        cells=dict(collections.Counter(row[3] for field in written for row in field.cells)),
        pairs=dict(sorted(pairs.items())),
        pairs_missed=tuple(sorted(possible - set(pairs))),
    )


def _record(source, config, seed, dealt, summary) -> dict:
    images = {s.name: files.sha256_of_file(s.image_path) for s in source}
    parts = [images[s.name] + files.sha256_of_file(s.mask_path) for s in source]
    return {
        "origin": ORIGIN,
        "source": {
            "name": source.root.resolve().name,
            "sha256": files.sha256_of_json(parts),
            # Who learns from a field has seen the images that its cells are of.
            "images": images,
        },
        "config": config_io.to_dict(config),
        "seed": seed,
        "buckets": {bucket.name: dataclasses.asdict(bucket) for bucket in dealt},
        "summary": dataclasses.asdict(summary),
        "versions": files.versions(),
    }


def _chained(rows) -> list:
    return list(itertools.chain.from_iterable(rows))
