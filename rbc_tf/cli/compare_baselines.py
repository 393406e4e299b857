"""Compares the chain with watershed, U-Net and a single-label CNN on the test images of a dataset.

rbc_tf compare-baselines --dataset_dir=chula --features_dir=features --output_dir=baselines

Settings, in YAML: --params_override='{unet: {epochs: 20}, heads: {learning_rate: 1e-4}}'
"""

from absl import flags

REQUIRED = ("dataset_dir", "features_dir", "output_dir")

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "Dataset folder, with splits and masks.")
_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for models and results.")
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file", [], "YAML of settings; may be repeated, later ones win."
)
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "Settings as YAML; they win over files."
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Replace models in the output folder made from other inputs or settings."
)


def main() -> None:
    from rbc_tf.core import config as config_lib
    from rbc_tf.evaluation.baselines import tables
    from rbc_tf.evaluation.baselines.inputs import BaselinesConfig
    from rbc_tf.evaluation.baselines.run import compare_baselines

    scores = compare_baselines(
        _DATASET_DIR.value,
        _FEATURES_DIR.value,
        _OUTPUT_DIR.value,
        config_lib.load_layers(BaselinesConfig, _CONFIG_FILE.value, _PARAMS_OVERRIDE.value),
        _OVERWRITE.value,
    )
    print(tables.console(scores))
    print(f"results: {_OUTPUT_DIR.value}")
