"""What a fine-tuned backbone has seen must not be what its features are scored on."""

import pathlib
from collections.abc import Mapping

import numpy as np

from rbc_tf.core.types import FeatureTable
from rbc_tf.features import cache
from rbc_tf.features.backbone import read_record

_LISTED = 5


def check_unseen(features_dir: str | pathlib.Path, table: FeatureTable) -> None:
    """Refuses rows of groups that the backbone of a feature cache was fine-tuned on.

    One image that took part, in training or in choosing the epoch, rules out its whole group.
    Images are compared by content, so that renaming hides nothing. Backbones that were not
    fine-tuned by rbc_tf have seen nothing of the dataset, as far as is known.

    Args:
        features_dir: the feature cache.
        table: rows of it that are to be scored.

    Raises:
        ValueError: names such groups.
        CacheError: the folder has no backbone.
    """
    record = _record(features_dir)
    if not record:
        return
    seen = set(record["images"].values())
    entries = cache.load_fingerprint(features_dir).images
    used = [name for name in np.unique(table.images).tolist() if entries[name].sha256 in seen]
    groups = np.unique(table.groups[np.isin(table.images, used)]).tolist()
    if groups:
        more = f" and {len(groups) - _LISTED} more" if len(groups) > _LISTED else ""
        raise ValueError(
            f"{features_dir}: only groups that the backbone has not seen can be scored. "
            f"Received: {', '.join(groups[:_LISTED])}{more}, with {len(used)} images that it was "
            "fine-tuned on. Choose other splits, or fine-tune on others"
        )


def check_images_unseen(record: dict, hashes: Mapping[str, str]) -> None:
    """Refuses images that a backbone was fine-tuned on, for scoring without a feature cache.

    Args:
        record: of the backbone (`Backbone.record`); {} for one that was not fine-tuned.
        hashes: sha256 of the files of the images that are to be scored, by name.

    Raises:
        ValueError: names such images.
    """
    seen = set(record["images"].values()) if record else set()
    used = sorted(name for name, sha256 in hashes.items() if sha256 in seen)
    if used:
        more = f" and {len(used) - _LISTED} more" if len(used) > _LISTED else ""
        raise ValueError(
            "Only images that the backbone has not seen can be scored. Received: "
            f"{', '.join(used[:_LISTED])}{more}, which it was fine-tuned on"
        )


def check_single_cell(features_dir: str | pathlib.Path) -> None:
    """Refuses features of a backbone that was fine-tuned on multi-cell regions.

    Where training on single cells alone is compared with training on all regions (Models B and
    A of the paper), B must not inherit through its features what A alone may learn from.

    Raises:
        ValueError: it was.
    """
    record = _record(features_dir)
    if record and record["regions"] != "single_cell":
        raise ValueError(
            f"{features_dir}: the backbone must be fine-tuned on single-cell regions alone to "
            "compare models trained on single cells and on all regions. Received: one fine-tuned "
            f"on {record['regions']} regions. Fine-tune with --regions=single_cell"
        )


def _record(features_dir: str | pathlib.Path) -> dict:
    path = pathlib.Path(features_dir) / cache.BACKBONE_FILE
    if not path.is_file():
        raise cache.CacheError(
            f"{path} is missing: what the features were made with must be known to score them"
        )
    return read_record(path)
