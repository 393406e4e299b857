"""Makes the paper's Table 1 by cross-validation on the features of a dataset.

rbc_tf cross-validate --dataset_dir=chula --weights=imagenet --features_dir=features \\
    --output_dir=table1

With --dataset_dir the features are extracted first, or completed; without, they must be there.

With --finetune, features are not taken from a folder: every model of every fold fine-tunes a
backbone of its own on what it is trained on, beginning with --weights. Then --dataset_dir may be
repeated, with smears composed of another's cells (compose-smears), which stay on their side:

rbc_tf cross-validate --finetune --dataset_dir=sickle --dataset_dir=sickle_composed \\
    --backbone=efficientnet_lite0 --weights=lite0.npz --crop_mode=letterbox --output_dir=table1 \\
    --params_override='{finetuning: {epochs: 12, composed_share: 0.5}}'

Trains Models A and B and the gradient boosting on each fold, scores their predictions for the
regions held out, prints the tables and writes them with everything else into the output folder. A
run that was killed goes on where it stopped.

Settings, in YAML, as for train-classifier, and for finetune-backbone below 'finetuning',
for the single-label network below 'single_label':
--params_override='{heads: {learning_rate: 1e-4}, finetuning: {epochs: 12}}'
"""

import pathlib
import typing

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data.splits import GROUPINGS

if typing.TYPE_CHECKING:
    from rbc_tf.evaluation.cross_validation import fold_features
    from rbc_tf.features import finetuning

REQUIRED = ("output_dir",)

_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for results.")
_DATASET_DIR = flags.DEFINE_multi_string(
    "dataset_dir", [], "Dataset folder to extract features from, or to fine-tune on."
)
_WEIGHTS = flags.DEFINE_string("weights", None, "With --dataset_dir: as in extract-features.")
_FINETUNE = flags.DEFINE_bool("finetune", False, "Fine-tune a backbone for each fold and model.")
shared_flags.define_crop(None)
_GROUP_BY = flags.DEFINE_enum(
    "group_by",
    "group",
    GROUPINGS,
    "With --finetune: what stays on one side, the groups of images.csv or the subjects.",
)
_TESTED_ON = flags.DEFINE_enum(
    "tested_on",
    "both",
    ("both", "real", "composed"),
    "Which regions are scored; where there are both, they are scored apart.",
)
_MODELS = flags.DEFINE_list(
    "models",
    ["A", "B", "A_equal"],
    "Models that are trained; A_real is A without composed regions, single_label one network with "
    "a softmax over the types, in the manner of Xu et al. 2017, on real single cells.",
)
_SPLITS = flags.DEFINE_list("splits", [], "Splits whose rows are scored; all rows where empty.")
_TEACHING_SPLITS = flags.DEFINE_list(
    "teaching_splits",
    [],
    "Splits on whose rows every model of every fold is trained, never scored: such as 'train', "
    "where the backbone was fine-tuned on it.",
)
_NUM_FOLDS = flags.DEFINE_integer("num_folds", 5, "Folds.")
_FOLDS_BY = flags.DEFINE_enum(
    "folds_by",
    "group",
    ("group", "patch"),
    "'patch' draws patches one by one, as the paper seems to.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the folds, of Model A_equal's rows and of intervals.")
_NUM_RESAMPLES = flags.DEFINE_integer("num_resamples", 2000, "Of the groups, for intervals.")
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file", [], "YAML of settings; may be repeated, later ones win."
)
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "Settings as YAML; they win over files."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Delete an earlier output folder and train all anew."
)


def main() -> None:
    from rbc_tf.core import config as config_lib
    from rbc_tf.evaluation.cross_validation.outer_folds import OuterFoldsConfig
    from rbc_tf.evaluation.cross_validation.run import BootstrapConfig, make_table1
    from rbc_tf.evaluation.cross_validation.training import (
        CrossValidationConfig,
        StudyConfig,
        given_features,
    )

    _check_flags()
    study = config_lib.load_layers(StudyConfig, _CONFIG_FILE.value, _PARAMS_OVERRIDE.value)
    config = CrossValidationConfig(
        OuterFoldsConfig(_NUM_FOLDS.value, _FOLDS_BY.value, _SEED.value),
        study.classifier,
        tuple(_SPLITS.value),
        tuple(_TEACHING_SPLITS.value),
        tuple(_MODELS.value),
        _TESTED_ON.value,
        study.single_label,
    )
    features: fold_features.FoldFeatures
    if _FINETUNE.value:
        features = _finetuned(study.finetuning)
    else:
        _extract()
        features = given_features(_FEATURES_DIR.value, config)
    bootstrap = BootstrapConfig(_NUM_RESAMPLES.value, _SEED.value)
    print(make_table1(features, _OUTPUT_DIR.value, config, bootstrap, _OVERWRITE.value))
    print(f"all tables and scores: {_OUTPUT_DIR.value}")


def _check_flags() -> None:
    from rbc_tf.evaluation.cross_validation.predictions import MODEL_SINGLE_LABEL

    if _DATASET_DIR.value and not _WEIGHTS.value:
        raise ValueError("--weights must be given with --dataset_dir. Received: none")
    if _FINETUNE.value and not _DATASET_DIR.value:
        raise ValueError("--dataset_dir must be given with --finetune. Received: none")
    if not _FINETUNE.value and not _FEATURES_DIR.value:
        raise ValueError("--features_dir must be given without --finetune. Received: none")
    if not _FINETUNE.value and MODEL_SINGLE_LABEL in _MODELS.value:
        raise ValueError(
            f"--models={MODEL_SINGLE_LABEL} must be with --finetune. Received: without"
        )
    if not _FINETUNE.value and len(_DATASET_DIR.value) > 1:
        raise ValueError(
            f"--dataset_dir must be given once without --finetune. Received: {_DATASET_DIR.value}"
        )


def _extract() -> None:
    from rbc_tf.classification.training import one_core_per_operation
    from rbc_tf.features.extract import ExtractionConfig, extract_features

    if _DATASET_DIR.value:
        crop = shared_flags.crop() if shared_flags.crop_is_given() else None
        extraction = ExtractionConfig(_WEIGHTS.value, crop, backbone=flags.FLAGS.backbone)
        extract_features(_DATASET_DIR.value[0], _FEATURES_DIR.value, extraction)
    else:  # extraction works image by image and needs all cores for each
        one_core_per_operation()


def _finetuned(config: "finetuning.FinetuningConfig") -> "fold_features.FinetunedFeatures":
    from rbc_tf.evaluation.cross_validation import fold_features
    from rbc_tf.features import backbone, collect_patches, patch_archive

    crop = shared_flags.crop()
    collection = collect_patches.CollectionConfig(
        crop, regions=patch_archive.ALL, group_by=_GROUP_BY.value
    )
    archive = collect_patches.collect_patches(_DATASET_DIR.value, collection)
    start = backbone.load_backbone(_WEIGHTS.value, crop.size, name=flags.FLAGS.backbone)
    work_dir = pathlib.Path(_OUTPUT_DIR.value) / "trainings"
    name = pathlib.Path(_WEIGHTS.value).name
    return fold_features.FinetunedFeatures(archive, start, name, config, work_dir)
