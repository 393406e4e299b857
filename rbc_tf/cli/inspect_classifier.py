"""Shows in TensorBoard the patches a classifier does worst on, and features in the projector.

rbc_tf inspect-classifier --features_dir=features --classifier_dir=runs/classifier \\
    --dataset_dir=DATA
tensorboard --logdir=runs/classifier
"""

import pathlib

from absl import flags

REQUIRED = ("features_dir", "classifier_dir", "dataset_dir")

_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_CLASSIFIER_DIR = flags.DEFINE_string("classifier_dir", None, "Folder of train-classifier.")
_DATASET_DIR = flags.DEFINE_string(
    "dataset_dir", None, "The dataset folder that the features were made from."
)
_NUM_WORST = flags.DEFINE_integer("num_worst", 24, "Patches of highest loss that are shown.", 1)
_NUM_WORST_PER_TYPE = flags.DEFINE_integer("num_worst_per_type", 6, "The same for each type.", 1)
_NUM_POINTS = flags.DEFINE_integer(
    "num_points", 3000, "Patches in the projector at most, drawn at random.", 1
)
_PROJECTED_SPLITS = flags.DEFINE_list(
    "projected_splits",
    ["validation"],
    "Whose patches these are: of validation, train, or both.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Of that drawing.", 0)


def main() -> None:
    from rbc_tf.classification.fit import LOGS
    from rbc_tf.evaluation.classifier import inspection, validation_logs

    log_dir = pathlib.Path(_CLASSIFIER_DIR.value) / LOGS
    settings = inspection.InspectionConfig(
        _NUM_WORST.value,
        _NUM_WORST_PER_TYPE.value,
        _NUM_POINTS.value,
        tuple(_PROJECTED_SPLITS.value),
        _SEED.value,
    )
    validation_logs.write_validation_logs(_FEATURES_DIR.value, _CLASSIFIER_DIR.value, log_dir)
    inspection.inspect(
        _FEATURES_DIR.value, _CLASSIFIER_DIR.value, _DATASET_DIR.value, log_dir, settings
    )
    print(f"to see it: tensorboard --logdir={log_dir}")
