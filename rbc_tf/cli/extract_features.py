"""Cuts a patch for each labelled region of a dataset and keeps its features.

rbc_tf extract-features --dataset_dir=chula --features_dir=features --weights=imagenet

The file of a fine-tuned backbone has how patches are cut: give no crop flags with it.

Run it again after an interruption, or after labels or splits have changed: features that are
there already are kept.
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data.regions import RegionConfig
from rbc_tf.features import backbone_spec, crops

REQUIRED = ("dataset_dir", "features_dir", "weights")

_REGIONS = RegionConfig()

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder.")
_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder for the features.")
_WEIGHTS = flags.DEFINE_string(
    "weights",
    None,
    "'imagenet' (downloaded once), the path of a .keras backbone or of a weights file of the "
    "network (of resnet50: a .h5 file without top), or 'random' (to try the software).",
)
_BACKBONE = flags.DEFINE_enum(
    "backbone",
    None,
    backbone_spec.names(),
    f"The network; left out, that of a .keras file, and {backbone_spec.DEFAULT} for other weights.",
)
_CROP_MODE = flags.DEFINE_enum(
    "crop_mode", crops.CropConfig.mode, crops.MODES, f"{crops.describe_modes()}."
)
_PATCH_SIZE = flags.DEFINE_integer(
    "patch_size", None, "Side of a patch in pixels; left out, the backbone's own."
)
_CONTEXT = flags.DEFINE_float("context", 0.0, "Margin around a box, as a share of its sides.")
_WINDOW = flags.DEFINE_float(
    "window", None, f"Side of the window in pixels, for {crops.describe_modes('window')}."
)
_SUPERSAMPLE = flags.DEFINE_integer(
    "supersample",
    1,
    "Samples per pixel and axis; 2 or 3 where patches are smaller than regions.",
)
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


def _crop() -> crops.CropConfig | None:
    """The settings of the crop flags; None where none of them is given."""
    given = (_CROP_MODE, _PATCH_SIZE, _CONTEXT, _WINDOW, _SUPERSAMPLE)
    if not any(flag.present for flag in given):
        return None
    size = _PATCH_SIZE.value
    if size is None:
        size = backbone_spec.find(_BACKBONE.value or backbone_spec.DEFAULT).patch_size
    return crops.CropConfig(
        mode=_CROP_MODE.value,
        size=size,
        context=_CONTEXT.value,
        window=_WINDOW.value,
        supersample=_SUPERSAMPLE.value,
    )


def main() -> None:
    from rbc_tf.features import extract

    config = extract.ExtractionConfig(
        weights=_WEIGHTS.value,
        backbone=_BACKBONE.value,
        crop=_crop(),
        regions=RegionConfig(connectivity=_CONNECTIVITY.value, min_area=_MIN_AREA.value),
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        precision=flags.FLAGS.precision,
    )
    table = extract.extract_features(
        _DATASET_DIR.value, _FEATURES_DIR.value, config, _OVERWRITE.value
    )
    print(f"{len(table)} patches, {table.features.shape[1]} features each: {_FEATURES_DIR.value}")
