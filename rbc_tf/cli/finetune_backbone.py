"""Trains a backbone on the labelled patches of a dataset: better features than frozen ones.

rbc_tf finetune-backbone --dataset_dir=chula --output_dir=runs/backbone \\
    --weights=imagenet --crop_mode=fixed_scale --window=80 --patch_size=80

Learns from the split 'train', keeps the epoch that is best on 'validation'; extract-features
takes OUTPUT/backbone.keras as --weights. Run it again after an interruption.

The training calls Keras alone. Where an accelerator is at hand only under another backend:
--mode=cut here, then KERAS_BACKEND=jax (or torch) and --mode=train there, with OUTPUT carried
over; TensorFlow need not be installed there.
"""

import pathlib
import typing

from absl import flags

from rbc_tf.features import backbone_spec, crops, patch_archive

if typing.TYPE_CHECKING:
    from rbc_tf.features import finetuning

REQUIRED = ("output_dir",)
ANY_BACKEND = True

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "Dataset folder with splits; to cut.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "For patches, training and backbone.")
_MODE = flags.DEFINE_enum(
    "mode", "cut_and_train", ["cut_and_train", "cut", "train"], "What is to be done."
)
_REGIONS = flags.DEFINE_enum(
    "regions",
    patch_archive.SINGLE_CELL,
    patch_archive.REGION_CHOICES,
    "What it learns from. single_cell: fit for cross-validate, which compares training "
    "on single cells with training on all regions; all: for use.",
)
_BACKBONE = flags.DEFINE_enum(
    "backbone", backbone_spec.DEFAULT, backbone_spec.names(), "The network that is trained."
)
_WEIGHTS = flags.DEFINE_string(
    "weights",
    "scratch",
    "To begin with: 'imagenet', a file as in extract-features, or 'scratch'.",
)
_CROP_MODE = flags.DEFINE_enum(
    "crop_mode", crops.CropConfig.mode, crops.MODES, "As in extract-features."
)
_PATCH_SIZE = flags.DEFINE_integer("patch_size", 80, "Side of a patch in pixels.")
_CONTEXT = flags.DEFINE_float("context", 0.0, "As in extract-features.")
_WINDOW = flags.DEFINE_float("window", None, "As in extract-features.")
_SUPERSAMPLE = flags.DEFINE_integer("supersample", 1, "As in extract-features.")
_CONFIG_FILE = flags.DEFINE_multi_string("config_file", [], "YAML settings; repeatable.")
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "YAML settings such as '{epochs: 20, precision: mixed_bfloat16}'."
)

_SPLITS = ("train", "validation")


def main() -> None:
    from rbc_tf.core import config as config_lib
    from rbc_tf.features import finetuning

    folder = pathlib.Path(_OUTPUT_DIR.value)
    config = config_lib.load_layers(
        finetuning.FinetuningConfig, _CONFIG_FILE.value, _PARAMS_OVERRIDE.value
    )
    if _MODE.value != "train":
        _cut(folder)
    if _MODE.value != "cut":
        _train(folder, config)


def _archive_path(folder: pathlib.Path, split: str) -> pathlib.Path:
    return folder / f"patches_{split}.npz"


def _cut(folder: pathlib.Path) -> None:
    # Cutting is TensorFlow's; training must also run where that is not installed.
    from rbc_tf.features import collect_patches

    if not _DATASET_DIR.value:
        raise ValueError("--dataset_dir must be given to cut patches. Received: none")
    spec = backbone_spec.find(_BACKBONE.value)
    spec.check_patch_size(_PATCH_SIZE.value)
    crop = crops.CropConfig(
        mode=_CROP_MODE.value,
        size=_PATCH_SIZE.value,
        context=_CONTEXT.value,
        window=_WINDOW.value,
        supersample=_SUPERSAMPLE.value,
    )
    crop = crops.for_backbone(crop, spec)
    for split in _SPLITS:
        archive = collect_patches.collect_patches(_DATASET_DIR.value, split, crop, _REGIONS.value)
        archive.save(_archive_path(folder, split))
        print(f"{split}: {len(archive)} patches of {len(archive.about['image_hashes'])} images")


def _train(folder: pathlib.Path, config: "finetuning.FinetuningConfig") -> None:
    from rbc_tf.features import backbone, finetuning

    train, validation = (
        patch_archive.PatchArchive.load(_archive_path(folder, split)) for split in _SPLITS
    )
    start, name = None, _BACKBONE.value
    if _WEIGHTS.value != "scratch":
        size = train.patches.shape[1]
        start = backbone.load_backbone(_WEIGHTS.value, size, name=name)
    work_dir, given = folder / "training", start.model if start else None
    model, history = finetuning.finetune(train, validation, config, given, work_dir, name)
    earlier = start.record if start else None
    record = finetuning.make_record(train, validation, config, history, earlier)
    backbone.Backbone(model, record, name).save(folder / backbone.FILE)
    best = record["best"]
    print(f"best epoch {best['epoch']} of {len(history)}: mean AUC {best['mean_auc']:.4f}")
    print(f"backbone: {folder / backbone.FILE}")
