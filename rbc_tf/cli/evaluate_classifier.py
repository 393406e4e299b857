"""Scores a classifier on cached features: types, calibration, normal or abnormal.

rbc_tf evaluate-classifier --features_dir=features --classifier_dir=classifier \\
    --output_dir=classifier_scores
"""

from absl import flags

REQUIRED = ("features_dir", "classifier_dir", "output_dir")

_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Folder of extract-features.")
_CLASSIFIER_DIR = flags.DEFINE_string("classifier_dir", None, "Folder of train-classifier.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for scores and the picture.")
_SPLIT = flags.DEFINE_string("split", "test", "What is scored.")


def main() -> None:
    from rbc_tf.evaluation.classifier import run as classifier_scores

    print(
        classifier_scores.evaluate_classifier(
            _FEATURES_DIR.value, _CLASSIFIER_DIR.value, _OUTPUT_DIR.value, _SPLIT.value
        )
    )
    print(f"scores: {_OUTPUT_DIR.value}")
