"""Packs a bundle into one file with weights of 8 bits, a quarter as large.

rbc_tf pack-bundle --bundle=bundle --output_file=lab.rbc
rbc_tf pack-bundle --bundle=bundle --output_file=lab.rbc --dataset_dir=DATA

With a dataset it also shows what packing costs, on images of its split. A packed bundle is used
as the folder is: rbc_tf analyze --bundle=lab.rbc.
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data import dataset

REQUIRED = ("bundle", "output_file")

shared_flags.define_bundle()
_OUTPUT_FILE = flags.DEFINE_string("output_file", None, "The file to write, NAME.rbc.")
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "A dataset folder to score both on.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "Which images of it.")
_SCORES_FILE = flags.DEFINE_string(
    "scores_file", None, "JSON file for the scores of both; CSV and Markdown go beside it."
)


def main() -> None:
    import pathlib

    from rbc_tf.core import text_table
    from rbc_tf.evaluation import packing as comparison
    from rbc_tf.evaluation.bundle import seen
    from rbc_tf.inference import pretrained
    from rbc_tf.inference.packed import packing

    given = pretrained.find(flags.FLAGS.bundle)
    loaded = dataset.load_dataset(_DATASET_DIR.value) if _DATASET_DIR.value else None
    packing.pack(given, _OUTPUT_FILE.value)
    before = sum((given.path / name).stat().st_size for name in given.files)
    after = pathlib.Path(_OUTPUT_FILE.value).stat().st_size
    print(f"packed: {_OUTPUT_FILE.value}, {after / 1e6:.1f} MB of {before / 1e6:.1f} MB")
    if loaded is None:
        return
    notes = seen.notes_of_comparison(given, loaded, _SPLIT.value)
    scores = comparison.compare(given, _OUTPUT_FILE.value, loaded, _SPLIT.value)
    if _SCORES_FILE.value:
        about = {"dataset": str(loaded.root), "split": _SPLIT.value, "bundle_sha256": given.sha256}
        about["notes"] = notes
        comparison.write(_SCORES_FILE.value, scores, about)
    print(text_table.console(comparison.table(scores)))
    for note in notes:
        print(f"note: {note}")
