"""Trains one head per cell type, and the gradient boosting for normal or abnormal.

rbc_tf train-classifier --features_dir=features --output_dir=classifier

Settings, in YAML: --params_override='{heads: {l2: 1e-3}, boosting: {n_estimators: 200}}'
Thresholds of types for another objective: --params_override='{calibration: {objective: f1}}'
"""

import pathlib

from absl import flags

REQUIRED = ("features_dir", "output_dir")

_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the classifier.")
_CONFIG_FILE = flags.DEFINE_multi_string(
    "config_file", [], "YAML of settings; may be repeated, later ones win."
)
_PARAMS_OVERRIDE = flags.DEFINE_string(
    "params_override", "", "Settings as YAML; they win over files."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Train again where a classifier is there.")


def main() -> None:
    from rbc_tf.classification import fit
    from rbc_tf.classification.training import one_core_per_operation
    from rbc_tf.core import config as config_lib
    from rbc_tf.core import text_table
    from rbc_tf.evaluation.classifier import tables, validation_logs

    one_core_per_operation()
    config = config_lib.load_layers(
        fit.ClassifierConfig, _CONFIG_FILE.value, _PARAMS_OVERRIDE.value
    )
    classifier = fit.fit_classifier(
        _FEATURES_DIR.value, _OUTPUT_DIR.value, config, _OVERWRITE.value
    )
    log_dir = pathlib.Path(_OUTPUT_DIR.value) / fit.LOGS
    validation_logs.write_validation_logs(_FEATURES_DIR.value, _OUTPUT_DIR.value, log_dir)
    record, calibration = classifier.record, classifier.calibration
    table = tables.validation_table(
        record["heads"],
        record["calibration"]["types"],
        calibration.temperatures,
        calibration.thresholds,
    )
    print(text_table.console(table).rstrip())
    print(f"abnormality: validation AUC {record['abnormality']['validation_auc']}")
    print(f"classifier: {_OUTPUT_DIR.value} (curves: tensorboard --logdir={log_dir})")
