"""Which images the backbone of a feature cache has seen, for the guard in `core.unseen`."""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from rbc_tf.core import unseen
from rbc_tf.core.types import FeatureTable
from rbc_tf.core.unseen import Images, Seen
from rbc_tf.data import one_side
from rbc_tf.features import cache
from rbc_tf.features.backbone import read_record


def seen_by(record: Mapping) -> Seen:
    """What a backbone has seen, by its record (`Backbone.record`).

    One that was not fine-tuned by rbc_tf, whose record is {}, has seen nothing of the dataset, as
    far as is known.
    """
    if not record:
        return Seen(unseen.BACKBONE, frozenset())
    return Seen(unseen.BACKBONE, frozenset(record["images"].values()), record["regions"])


def images_of(table: FeatureTable, fingerprint: cache.Fingerprint) -> Images:
    """The images of all rows of a feature cache: all that have labelled regions."""
    group = dict(zip(table.images.tolist(), table.groups.tolist(), strict=True))
    sha256 = {name: fingerprint.images[name].sha256 for name in group}
    return Images(sha256, group, fingerprint.sources)


def joined(table: FeatureTable, fingerprint: cache.Fingerprint) -> FeatureTable:
    """The rows with groups that have an image in common made one; see `one_side`.

    Features that were extracted by version 0.1.0 have the groups of their dataset.
    """
    images = images_of(table, fingerprint)
    contents: dict[str, set[str]] = {}
    for name, group in images.group.items():
        contents.setdefault(group, set()).update(images.hashes(name))
    first = one_side.joined(contents)
    groups = np.array([first[group] for group in table.groups.tolist()], str)
    return dataclasses.replace(table, groups=groups)


def load_apart(features_dir: str | pathlib.Path) -> FeatureTable:
    """The rows of a feature cache that is learnt from and scored split by split.

    Raises:
        SeenError: a group, with the copies of its images, is in several splits.
        CacheError: the features are unfinished or damaged.
    """
    table = joined(cache.load_features(features_dir), cache.load_fingerprint(features_dir))
    images = (f"{features_dir}: {image}" for image in table.images.tolist())
    unseen.check_one_split(zip(table.groups.tolist(), table.splits.tolist(), images, strict=True))
    return table


def check_unseen(features_dir: str | pathlib.Path, table: FeatureTable) -> None:
    """Refuses rows of groups that the backbone of a feature cache was fine-tuned on.

    Args:
        features_dir: the feature cache.
        table: rows of it that are to be scored.

    Raises:
        SeenError: names such groups.
        CacheError: the folder has no backbone, or no finished features.
    """
    seen = backbone_seen(features_dir)
    if seen.images:
        rows = cache.FeatureCache(features_dir).load_rows()
        images = images_of(rows, cache.load_fingerprint(features_dir))
        unseen.check([seen], images, set(table.images.tolist()), str(features_dir))


def check_single_cell(features_dir: str | pathlib.Path) -> None:
    """Refuses features of a backbone that was fine-tuned on multi-cell regions; see `unseen`."""
    unseen.check_single_cell(backbone_seen(features_dir), str(features_dir))


def backbone_seen(features_dir: str | pathlib.Path) -> Seen:
    """What the backbone of a feature cache has seen; raises CacheError where it is missing."""
    path = pathlib.Path(features_dir) / cache.BACKBONE_FILE
    if not path.is_file():
        raise cache.CacheError(
            f"{path} is missing: what the features were made with must be known to score them"
        )
    return seen_by(read_record(path))
