"""Puts the trained parts of the chain into one folder that rbc_tf analyze works with.

rbc_tf export-bundle --detector_dir=runs/detector/export --features_dir=features \\
    --classifier_dir=runs/classifier --dataset_dir=DATA --output_dir=bundle
"""

from absl import flags

REQUIRED = ("features_dir", "classifier_dir", "output_dir")

_DETECTOR_DIR = flags.DEFINE_string("detector_dir", None, "What export-detector wrote.")
_BUNDLE = flags.DEFINE_string(
    "bundle",
    None,
    "Take the detector of this bundle, a folder, a packed file or the name of one that comes with "
    "rbc_tf, instead of --detector_dir.",
)
_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "What extract-features wrote.")
_CLASSIFIER_DIR = flags.DEFINE_string("classifier_dir", None, "What train-classifier wrote.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the bundle.")
_SCORE_THRESHOLD = flags.DEFINE_float(
    "score_threshold", 0.5, "Detections below are dropped in analysis.", 0.0, 1.0
)
_THRESHOLDS = flags.DEFINE_enum(
    "thresholds",
    "tuned",
    ("tuned", "plain"),
    "tuned: those that training chose on validation; plain: 0.5 for every type, as in the paper.",
)
_DATA_DESCRIPTION = flags.DEFINE_string(
    "data_description",
    "",
    "The smears, in your words, for the model card: where they come from, stain, consent.",
)

_DATASET_DIR = flags.DEFINE_multi_string(
    "dataset_dir",
    [],
    "A dataset folder that the parts learnt from, to record how its images look: analysis scales "
    "images whose cells are of another size, and warns of images that look otherwise. Repeatable.",
)


def main() -> None:
    from rbc_tf.data import dataset
    from rbc_tf.inference import assemble, pretrained
    from rbc_tf.inference.bundle import DETECTOR, MODEL_CARD

    if (_DETECTOR_DIR.value is None) == (_BUNDLE.value is None):
        raise ValueError("Exactly one of --detector_dir and --bundle must be given")
    detector_dir = _DETECTOR_DIR.value or pretrained.find(_BUNDLE.value).path / DETECTOR

    bundle = assemble.export_bundle(
        detector_dir,
        _FEATURES_DIR.value,
        _CLASSIFIER_DIR.value,
        _OUTPUT_DIR.value,
        _SCORE_THRESHOLD.value,
        _THRESHOLDS.value,
        _DATA_DESCRIPTION.value,
        [dataset.load_dataset(folder) for folder in _DATASET_DIR.value],
    )
    print(f"bundle: {bundle.path} (manifest sha256 {bundle.sha256})")
    print(f"model card: {bundle.path / MODEL_CARD}")
    if not _DATASET_DIR.value:
        print(
            "Without --dataset_dir it does not know how its training images look: it neither "
            "scales images whose cells are of another size nor warns of images that look otherwise."
        )
