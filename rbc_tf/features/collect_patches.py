"""From a dataset folder to an archive of patches to train a backbone on."""

import pathlib

import numpy as np
from tqdm import tqdm

from rbc_tf.core import boxes, config, files, image_io
from rbc_tf.core.types import Region, Sample
from rbc_tf.data import dataset as dataset_lib
from rbc_tf.data import examples
from rbc_tf.data.regions import RegionConfig, find_regions
from rbc_tf.features.crops import CropConfig, cut_pictures
from rbc_tf.features.patch_archive import SINGLE_CELL, PatchArchive


def collect_patches(
    dataset_dir: str | pathlib.Path,
    split: str,
    crop: CropConfig,
    regions: str = SINGLE_CELL,
    region_config: RegionConfig = RegionConfig(),
) -> PatchArchive:
    """Cuts the labelled regions of one split.

    Args:
        dataset_dir: a dataset folder with splits.
        split: 'train' or 'validation'; the test is not for training.
        crop: how patches are cut.
        regions: 'single_cell', or 'all' for multi-cell regions too.
        region_config: how regions are found in masks.

    Raises:
        ValueError: the split has no such region.
        DatasetError, ImageError: the dataset cannot be read, or a group is in two splits.
    """
    dataset = dataset_lib.load_dataset(dataset_dir)
    parts, labels, images, hashes = [], [], [], {}
    for sample in tqdm(dataset.in_split(split), desc=f"Cutting {split} patches", unit="image"):
        chosen = [r for r in find_regions(sample, region_config) if _takes_part(r, regions)]
        if chosen:
            parts.append(_cut(sample, chosen, crop))
            labels += [examples.label_vector(region, dataset.cell_types) for region in chosen]
            images += [sample.name] * len(chosen)
            hashes[sample.name] = files.sha256_of_file(sample.image_path)
    if not parts:
        raise ValueError(
            f"{dataset_dir}: the split '{split}' must have labelled regions ({regions}). "
            "Received: none"
        )
    about = {
        "types": list(dataset.cell_types.names),
        "crop": config.to_dict(crop),
        "regions": regions,
        "split": split,
        "image_hashes": hashes,
    }
    return PatchArchive(np.concatenate(parts), np.stack(labels), np.array(images), about)


def _takes_part(region: Region, regions: str) -> bool:
    return examples.is_example(region) and (regions != SINGLE_CELL or region.num_cells == 1)


def _cut(sample: Sample, regions: list[Region], crop: CropConfig) -> np.ndarray:
    image = image_io.read_image(sample.image_path, sample.intensity)
    return cut_pictures(image, boxes.as_boxes([r.box for r in regions]), crop)
