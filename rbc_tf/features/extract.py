"""From a dataset folder to a feature cache."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging
from tqdm import tqdm

from rbc_tf.core import boxes, files, image_io
from rbc_tf.core import config as config_lib
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import FeatureTable, Region, Sample
from rbc_tf.data import dataset as dataset_lib
from rbc_tf.data import examples as examples_lib
from rbc_tf.data import one_side
from rbc_tf.data.composed import links
from rbc_tf.data.regions import RegionConfig, find_regions
from rbc_tf.features import backbone_spec
from rbc_tf.features.backbone import Backbone, load_backbone
from rbc_tf.features.cache import FORMAT_VERSION, FeatureCache, Fingerprint, ImageEntry
from rbc_tf.features.crops import CROP_VERSION, CropConfig, check_boxes, for_backbone
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.graphs import frozen


@dataclasses.dataclass(frozen=True)
class ExtractionConfig:
    """How features are made.

    Attributes:
        weights: 'imagenet', a path or 'random': see `backbone.load_backbone`.
        backbone: name of the network, one of `backbone_spec.names()`; None: that of a `.keras`
            file, ResNet-50 for other weights.
        crop: how patches are cut, but for the colour of the fill, which is the backbone's; None:
            as a fine-tuned backbone was trained, the paper's way for others.
        regions: how regions are found in masks.
        batch_size: patches per run of the network; changes speed only.
        seed: of random weights; unused otherwise.
        precision: one of `frozen.PRECISIONS`. Features in half precision are others, by some
            thousandths, and are not mixed with those in float32.
    """

    weights: str
    crop: CropConfig | None = None
    regions: RegionConfig = dataclasses.field(default_factory=RegionConfig)
    batch_size: int = 32
    seed: int = 0
    precision: str = frozen.FLOAT32
    backbone: str | None = None


class ExtractionError(ValueError):
    """Some images could not be used; the features of the others are in the cache.

    Attributes:
        failures: the reason by the name of the image.
    """

    def __init__(self, failures: dict[str, str]):
        self.failures = failures
        lines = "".join(f"  {name}: {reason}\n" for name, reason in failures.items())
        super().__init__(
            f"{len(failures)} image(s) could not be used:\n{lines}"
            "The features of the others are kept. Repair these images or take them out of the "
            "dataset, then run again: only what is missing will be computed."
        )


@dataclasses.dataclass(frozen=True)
class _Task:
    """One image, and the regions of it that are examples for classification."""

    sample: Sample
    regions: tuple[Region, ...]
    entry: ImageEntry

    @property
    def boxes(self) -> np.ndarray:
        return boxes.as_boxes([region.box for region in self.regions])


def extract_features(
    dataset_dir: str | pathlib.Path,
    features_dir: str | pathlib.Path,
    config: ExtractionConfig,
    overwrite: bool = False,
) -> FeatureTable:
    """Fills a feature cache from a dataset folder, and loads it.

    What the folder already holds is reused. An image that cannot be used does not stop the others.

    Raises:
        StaleError: the folder was filled from other images, boxes or settings; with
            `overwrite`, what changed is replaced instead.
        ExtractionError: at the end, naming the images that could not be used. The cache stays
            unfinished then.
        WeightsError: the backbone cannot be loaded.
        ValueError: the backbone was trained on patches cut otherwise than `config.crop` says, or
            no region is labelled.
    """
    dataset = dataset_lib.load_dataset(dataset_dir)
    size = config.crop.size if config.crop else None
    backbone = load_backbone(config.weights, size, config.seed, config.backbone)
    crop = _choose_crop(config.crop, backbone)
    tasks, failures = _plan(dataset.samples, config.regions)
    if not failures and not any(task.regions for task in tasks):
        raise ValueError(
            f"{dataset.root}: features are of labelled regions. Received: none in {len(tasks)} "
            "images; cells are labelled in cells.csv, regions in regions.csv"
        )
    extractor = FeatureExtractor(backbone, config.batch_size, config.precision)
    settings = _settings(backbone, crop, config.regions, extractor.precision)
    if dataset.intensity is not None:
        settings["intensity"] = [dataset.intensity.low, dataset.intensity.high]
    cache = FeatureCache(features_dir)
    entries = {task.sample.name: task.entry for task in tasks}
    # Of a path the name will do: features and bundles travel.
    fingerprint = Fingerprint(
        settings,
        entries,
        weights=pathlib.Path(config.weights).name,
        dataset=dataset.root.resolve().name,
        sources=links.source_hashes(dataset),
    )
    cache.prepare(fingerprint, overwrite)
    cache.keep_backbone(backbone)
    failures |= _fill(cache, tasks, crop, extractor)
    if failures:
        raise ExtractionError(failures)
    table = _table(tasks, dataset.cell_types, _joined_groups(tasks, fingerprint.sources))
    cache.write_table(table, dataset.cell_types)
    return cache.load()


def _settings(backbone: Backbone, crop: CropConfig, regions: RegionConfig, precision: str) -> dict:
    """All that features depend on beside images and boxes, as plain JSON values."""
    settings = {
        "format_version": FORMAT_VERSION,
        "crop_version": CROP_VERSION,
        "crop": config_lib.to_dict(crop),
        "regions": config_lib.to_dict(regions),
        "weights_sha256": backbone.weights_sha256,
        "feature_dim": backbone.feature_dim,
    }
    # What could not be otherwise when the first caches were filled stands here only where it is
    # otherwise: so those stay valid.
    if backbone.name != backbone_spec.UNNAMED:
        settings["backbone"] = backbone.name
    if precision != frozen.FLOAT32:
        settings["precision"] = precision
    return settings


def _choose_crop(asked: CropConfig | None, backbone: Backbone) -> CropConfig:
    """The settings asked for, or the backbone's own; those of a fine-tuned one must agree."""
    asked = asked and for_backbone(asked, backbone.spec)
    if "crop" not in backbone.record:
        return asked or for_backbone(CropConfig(size=backbone.patch_size), backbone.spec)
    own = config_lib.from_dict(CropConfig, backbone.record["crop"])
    if asked not in (None, own):
        raise ValueError(
            f"Patches must be cut as those that the backbone was trained on, {own}. "
            f"Received: {asked}. Leave the crop settings out"
        )
    return own


