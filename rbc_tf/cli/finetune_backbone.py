"""Trains a backbone on the labelled patches of a dataset: better features than frozen ones.

rbc_tf finetune-backbone --dataset_dir=chula --output_dir=runs/backbone \\
    --weights=imagenet --crop_mode=fixed_scale --window=80 --patch_size=80

With smears composed of the dataset's own cells (compose-smears), which have what real regions
rarely do, several types: --dataset_dir=chula --dataset_dir=chula_composed --regions=all
--params_override='{composed_share: 0.5}'.

Learns from the split 'train', keeps the epoch that is best on 'validation'; extract-features
takes OUTPUT/backbone.keras as --weights. Run it again after an interruption.

With --teacher=OTHER/backbone.keras, or a bundle such as chula12, a network that was fine-tuned
before, of any architecture, teaches this one: it learns to predict the other's features, beside
the labels.

The training calls Keras alone. Where an accelerator is at hand only under another backend:
--mode=cut here, then KERAS_BACKEND=jax (or torch) and --mode=train there, with OUTPUT carried
over; TensorFlow need not be installed there.
"""

import pathlib
import typing

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.features import backbone_spec, patch_archive

if typing.TYPE_CHECKING:
    from rbc_tf.features import finetuning

REQUIRED = ("output_dir",)
ANY_BACKEND = True

_DATASET_DIR = flags.DEFINE_multi_string(
    "dataset_dir",
    [],
    "Dataset folder with splits; to cut. May be repeated: of several, the union of their types is "
    "learnt, and what one does not know is unknown in it.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "For patches, training and backbone.")
_MODE = flags.DEFINE_enum(
    "mode", "cut_and_train", ["cut_and_train", "cut", "train"], "What is to be done."
)
_REGIONS = flags.DEFINE_enum(
    "regions",
    patch_archive.SINGLE_CELL,
    patch_archive.REGION_CHOICES,
    "What it learns from. single_cell: fit for cross-validate, which compares training "
    "on single cells with training on all regions; all: for use; also_unlabelled: besides, regions "
    "of which no type is known, from which there is something to learn with a teacher alone.",
)
_WEIGHTS = flags.DEFINE_string(
    "weights",
    "scratch",
    "To begin with: 'imagenet', a file as in extract-features, or 'scratch'.",
)
_TEACHER = flags.DEFINE_string(
    "teacher",
    None,
    "A fine-tuned backbone, NAME.keras, or the bundle of one, whose features are learnt from, too.",
)
shared_flags.define_crop(80)
_CONFIG_FILE = flags.DEFINE_multi_string("config_file", [], "YAML settings.")
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
    config = collect_patches.CollectionConfig(shared_flags.crop(), _SPLITS, _REGIONS.value)
    for split, archive in collect_patches.collect_splits(_DATASET_DIR.value, config).items():
        archive.save(_archive_path(folder, split))
        print(f"{split}: {len(archive)} patches of {len(archive.about['image_hashes'])} images")


def _teacher_path() -> pathlib.Path | None:
    given = _TEACHER.value
    if given is None:
        return None
    if pathlib.Path(given).suffix == ".keras":
        return pathlib.Path(given)
    from rbc_tf.inference import bundle, pretrained

    return pretrained.find(given).path / bundle.BACKBONE


def _train(folder: pathlib.Path, config: "finetuning.FinetuningConfig") -> None:
    from rbc_tf.features import backbone, finetuning
    from rbc_tf.features import teacher as teacher_lib

    teacher_path = _teacher_path()
    train, validation = (
        patch_archive.PatchArchive.load(_archive_path(folder, split)) for split in _SPLITS
    )
    if train.about["regions"] == patch_archive.ALSO_UNLABELLED and not teacher_path:
        raise ValueError(
            "--teacher must be given to learn from unlabelled regions. Received: none; or cut the "
            "patches with --regions=all"
        )
    start, name = None, flags.FLAGS.backbone or backbone_spec.DEFAULT
    size = train.patches.shape[1]
    if _WEIGHTS.value != "scratch":
        start = backbone.load_backbone(_WEIGHTS.value, size, name=flags.FLAGS.backbone)
        name = start.name
    teacher = None
    if teacher_path:
        teacher = teacher_lib.load_teacher(teacher_path, train.about["crop"], size)
    model, history = finetuning.finetune(
        train,
        validation,
        config,
        start.model if start else None,
        folder / "training",
        name,
        teacher.model if teacher else None,
    )
    # Of networks that were not fine-tuned, as those of ImageNet, there is no record.
    earlier = [one.record for one in (start, teacher) if one is not None and one.record]
    record = finetuning.make_record(
        train, validation, config, history, earlier, teacher.weights_sha256 if teacher else None
    )
    backbone.Backbone(model, record, name).save(folder / backbone.FILE)
    best = record["best"]
    print(f"best epoch {best['epoch']} of {len(history)}: mean AUC {best['mean_auc']:.4f}")
    print(f"backbone: {folder / backbone.FILE}")
