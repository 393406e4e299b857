"""Makes the paper's Table 1 by cross-validation on the features of a dataset.

rbc_tf cross-validate --dataset_dir=chula --weights=imagenet --features_dir=features \\
    --output_dir=table1

With --dataset_dir the features are extracted first, or completed; without, they must be there.

Trains Models A and B and the gradient boosting on each fold, scores their predictions for the
regions held out, prints the tables and writes them with everything else into the output folder. A
run that was killed goes on where it stopped.

Settings, in YAML, as for train-classifier: --params_override='{heads: {learning_rate: 1e-4}}'
"""

from absl import flags

REQUIRED = ("features_dir", "output_dir")

_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for results.")
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "Dataset folder to extract features from.")
_WEIGHTS = flags.DEFINE_string("weights", None, "With --dataset_dir: as in extract-features.")
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
    from rbc_tf.classification.fit import ClassifierConfig
    from rbc_tf.classification.training import one_core_per_operation
    from rbc_tf.core import config as config_lib
    from rbc_tf.evaluation.cross_validation.outer_folds import OuterFoldsConfig
    from rbc_tf.evaluation.cross_validation.run import BootstrapConfig, make_table1
    from rbc_tf.evaluation.cross_validation.training import CrossValidationConfig
    from rbc_tf.features.extract import ExtractionConfig, extract_features

    if _DATASET_DIR.value:
        if not _WEIGHTS.value:
            raise ValueError("--weights must be given with --dataset_dir. Received: none")
        extraction = ExtractionConfig(_WEIGHTS.value)
        extract_features(_DATASET_DIR.value, _FEATURES_DIR.value, extraction)
    else:  # extraction works image by image and needs all cores for each
        one_core_per_operation()
    config = CrossValidationConfig(
        OuterFoldsConfig(_NUM_FOLDS.value, _FOLDS_BY.value, _SEED.value),
        config_lib.load_layers(ClassifierConfig, _CONFIG_FILE.value, _PARAMS_OVERRIDE.value),
        tuple(_SPLITS.value),
        tuple(_TEACHING_SPLITS.value),
    )
    bootstrap = BootstrapConfig(_NUM_RESAMPLES.value, _SEED.value)
    print(make_table1(_FEATURES_DIR.value, _OUTPUT_DIR.value, config, bootstrap, _OVERWRITE.value))
    print(f"all tables and scores: {_OUTPUT_DIR.value}")
