"""Analyses an image, or all images in a folder, with a bundle.

python tools/analyze.py --bundle_dir=bundle --input=smears --output_dir=results
"""

from absl import flags

from rbc_tf import command
from rbc_tf.pipeline import analyze, bundle

_BUNDLE_DIR = flags.DEFINE_string("bundle_dir", None, "The bundle.")
_INPUT = flags.DEFINE_string("input", None, "An image, or a folder with images in it and below.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the results.")
_THRESHOLDS = flags.DEFINE_enum(
    "thresholds",
    "bundle",
    ["bundle", "plain"],
    "bundle: those of the bundle; plain: 0.5 for every type, as in the paper.",
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Analyse again what is done already.")


def main() -> int:
    loaded = bundle.load_bundle(_BUNDLE_DIR.value)
    if _THRESHOLDS.value == "plain":
        loaded = loaded.with_plain_thresholds()
    summary = analyze.analyze(loaded, _INPUT.value, _OUTPUT_DIR.value, _OVERWRITE.value)
    print(
        f"analysed: {summary.analyzed}, done before: {summary.skipped}, "
        f"failed: {len(summary.failed)}"
    )
    for reason in summary.failed.values():
        print(f"  {reason}")
    print(f"results: {summary.summary_path.parent}")
    return 1 if summary.failed else 0


if __name__ == "__main__":
    command.run(main, required=("bundle_dir", "input", "output_dir"))
