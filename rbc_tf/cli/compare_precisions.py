"""Compares the chain in half precision with float32: features, labels, detections.

rbc_tf compare-precisions --bundle=bundle --dataset_dir=DATA --num_images=40
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data import dataset

REQUIRED = ("bundle", "dataset_dir")

shared_flags.define_bundle()
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder, with splits.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "Which images.")
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", None, "So many of them, evenly spaced; all by default.", lower_bound=1
)
_PRECISIONS = flags.DEFINE_list(
    "precisions",
    [shared_flags.AUTO],
    "What is held against float32: " + ", ".join(shared_flags.PRECISIONS),
)
_OUTPUT_FILE = flags.DEFINE_string(
    "output_file", None, "JSON file for the comparison; CSV and Markdown go beside it."
)


def main() -> None:
    from rbc_tf.core import text_table
    from rbc_tf.evaluation.bundle import seen
    from rbc_tf.evaluation.precision import run, tables
    from rbc_tf.inference import pretrained

    loaded = dataset.load_dataset(_DATASET_DIR.value)
    samples = dataset.evenly_spaced(loaded.in_split(_SPLIT.value), _NUM_IMAGES.value)
    compared = pretrained.find(flags.FLAGS.bundle)
    # Before minutes of work.
    notes = seen.notes(compared, loaded, _SPLIT.value)
    scores = run.compare(compared, samples, _PRECISIONS.value)
    if _OUTPUT_FILE.value:
        about = {"dataset": _DATASET_DIR.value, "split": _SPLIT.value}
        about |= {"bundle_sha256": compared.sha256, "notes": notes}
        tables.write(_OUTPUT_FILE.value, scores, about)
    print(text_table.console(tables.table(scores)))
    for note in notes:
        print(f"note: {note}")