def _plan(samples: Sequence[Sample], config: RegionConfig) -> tuple[list[_Task], dict[str, str]]:
    """What is to be done per image, and why some images cannot be used."""
    tasks, failures = [], {}
    for sample in tqdm(samples, desc="Finding regions", unit="image"):
        try:
            regions = tuple(filter(examples_lib.is_example, find_regions(sample, config)))
            # The mask enters by the boxes that were found in it.
            hashed = files.sha256_of_bytes(boxes.as_boxes([r.box for r in regions]).tobytes())
            entry = ImageEntry(files.sha256_of_file(sample.image_path), hashed)
            tasks.append(_Task(sample, regions, entry))
        except (OSError, ValueError) as error:
            failures[sample.name] = _reason(sample, error)
    return tasks, failures


def _fill(
    cache: FeatureCache, tasks: Sequence[_Task], crop: CropConfig, extractor: FeatureExtractor
) -> dict[str, str]:
    """Computes the shards that are missing; the reason by the name of each image that failed."""
    pending = [task for task in tasks if not cache.shard_path(task.sample.name).exists()]
    if len(pending) < len(tasks):
        logging.info("%d of %d images are in the cache.", len(tasks) - len(pending), len(tasks))
    failures = {}
    total = sum(len(task.regions) for task in pending)
    with tqdm(total=total, desc="Extracting features", unit="patch") as progress:
        for task in pending:
            try:
                features = _extract(task, crop, extractor)
            except (OSError, ValueError) as error:
                failures[task.sample.name] = _reason(task.sample, error)
            else:
                cache.write_shard(task.sample.name, task.boxes, features)
            progress.update(len(task.regions))
    return failures


def _extract(task: _Task, crop: CropConfig, extractor: FeatureExtractor) -> np.ndarray:
    """float32 [N, D]. Batches do not span images: ten patches run as fast as a full batch."""
    content = image_io.read_bytes(task.sample.image_path)
    if files.sha256_of_bytes(content) != task.entry.sha256:
        raise image_io.ImageError(
            f"{task.sample.image_path}: has been changed since the run began. Run again"
        )
    image = image_io.decode_image(content, task.sample.image_path, task.sample.intensity)
    checked = check_boxes(task.boxes, *image.shape[:2])
    return extractor.extract_boxes(image, checked, crop)


def _joined_groups(tasks: Sequence[_Task], sources: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """{group: the first of those that belong on its side}; see `one_side`."""
    contents: dict[str, set[str]] = {}
    for task in tasks:
        hashes = contents.setdefault(task.sample.group, set())
        hashes.update([task.entry.sha256, *sources.get(task.sample.name, ())])
    return one_side.joined(contents)


def _table(
    tasks: Sequence[_Task], cell_types: CellTypes, joined: Mapping[str, str]
) -> FeatureTable:
    """The rows of all tasks, without their features."""
    rows = [(task.sample, region) for task in tasks for region in task.regions]
    labels = [examples_lib.label_vector(region, cell_types) for _, region in rows]
    return FeatureTable(
        features=np.zeros((len(rows), 0), np.float32),
        labels=np.array(labels, np.int8).reshape(len(rows), len(cell_types)),
        images=np.array([sample.name for sample, _ in rows], str),
        groups=np.array([joined[sample.group] for sample, _ in rows], str),
        splits=np.array([sample.split for sample, _ in rows], str),
        boxes=boxes.as_boxes([region.box for _, region in rows]),
        num_cells=np.array([region.num_cells for _, region in rows], np.int32),
        complete=np.array([region.complete for _, region in rows], bool),
    )


def _reason(sample: Sample, error: Exception) -> str:
    logging.error("Image %s cannot be used: %s", sample.name, error)
    return str(error)
