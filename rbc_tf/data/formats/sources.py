"""What there is to write out: the results of an analysis, or the true regions of a dataset."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator

from absl import logging

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import OTHER
from rbc_tf.data.dataset import load_dataset
from rbc_tf.data.formats import values
from rbc_tf.data.formats.marked import MarkedCell, MarkedImage, MarkedRegion
from rbc_tf.data.regions import RegionConfig, find_regions


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Images with regions, read one at a time.

    Attributes:
        type_names: every type that a region may have, in the order of the list of types.
        num_images: how many images there are, those that cannot be read included.
        images: the images by name; what cannot be read is passed over and noted in `problems`.
        predicted: the regions are an analysis's, not the truth.
        problems: one line for each image that could not be read, complete when `images` is used
            up.
    """

    type_names: tuple[str, ...]
    num_images: int
    images: Iterable[MarkedImage]
    predicted: bool
    problems: list[str]


def results(results_dir: str | pathlib.Path) -> Source:
    """The results folder that rbc_tf analyze writes.

    Raises:
        ValueError: it is none, or no image was analysed.
    """
    folder = pathlib.Path(results_dir)
    if not (folder / "run.json").is_file():
        raise ValueError(
            f"{folder}: a results folder of rbc_tf analyze is required; no run.json is there"
        )
    run = values.mapping(values.load_json(folder / "run.json"), f"{folder / 'run.json'}")
    names = values.sequence(run.get("cell_types"), f"{folder / 'run.json'}: cell_types")
    # A killed run may leave what it was writing, hidden.
    paths = sorted(p for p in (folder / "images").rglob("*.json") if not p.name.startswith("."))
    if not paths:
        raise ValueError(f"{folder / 'images'}: holds the result of no image")
    _check_tables(folder, len(paths))
    problems: list[str] = []
    images = _read_results(folder / "images", paths, tuple(names), problems)
    return Source(tuple(names), len(paths), images, True, problems)


def _check_tables(folder: pathlib.Path, num_images: int) -> None:
    """Results must be those that the run's tables speak of; raises ValueError."""
    path = folder / "summary.json"
    if not path.is_file():
        logging.warning("%s: the analysis has not come to its end; what is there is taken", folder)
        return
    summary = values.mapping(values.load_json(path), f"{path}")
    told = values.number(summary.get("num_images"), f"{path}: num_images")
    if told != num_images:
        raise ValueError(
            f"{folder}: the results must be those of the images that {path.name} speaks of, "
            f"{told}. Received: results of {num_images}; run rbc_tf analyze again"
        )


def dataset(dataset_dir: str | pathlib.Path, config: RegionConfig = RegionConfig()) -> Source:
    """The true regions and labelled cells of a dataset folder.

    Raises:
        DatasetError: with every problem of the folder.
    """
    loaded = load_dataset(dataset_dir)
    problems: list[str] = []
    names = (*loaded.cell_types.names, OTHER)
    return Source(names, len(loaded), _read_truth(loaded, config, problems), False, problems)


def _read_results(
    folder: pathlib.Path,
    paths: list[pathlib.Path],
    type_names: tuple[str, ...],
    problems: list[str],
) -> Iterator[MarkedImage]:
    for path in paths:
        try:
            result = values.mapping(values.load_json(path), f"{path}: a result")
        except ValueError as error:
            problems.append(f"{error}")
            continue
        name = path.relative_to(folder).as_posix().removesuffix(".json")
        try:
            yield _image_of_result(name, result, type_names)
        except ValueError as error:
            problems.append(f"{path}: {error}")


def _image_of_result(name: str, result: dict, type_names: tuple[str, ...]) -> MarkedImage:
    height, width = (int(values.number(result.get(e), e)) for e in ("height", "width"))
    regions = []
    for number, entry in enumerate(values.sequence(result.get("regions"), "regions"), start=1):
        try:
            regions.append(_region_of_result(values.mapping(entry, "a region"), type_names))
        except ValueError as error:
            raise ValueError(f"region {number}: {error}") from error
    # What is not of a piece has been changed since; the analysis would make it again.
    if result.get("image") != name:
        raise ValueError(f"image must be '{name}'. Received: {result.get('image')!r}")
    if values.number(result.get("num_regions"), "num_regions") != len(regions):
        raise ValueError(f"num_regions must be {len(regions)}. Received: {result['num_regions']}")
    return MarkedImage(name, height, width, tuple(regions))


def _region_of_result(entry: dict, type_names: tuple[str, ...]) -> MarkedRegion:
    edges = values.mapping(entry.get("box"), "box")
    box = (values.number(edges.get(edge), edge) for edge in ("ymin", "xmin", "ymax", "xmax"))
    labels = values.sequence(entry.get("labels"), "labels")
    if not all(label in type_names for label in labels):
        raise ValueError(f"labels must be types of run.json. Received: {labels}")
    probabilities = values.mapping(entry.get("probabilities"), "probabilities")
    abnormal = values.number(entry.get("abnormal_probability"), "abnormal_probability")
    return MarkedRegion(
        box=values.box(*box),
        types=tuple(labels),
        score=values.number(entry.get("score"), "score"),
        probabilities={name: values.number(p, name) for name, p in probabilities.items()},
        abnormal_probability=abnormal,
    )


def _read_truth(samples, config: RegionConfig, problems: list[str]) -> Iterator[MarkedImage]:
    for sample in samples:
        try:
            height, width = image_io.image_size(sample.image_path)
            found = find_regions(sample, config)
        except image_io.ImageError as error:
            problems.append(f"{error}")
            continue
        regions = (MarkedRegion(r.box, r.types, r.num_cells, r.complete) for r in found)
        cells = (MarkedCell(cell.x, cell.y, cell.type) for cell in sample.cells)
        name = sample.image_path.name
        yield MarkedImage(name, height, width, tuple(regions), tuple(cells))
