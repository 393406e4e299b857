"""Scores an exported detector on the test images of a dataset folder.

rbc_tf evaluate-detector --detector_dir=export --dataset_dir=chula --output_dir=scores
"""

import pathlib

from absl import flags

from rbc_tf.data import dataset

REQUIRED = ("detector_dir", "dataset_dir", "output_dir")

_DETECTOR_DIR = flags.DEFINE_string(
    "detector_dir", None, "An exported detector, or the folder `detector` of a bundle."
)
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder, with splits.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "What is scored.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for scores, curves and detections.")
_SCORE_THRESHOLD = flags.DEFINE_float("score_threshold", 0.5, "Detections below are left out.")
_RECALLS = flags.DEFINE_multi_float(
    "recall", [0.8, 0.9, 0.95], "Where false positives per image are scored."
)
_RESAMPLES = flags.DEFINE_integer("resamples", 2000, "Resamples of the bootstrap over groups.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the bootstrap.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Detect again what is kept.")


def main() -> int:
    from rbc_tf.core import text_table
    from rbc_tf.evaluation.detector import tables
    from rbc_tf.evaluation.detector.run import Source, evaluate_detector
    from rbc_tf.evaluation.detector.scores import ScoringConfig

    source = Source(
        pathlib.Path(_DETECTOR_DIR.value), pathlib.Path(_DATASET_DIR.value), _SPLIT.value
    )
    scoring = ScoringConfig(
        _SCORE_THRESHOLD.value, tuple(_RECALLS.value), _RESAMPLES.value, _SEED.value
    )
    outcome = evaluate_detector(source, _OUTPUT_DIR.value, scoring, _OVERWRITE.value)
    print(text_table.console(tables.table(outcome.scores, source.title)))
    print(f"results: {_OUTPUT_DIR.value}")
    for note in outcome.notes:
        print(f"note: {note}")
    for reason in outcome.failed.values():
        print(f"not scored: {reason}")
    return 1 if outcome.failed else 0
