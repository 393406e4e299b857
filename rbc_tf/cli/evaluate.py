"""Scores a bundle on the test images of a dataset folder.

rbc_tf evaluate --bundle=bundle --dataset_dir=chula --output_file=scores.json \\
    --figures_dir=figures --record
"""

import dataclasses

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data import dataset

REQUIRED = ("bundle", "dataset_dir")

shared_flags.define_bundle()
_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder, with splits.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "What is scored.")
_OUTPUT_FILE = flags.DEFINE_string(
    "output_file", None, "JSON file for the scores; CSV and Markdown go beside it."
)
_FIGURES_DIR = flags.DEFINE_string(
    "figures_dir", None, "Folder for the reliability curves, as SVG and PNG."
)
shared_flags.define_precision(shared_flags.FLOAT32, " The command `analyze` takes auto by default.")
shared_flags.define_view()
_RECORD = flags.DEFINE_bool(
    "record",
    False,
    "Write the scores into the bundle's manifest and model card, as those on held-out images. "
    "The bundle's hash changes: what it analysed before is analysed again.",
)


def main() -> None:
    from rbc_tf.core import text_table
    from rbc_tf.evaluation.bundle import record as held_out
    from rbc_tf.evaluation.bundle import run as evaluate
    from rbc_tf.evaluation.bundle import seen, tables
    from rbc_tf.inference import bundle, chain, common_scale, pretrained

    loaded = dataset.load_dataset(_DATASET_DIR.value)
    scored = pretrained.find(flags.FLAGS.bundle)
    # Before minutes of work.
    notes = seen.notes(scored, loaded, _SPLIT.value)
    if _RECORD.value:
        scored.check_own()
        seen.check_held_out(scored, loaded, _SPLIT.value)
    parts = chain.Chain(scored, precision=flags.FLAGS.precision, view_config=shared_flags.view())
    samples = loaded.in_split(_SPLIT.value)
    parts = common_scale.applied(parts, samples, evaluate.read)
    scores = evaluate.evaluate(
        parts,
        samples,
        loaded.cell_types,
        figures_dir=_FIGURES_DIR.value,
    )
    origin = dataset.origin_of(samples)
    if _OUTPUT_FILE.value:
        about = {"dataset": str(loaded.root), "split": _SPLIT.value, "origin": origin}
        about["bundle_sha256"] = scored.sha256
        about |= dataclasses.asdict(parts.view_config)
        tables.write(_OUTPUT_FILE.value, scores, {**about, "notes": notes})
    if _RECORD.value:
        recorded = held_out.record_scores(scored, loaded, _SPLIT.value, scores, parts.view_config)
        print(f"model card: {recorded.path / bundle.MODEL_CARD}")
    print(f"{loaded.root}, {f'{origin} {_SPLIT.value}'.strip()} images:\n")
    print("\n".join(map(text_table.console, tables.tables(scores))))
    for note in notes:
        print(f"note: {note}")
