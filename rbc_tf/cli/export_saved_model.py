"""Exports a bundle as one SavedModel: image bytes in, regions with types and abnormality out.

rbc_tf export-saved-model --bundle=bundle --output_dir=served/rbc_tf \\
    --verify_images=my_smears

docs/serving.md describes its inputs and outputs.
"""

import pathlib

from absl import flags

from rbc_tf.cli import shared_flags

REQUIRED = ("bundle", "output_dir")

shared_flags.define_bundle()
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Folder of the versions; the model goes into a numbered folder below it."
)
_VERSION = flags.DEFINE_integer(
    "version", None, "Number of the version; by default one more than the highest.", lower_bound=1
)
_THRESHOLDS = flags.DEFINE_enum(
    "thresholds",
    "bundle",
    ["bundle", "plain"],
    "bundle: those of the bundle; plain: 0.5 for every type, and no type where none is above it, "
    "as in the paper.",
)
_LARGE_IMAGES = flags.DEFINE_enum(
    "large_images",
    "refuse",
    ("refuse", "whole"),
    "Images so large that analyze cuts them into tiles; refuse: return an error; "
    "whole: detect in them as they are, where small cells may be missed.",
)
_MODEL_NAME = flags.DEFINE_string("model_name", "rbc_tf", "Name under which it will be served.")
_WARMUP_IMAGE = flags.DEFINE_string(
    "warmup_image", "", "Image for the warm-up requests; a synthetic smear by default."
)
_VERIFY_IMAGES = flags.DEFINE_string(
    "verify_images",
    "",
    "Folder of images on which the model, run by TensorFlow alone, is compared with the chain.",
)
shared_flags.define_intensity()


def main() -> int:
    from rbc_tf.inference import analyze, pretrained
    from rbc_tf.inference.serving import export, verify

    loaded = pretrained.find(flags.FLAGS.bundle)
    if _THRESHOLDS.value == "plain":
        loaded = loaded.with_plain_thresholds()
    settings = export.ExportConfig(
        _VERSION.value,
        _LARGE_IMAGES.value,
        _MODEL_NAME.value,
        _WARMUP_IMAGE.value,
        shared_flags.intensity(),
    )
    images = {}
    if _VERIFY_IMAGES.value:  # before minutes of work
        paths = pathlib.Path(_VERIFY_IMAGES.value), pathlib.Path(_OUTPUT_DIR.value)
        images = analyze.find_images(*paths).paths
    folder = export.export(loaded, _OUTPUT_DIR.value, settings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"SavedModel: {folder} ({size / 1e6:.1f} MB)")
    if not images:
        return 0
    found = verify.compare(loaded, folder, images)
    print(verify.report(found))
    return 0 if found.is_equal else 1
