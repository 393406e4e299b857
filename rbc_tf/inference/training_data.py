"""What a bundle says of the data that its features and classifier come from."""

import pathlib

import numpy as np

from rbc_tf.core.cell_types import CellTypes
from rbc_tf.core.types import PRESENT, FeatureTable
from rbc_tf.features import cache
from rbc_tf.features.backbones.backbone import read_record

# The splits that a classifier learns from or is tuned on.
_TAUGHT = ("train", "validation")


def describe(features_dir: str | pathlib.Path, cell_types: CellTypes, description: str) -> dict:
    """Counts by split, and which images taught.

    Returns:
        {'dataset': its name, 'description', 'splits': {split: counts of images, groups, patches,
        single_cell and completely_labelled ones, and of each type}, 'taught_images': sha256 of
        the files of images that training or validation used}. Only images with labelled regions
        are counted.
    """
    fingerprint = cache.load_fingerprint(features_dir)
    rows = cache.FeatureCache(features_dir).load_rows()
    taught = np.unique(rows.images[np.isin(rows.splits, _TAUGHT)]).tolist()
    return {
        "dataset": fingerprint.dataset,
        "description": description,
        "splits": {
            split: _counts(rows.select(rows.splits == split), cell_types)
            for split in (*_TAUGHT, "test")
            if (rows.splits == split).any()
        },
        "taught_images": sorted(fingerprint.images[name].sha256 for name in taught),
    }


def describe_backbone(features_dir: str | pathlib.Path) -> dict:
    """What a fine-tuned backbone says of its making, {} of others; of its images, their number."""
    record = dict(read_record(pathlib.Path(features_dir) / cache.BACKBONE_FILE))
    if record:
        record["num_images"] = len(record.pop("images"))
    return record


def _counts(rows: FeatureTable, cell_types: CellTypes) -> dict:
    present = (rows.labels == PRESENT).sum(axis=0).tolist()
    return {
        "images": len(np.unique(rows.images)),
        "groups": len(np.unique(rows.groups)),
        "patches": len(rows),
        "single_cell": int((rows.num_cells == 1).sum()),
        "completely_labelled": int(rows.complete.sum()),
        "types": dict(zip(cell_types.names, present, strict=True)),
    }
