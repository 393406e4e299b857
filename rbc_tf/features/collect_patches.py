"""From dataset folders to an archive of patches to train a backbone on.

Several datasets may be taken together, of which each knows its own types. The archive has the
union: what a dataset does not know is unknown in its regions, never absent.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from rbc_tf.core import boxes, files, image_io, unseen
from rbc_tf.core import config as config_lib
from rbc_tf.core.cell_types import CellType, CellTypes
from rbc_tf.core.types import UNKNOWN, Region, Sample
from rbc_tf.data import dataset as dataset_lib
from rbc_tf.data import examples, one_side
from rbc_tf.data.composed import links
from rbc_tf.data.composed.dataset_writer import ORIGIN
from rbc_tf.data.dataset import Dataset
from rbc_tf.data.regions import RegionConfig, find_regions
from rbc_tf.features.crops import CropConfig, cut_pictures
from rbc_tf.features.patch_archive import ALSO_UNLABELLED, SINGLE_CELL, PatchArchive


@dataclasses.dataclass(frozen=True)
class CollectionConfig:
    """Which regions are cut, and how.

    Attributes:
        crop: how patches are cut.
        splits: the splits whose images are taken; all images where empty.
        regions: 'single_cell', 'all' for multi-cell regions too, or 'also_unlabelled' for those of
            which no type is known besides.
        group_by: 'group' or 'subject': what must stay on one side. Those with an image in common,
            or whose cells stand in one composed smear, become one.
        region_config: how regions are found in masks.
    """

    crop: CropConfig
    splits: tuple[str, ...] = ()
    regions: str = SINGLE_CELL
    group_by: str = "group"
    region_config: RegionConfig = dataclasses.field(default_factory=RegionConfig)


def collect_patches(
    dataset_dirs: Sequence[str | pathlib.Path], config: CollectionConfig
) -> PatchArchive:
    """Cuts the regions of datasets, those with a label or all of them.

    Raises:
        ValueError: a dataset or split has no such region; a type is normal here and abnormal there;
            two folders have one name; by subject, an image has none.
        DatasetError, ImageError: a dataset cannot be read, or a group is in two splits.
    """
    datasets = [dataset_lib.load_dataset(folder) for folder in dataset_dirs]
    names = [dataset.root.resolve().name for dataset in datasets]
    if len(set(names)) != len(names):
        raise ValueError(f"Dataset folders must have different names. Received: {names}")
    types = _union([dataset.cell_types for dataset in datasets])
    prefixes = [f"{name}/" if len(datasets) > 1 else "" for name in names]
    parts = [
        _collect(dataset, prefix, types, config)
        for dataset, prefix in zip(datasets, prefixes, strict=True)
    ]
    names_of_arrays = parts[0][0]
    arrays = {name: np.concatenate([part[0][name] for part in parts]) for name in names_of_arrays}
    for split in config.splits:
        if split not in arrays["splits"]:
            raise ValueError(
                f"{', '.join(names)}: the split '{split}' must have labelled regions "
                f"({config.regions}). Received: none"
            )
    contents: dict[str, set[str]] = {}
    for dataset, prefix in zip(datasets, prefixes, strict=True):
        contents |= _contents(dataset, prefix, config.group_by)
    joined = one_side.joined(contents)
    arrays["groups"] = np.array([joined[group] for group in arrays["groups"].tolist()], str)
    about = {
        "types": list(types.names),
        "cell_types": types.to_list(),
        "crop": config_lib.to_dict(config.crop),
        "regions": config.regions,
        "image_hashes": {name: sha256 for part in parts for name, sha256 in part[1].items()},
        "sources": _by_joined([part[2] for part in parts], joined),
    }
    return PatchArchive(**arrays, about=about)


def collect_splits(
    dataset_dirs: Sequence[str | pathlib.Path], config: CollectionConfig
) -> dict[str, PatchArchive]:
    """Archives to train on, by split, of which 'train' alone keeps unlabelled regions.

    In the others they would say nothing of how well a network does. Raises as `collect_patches`,
    and ValueError where what is composed of an image, or a copy of it, is in another split.
    """
    collected = collect_patches(dataset_dirs, config)
    columns = collected.groups, collected.splits, collected.images
    unseen.check_one_split(zip(*(column.tolist() for column in columns), strict=True))
    labelled = (collected.labels != UNKNOWN).any(axis=1)
    archives = {}
    for split in config.splits:
        taken = (collected.splits == split) & (labelled | (split == "train"))
        if not taken.any():
            raise ValueError(f"The split '{split}' must have labelled regions. Received: none")
        archives[split] = collected.select(taken)
    return archives


def _union(known: Sequence[CellTypes]) -> CellTypes:
    """The types of all datasets, each once, in the order in which they are met."""
    types: dict[str, CellType] = {}
    for cell_type in (cell_type for cell_types in known for cell_type in cell_types):
        earlier = types.setdefault(cell_type.name, cell_type)
        if earlier.abnormal != cell_type.abnormal:
            raise ValueError(
                f"The type {cell_type.name} must be normal or abnormal in all datasets alike. "
                "Received: both"
            )
    return CellTypes(tuple(types.values()))


def _collect(
    dataset: Dataset, prefix: str, types: CellTypes, config: CollectionConfig
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, dict[str, str]]]:
    """The arrays of a `PatchArchive`, its `image_hashes` and its `sources`, of one dataset."""
    samples = [s for s in dataset if not config.splits or s.split in config.splits]
    rows: list[tuple[Sample, str, Region]] = []
    patches, hashes = [], {}
    for sample in tqdm(samples, desc=f"Cutting patches of {dataset.root.name}", unit="image"):
        found = find_regions(sample, config.region_config)
        chosen = [region for region in found if _takes_part(region, config.regions)]
        if chosen:
            name = prefix + sample.name
            patches.append(_cut(sample, chosen, config.crop))
            rows += [(sample, name, region) for region in chosen]
            hashes[name] = files.sha256_of_file(sample.image_path)
    if not rows:
        raise ValueError(
            f"{dataset.root}: labelled regions ({config.regions}) are required. Received: none "
            f"{'in the splits ' + ', '.join(config.splits) if config.splits else ''}"
        )
    groups = _groups([sample for sample, _, _ in rows], prefix, config)
    arrays = {
        "patches": np.concatenate(patches),
        "labels": _labels([region for _, _, region in rows], dataset.cell_types, types),
        "images": np.array([name for _, name, _ in rows], str),
        "groups": np.array(groups, str),
        "splits": np.array([sample.split for sample, _, _ in rows], str),
        "boxes": boxes.as_boxes([region.box for _, _, region in rows]),
        "num_cells": np.array([region.num_cells for _, _, region in rows], np.int32),
        "complete": np.array([region.complete for _, _, region in rows], bool),
        "composed": np.array([sample.origin == ORIGIN for sample, _, _ in rows], bool),
    }
    return arrays, hashes, _sources(dataset, [sample for sample, _, _ in rows], groups)


def _groups(samples: Sequence[Sample], prefix: str, config: CollectionConfig) -> list[str]:
    """What each row must stay together with, as its dataset knows it."""
    if config.group_by == "group":
        return [prefix + sample.group for sample in samples]
    for sample in samples:
        if not sample.subject:
            raise ValueError(
                f"{sample.image_path}: the subject is required to keep subjects apart. "
                "Received: none"
            )
    return [prefix + sample.subject for sample in samples]


def _sources(
    dataset: Dataset, samples: Sequence[Sample], groups: Sequence[str]
) -> dict[str, dict[str, str]]:
    """The images that composed ones are made of, by the groups of these."""
    of_bucket = links.source_images(dataset)
    of_group: dict[str, dict[str, str]] = {}
    for sample, group in zip(samples, groups, strict=True):
        if sample.group in of_bucket:
            of_group.setdefault(group, {}).update(of_bucket[sample.group])
    return of_group


def _contents(dataset: Dataset, prefix: str, group_by: str) -> dict[str, set[str]]:
    """By group, what no other side may have; see `one_side`.

    Of a subject that is its name, too: two folders of fields may show cells of other images of it.
    """
    if group_by == "group":
        return one_side.contents(dataset, lambda sample: prefix + sample.group)
    found = one_side.contents(dataset, lambda sample: prefix + sample.subject)
    source = links.source_name(dataset) or dataset.root.resolve().name
    for sample in dataset:
        if sample.subject:
            found[prefix + sample.subject].add(f"{source}/{sample.subject}")
    return found


def _by_joined(
    sources: Sequence[Mapping[str, Mapping[str, str]]], joined: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The sources of several datasets by the groups that theirs have become."""
    merged: dict[str, dict[str, str]] = {}
    for of_dataset in sources:
        for group, images in of_dataset.items():
            merged.setdefault(joined[group], {}).update(images)
    return merged


def _labels(regions: Sequence[Region], own: CellTypes, types: CellTypes) -> np.ndarray:
    """int8 [N, T] over the types of the archive, from regions labelled with the dataset's own."""
    labels = np.full((len(regions), len(types)), UNKNOWN, np.int8)
    columns = [types.index(name) for name in own.names]
    labels[:, columns] = [examples.label_vector(region, own) for region in regions]
    return labels


def _takes_part(region: Region, regions: str) -> bool:
    if regions == ALSO_UNLABELLED and not region.types:
        return True
    return examples.is_example(region) and (regions != SINGLE_CELL or region.num_cells == 1)


def _cut(sample: Sample, regions: list[Region], crop: CropConfig) -> np.ndarray:
    image = image_io.read_image(sample.image_path, sample.intensity)
    return cut_pictures(image, boxes.as_boxes([r.box for r in regions]), crop)
