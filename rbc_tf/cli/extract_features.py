"""Cuts a patch for each labelled region of a dataset and keeps its features.

rbc_tf extract-features --dataset_dir=chula --features_dir=features --weights=imagenet

rbc_tf extract-features --dataset_dir=chula --features_dir=features --bundle=chula12

The file of a fine-tuned backbone has how patches are cut: give no crop flags with it.

Run it again after an interruption, or after labels or splits have changed: features that are
there already are kept.
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data.regions import RegionConfig

REQUIRED = ("dataset_dir", "features_dir")

_REGIONS = RegionConfig()

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder.")
_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder for the features.")
_WEIGHTS = flags.DEFINE_string(
    "weights",
    None,
    "'imagenet' (downloaded once), the path of a .keras backbone or of a weights file of the "
    "network (of resnet50: a .h5 file without top), or 'random' (to try the software).",
)
_BUNDLE = flags.DEFINE_string(
    "bundle",
    None,
    "Take the backbone of this bundle, a folder, a packed file or the name of one that comes with "
    "rbc_tf, instead of --weights.",
)
shared_flags.define_crop(None)
_CONNECTIVITY = flags.DEFINE_integer(
    "connectivity", _REGIONS.connectivity, "8, or 4: pixels that touch at a corner are apart."
)
_MIN_AREA = flags.DEFINE_integer(
    "min_area", _REGIONS.min_area, "Smaller regions, in pixels, are dropped as dirt."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Patches per run of the network.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of random weights.")
shared_flags.define_precision(
    shared_flags.FLOAT32, " Commands that fill the same folder themselves expect float32."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Replace features made from other inputs or settings."
)


def _weights() -> str:
    if (_WEIGHTS.value is None) == (_BUNDLE.value is None):
        raise ValueError("Exactly one of --weights and --bundle must be given")
    if _WEIGHTS.value is not None:
        return _WEIGHTS.value
    from rbc_tf.inference import bundle, pretrained

    return str(pretrained.find(_BUNDLE.value).path / bundle.BACKBONE)


def main() -> None:
    from rbc_tf.features import extract

    config = extract.ExtractionConfig(
        weights=_weights(),
        backbone=flags.FLAGS.backbone,
        crop=shared_flags.crop() if shared_flags.crop_is_given() else None,
        regions=RegionConfig(connectivity=_CONNECTIVITY.value, min_area=_MIN_AREA.value),
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        precision=flags.FLAGS.precision,
    )
    table = extract.extract_features(
        _DATASET_DIR.value, _FEATURES_DIR.value, config, _OVERWRITE.value
    )
    print(f"{len(table)} patches, {table.features.shape[1]} features each: {_FEATURES_DIR.value}")
