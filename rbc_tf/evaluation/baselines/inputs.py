"""What the comparison with baselines starts from: settings, a dataset folder and its features."""

import dataclasses
import pathlib

import numpy as np

from rbc_tf.classification.heads import HeadsConfig
from rbc_tf.core import config as config_lib
from rbc_tf.core import files, image_io, unseen
from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.names import listed
from rbc_tf.core.types import UNKNOWN, FeatureTable, Sample
from rbc_tf.data import examples, one_side, regions
from rbc_tf.data.dataset import Dataset, load_dataset
from rbc_tf.data.regions import RegionConfig
from rbc_tf.evaluation.baselines.single_label_cnn import SingleLabelCNNConfig
from rbc_tf.evaluation.baselines.unet import UNetConfig
from rbc_tf.evaluation.baselines.watershed import WatershedConfig
from rbc_tf.features import cache, provenance
from rbc_tf.features.crops import CropConfig


@dataclasses.dataclass(frozen=True)
class BaselinesConfig:
    """All settings.

    Attributes:
        watershed: on the true masks and on the U-Net's alike.
        unet: the U-Net and its training.
        cnn: the single-label network and its training.
        cnn_crop: how its patches are cut; where left out, as those of the features, at the
            network's own size, so that both see the same of a cell.
        heads: of Models A and B.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    watershed: WatershedConfig = dataclasses.field(default_factory=WatershedConfig)
    unet: UNetConfig = dataclasses.field(default_factory=UNetConfig)
    cnn: SingleLabelCNNConfig = dataclasses.field(default_factory=SingleLabelCNNConfig)
    cnn_crop: CropConfig | None = None
    heads: HeadsConfig = dataclasses.field(default_factory=HeadsConfig)
    num_resamples: int = 2000
    seed: int = 0

    def __post_init__(self):
        if self.cnn_crop is not None and self.cnn_crop.size != self.cnn.patch_size:
            raise ValueError(
                f"`cnn_crop.size` must be `cnn.patch_size`, {self.cnn.patch_size}. "
                f"Received: {self.cnn_crop.size}"
            )
        if self.num_resamples < 1:
            raise ValueError(f"`num_resamples` must be 1 or more. Received: {self.num_resamples}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more. Received: {self.seed}")


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """A dataset and its features, which belong together.

    Attributes:
        dataset: with splits and masks.
        features_dir: the feature cache.
        table: its rows.
        cell_types: the types of the table's labels.
        fingerprint: what the features were made from.
    """

    dataset: Dataset
    features_dir: pathlib.Path
    table: FeatureTable
    cell_types: CellTypes
    fingerprint: cache.Fingerprint

    @property
    def crop(self) -> CropConfig:
        """How the patches of the features were cut."""
        return config_lib.from_dict(CropConfig, self.fingerprint.settings["crop"])

    @property
    def region_config(self) -> RegionConfig:
        """How regions were found for the features."""
        return config_lib.from_dict(RegionConfig, self.fingerprint.settings["regions"])

    @property
    def scored(self) -> np.ndarray:
        """bool [N], the rows that are scored: of test images, with every cell labelled."""
        known = (self.table.labels != UNKNOWN).all(axis=1)
        return (self.table.splits == "test") & self.table.complete & known

    def training_rows(self, split: str, single_cell: bool) -> FeatureTable:
        """The rows of a split, incomplete ones included; of single-cell regions alone on request.

        Raises:
            ValueError: there is none.
        """
        rows = self.table.splits == split
        if single_cell:
            rows &= self.table.num_cells == 1
        if not rows.any():
            kind = "single-cell regions" if single_cell else "regions"
            raise ValueError(f"{self.features_dir}: the split '{split}' must have {kind}.")
        return self.table.select(rows)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredImage:
    """One image whose regions are scored.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        regions: int32 [H, W], 0 outside and 1 to R on all of its regions, also unlabelled ones.
        points: float [K, 2], (y, x) of all labelled cells.
        scored: int [n], the regions that are scored, from 0.
        rows: int [n], their rows in the feature table.
    """

    image: np.ndarray
    regions: np.ndarray
    points: np.ndarray
    scored: np.ndarray
    rows: np.ndarray


def load_inputs(dataset_dir: str | pathlib.Path, features_dir: str | pathlib.Path) -> Inputs:
    """Reads both and checks that they belong together and may be scored.

    Raises:
        DatasetError, CacheError: a folder has problems.
        ValueError: splits are missing, images lack masks, the features are of other images or
            splits, a group or a copy of an image is in several splits, or the backbone has seen
            what is to be scored or multi-cell regions.
    """
    dataset = load_dataset(dataset_dir)
    inputs = Inputs(
        dataset,
        pathlib.Path(features_dir),
        provenance.load_apart(features_dir),
        cache.load_cell_types(features_dir),
        cache.load_fingerprint(features_dir),
    )
    _check_apart(dataset)
    for split in ("train", "validation", "test"):
        _check_masks(dataset.in_split(split))
    _check_same(inputs)
    if not inputs.scored.any():
        raise ValueError(f"{dataset.root}: the split 'test' must have completely labelled regions.")
    provenance.check_unseen(features_dir, inputs.table.select(inputs.scored))
    # Model B labels the segments of the baselines and is compared with Model A.
    provenance.check_single_cell(features_dir)
    return inputs


def read_scored_image(inputs: Inputs, sample: Sample) -> ScoredImage:
    """One image with the regions of it that are scored.

    Raises:
        ImageError: the image or its mask cannot be read.
        ValueError: its labelled regions are others than those of the features.
    """
    mask, config = image_io.read_mask(sample.mask_path), inputs.region_config
    labels, _ = regions.label_regions(mask, config)
    found = regions.find_regions_in_mask(mask, sample.cells, config)
    labelled = [place for place, region in enumerate(found) if examples.is_example(region)]
    rows = np.flatnonzero(inputs.table.images == sample.name)
    _check_regions(inputs, sample, [found[place] for place in labelled], rows)
    scored = inputs.scored[rows]
    return ScoredImage(
        image=image_io.read_image(sample.image_path, sample.intensity),
        regions=labels,
        points=np.array([(cell.y, cell.x) for cell in sample.cells]).reshape(-1, 2),
        scored=np.array(labelled, int)[scored],
        rows=rows[scored],
    )


def _check_apart(dataset: Dataset) -> None:
    """Of all images, as the U-Net also learns from those without labelled cells."""
    first = one_side.joined(one_side.contents(dataset, lambda sample: sample.group))
    unseen.check_one_split((first[s.group], s.split or "", str(s.image_path)) for s in dataset)


def _check_masks(samples: tuple[Sample, ...]) -> None:
    without = [sample.name for sample in samples if sample.mask_path is None]
    if without:
        raise ValueError(
            "The baselines need masks: cells are separated within them. Without a mask: "
            f"{listed(without)}"
        )


def _check_same(inputs: Inputs) -> None:
    """Images, splits and types must be those that the features were extracted from."""
    if inputs.dataset.cell_types != inputs.cell_types:
        raise _stale(inputs, "the cell types")
    first = dict(zip(inputs.table.images.tolist(), range(len(inputs.table)), strict=True))
    names = {sample.name for sample in inputs.dataset}
    if not first.keys() <= names:
        raise _stale(inputs, "the images")
    for sample in inputs.dataset:
        if sample.name not in first:
            continue
        if inputs.table.splits[first[sample.name]] != sample.split:
            raise _stale(inputs, f"the split of image {sample.name}")
        sha256 = files.sha256_of_file(sample.image_path)
        if inputs.fingerprint.images[sample.name].sha256 != sha256:
            raise _stale(inputs, f"the file of image {sample.name}")


def _check_regions(inputs: Inputs, sample: Sample, labelled: list, rows: np.ndarray) -> None:
    boxes = np.array([region.box for region in labelled], np.float32).reshape(-1, 4)
    types = [examples.label_vector(region, inputs.cell_types) for region in labelled]
    types = np.array(types, np.int8).reshape(-1, len(inputs.cell_types))
    same_boxes = np.array_equal(boxes, inputs.table.boxes[rows])
    if not same_boxes or not np.array_equal(types, inputs.table.labels[rows]):
        raise _stale(inputs, f"the labelled regions of image {sample.name}")


def _stale(inputs: Inputs, what: str) -> ValueError:
    return ValueError(
        f"{inputs.features_dir} was extracted before {what} changed in {inputs.dataset.root}. Run "
        "rbc_tf extract-features again"
    )
