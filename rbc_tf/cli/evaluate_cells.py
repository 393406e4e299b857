"""Scores how many labelled cells lie in detected regions, on images with a box for each cell.

rbc_tf evaluate-cells --images_dir=BCCD/JPEGImages --annotations=BCCD/Annotations \\
    --output_file=scores.json

For images from elsewhere, where neither regions nor types are known. Annotations are Pascal VOC
files, or a CSV file with the columns image, ymin, xmin, ymax, xmax and label. Where the detector
has learnt from some of the images, by the hashes of their files, a note says so.
"""

from absl import flags

from rbc_tf.cli import shared_flags

REQUIRED = ("images_dir", "annotations")

shared_flags.define_bundle(default=shared_flags.DEFAULT_BUNDLE)
_IMAGES_DIR = flags.DEFINE_string("images_dir", None, "Folder with the images.")
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "Folder with Pascal VOC files, or a CSV file."
)
_UNITS = flags.DEFINE_enum(
    "units", "pixels", ["pixels", "shares"], "Of edges in a CSV file; shares: of the image's sides."
)
_OUTPUT_FILE = flags.DEFINE_string(
    "output_file", None, "JSON file for the scores; CSV and Markdown go beside it."
)
shared_flags.define_scale_and_light()
shared_flags.define_precision(shared_flags.FLOAT32)


def main() -> None:
    from rbc_tf.core import image_io, score_files, text_table
    from rbc_tf.evaluation.bundle import seen
    from rbc_tf.evaluation.cells import annotations, run
    from rbc_tf.inference import chain, common_scale, pretrained
    from rbc_tf.inference.view_config import ViewConfig

    problems: list[str] = []
    images = annotations.read(_ANNOTATIONS.value, _IMAGES_DIR.value, problems, _UNITS.value)
    scored = pretrained.find(flags.FLAGS.bundle)
    notes = seen.notes_of_detection(scored, images)
    view = ViewConfig(flags.FLAGS.scale, light=flags.FLAGS.light)
    parts = chain.Chain(scored, precision=flags.FLAGS.precision, view_config=view)
    parts = common_scale.applied(parts, list(images), image_io.read_image)
    scores = run.evaluate(parts, images)
    scale = parts.view_config.described()
    title = f"{_IMAGES_DIR.value}, scale {scale}, light {view.light}"
    table = run.table(scores, title)
    if _OUTPUT_FILE.value:
        about = {
            "images_dir": _IMAGES_DIR.value,
            "scale": scale,
            "light": view.light,
            "bundle_sha256": scored.sha256,
            "left_out": problems,
            "notes": notes,
        }
        score_files.write_all(_OUTPUT_FILE.value, scores, about, [table])
    print(text_table.console(table))
    for note in notes:
        print(f"note: {note}")
    for problem in problems:
        print(f"left out: {problem}")
