"""Scores a bundle on the same images altered: half and double size, light, colour, blur, JPEG.

rbc_tf compare-alterations --bundle=chula12 --dataset_dir=chula --num_images=60 \\
    --output_file=altered.json

Once more with --scale=none or --light=none, and one sees what the automatic scale and light do.
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data import dataset

REQUIRED = ("dataset_dir",)

shared_flags.define_bundle(default=shared_flags.DEFAULT_BUNDLE)
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder, with splits.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "Which images.")
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", None, "So many of them, evenly spaced; all by default.", lower_bound=1
)
_ALTERATIONS = flags.DEFINE_list("alterations", None, "Names of some; all by default.")
_OUTPUT_FILE = flags.DEFINE_string(
    "output_file", None, "JSON file for the scores; CSV and Markdown go beside it."
)
shared_flags.define_view()
shared_flags.define_precision(shared_flags.FLOAT32)


def main() -> None:
    from rbc_tf.core import score_files, text_table
    from rbc_tf.evaluation.alterations import alterations, run, tables
    from rbc_tf.evaluation.bundle import seen
    from rbc_tf.inference import chain, pretrained

    loaded = dataset.load_dataset(_DATASET_DIR.value)
    samples = dataset.evenly_spaced(loaded.in_split(_SPLIT.value), _NUM_IMAGES.value)
    scored = pretrained.find(flags.FLAGS.bundle)
    view = shared_flags.view()
    notes = seen.notes(scored, loaded, _SPLIT.value)
    parts = chain.Chain(scored, precision=flags.FLAGS.precision, view_config=view)
    names = _ALTERATIONS.value or tuple(alterations.ALTERATIONS)
    scores = run.compare(parts, samples, loaded.cell_types, names)
    title = (
        f"{len(samples)} {_SPLIT.value} images, scale {view.scale}, light {view.light}, "
        f"rotations {view.rotations}"
    )
    table = tables.table(scores, title)
    if _OUTPUT_FILE.value:
        about = {"dataset": str(loaded.root), "split": _SPLIT.value}
        about |= {"scale": view.scale, "light": view.light, "rotations": view.rotations}
        about |= {"bundle_sha256": scored.sha256, "notes": notes}
        score_files.write_all(_OUTPUT_FILE.value, scores, about, [table])
    print(text_table.console(table))
    for note in notes:
        print(f"note: {note}")
