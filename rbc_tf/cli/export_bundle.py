"""Puts the trained parts of the chain into one folder that rbc_tf analyze works with.

rbc_tf export-bundle --detector_dir=runs/detector/export --features_dir=features \\
    --classifier_dir=runs/classifier --output_dir=bundle
"""

from absl import flags

REQUIRED = ("detector_dir", "features_dir", "classifier_dir", "output_dir")

_DETECTOR_DIR = flags.DEFINE_string("detector_dir", None, "What export-detector wrote.")
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


def main() -> None:
    from rbc_tf.inference import assemble
    from rbc_tf.inference.bundle import MODEL_CARD

    bundle = assemble.export_bundle(
        _DETECTOR_DIR.value,
        _FEATURES_DIR.value,
        _CLASSIFIER_DIR.value,
        _OUTPUT_DIR.value,
        _SCORE_THRESHOLD.value,
        _THRESHOLDS.value,
        _DATA_DESCRIPTION.value,
    )
    print(f"bundle: {bundle.path} (manifest sha256 {bundle.sha256})")
    print(f"model card: {bundle.path / MODEL_CARD}")
