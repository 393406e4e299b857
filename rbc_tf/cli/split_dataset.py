"""Divides a dataset folder into train, validation and test by group.

Writes images.csv and, with the seed, splits.json.

rbc_tf split-dataset --dataset_dir=chula --seed=0
"""

import collections

from absl import flags

from rbc_tf.data import dataset, splits

REQUIRED = ("dataset_dir",)

_DEFAULTS = splits.SplitConfig()

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder.")
_VALIDATION = flags.DEFINE_float("validation", _DEFAULTS.validation, "Share for validation.")
_TEST = flags.DEFINE_float("test", _DEFAULTS.test, "Share for the test.")
_SEED = flags.DEFINE_integer("seed", _DEFAULTS.seed, "The same seed gives the same splits.")
_GROUP_BY = flags.DEFINE_enum(
    "group_by",
    _DEFAULTS.group_by,
    list(splits.GROUPINGS),
    "What is kept on one side: the groups of images.csv (slide, block or source image), or all "
    "groups of a subject.",
)


def main() -> None:
    loaded = dataset.load_dataset(_DATASET_DIR.value)
    config = splits.SplitConfig(_VALIDATION.value, _TEST.value, _SEED.value, _GROUP_BY.value)
    split_of_group = splits.assign_splits(loaded, config)
    splits.save_splits(loaded, split_of_group, config)
    images = collections.Counter(split_of_group[sample.group] for sample in loaded)
    groups = collections.Counter(split_of_group.values())
    for split in dataset.SPLITS:
        print(f"{split}: {images[split]} images of {groups[split]} groups")
