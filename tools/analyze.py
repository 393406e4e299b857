"""Analyses an image, or all images in a folder, with a bundle.

python tools/analyze.py --bundle_dir=bundle --input=smears --output_dir=results

On several machines, each with its own number, and then once for all:

python tools/analyze.py --bundle_dir=bundle --input=smears --output_dir=results \\
    --num_shards=10 --shard_index=0
python tools/analyze.py --bundle_dir=bundle --input=smears --output_dir=results --merge
"""

from absl import flags

from rbc_tf import command
from rbc_tf.detection import tiling
from rbc_tf.pipeline import analyze, bundle, sharding
from rbc_tf.report.html import page

_BUNDLE_DIR = flags.DEFINE_string("bundle_dir", None, "The bundle.")
_INPUT = flags.DEFINE_string("input", None, "An image, or a folder with images in it and below.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the results.")
_THRESHOLDS = flags.DEFINE_enum(
    "thresholds",
    "bundle",
    ["bundle", "plain"],
    "bundle: those of the bundle; plain: 0.5 for every type, as in the paper.",
)
_REPORT = flags.DEFINE_bool("report", True, "Write report.html, which opens in a browser.")
_REPORT_IMAGE_SIZE = flags.DEFINE_integer(
    "report_image_size",
    page.DEFAULT_IMAGE_SIZE,
    "Longer side of the pictures in report.html, in pixels; 0: none. At 960 a picture takes some "
    "30 to 100 kB.",
    lower_bound=0,
)
_TILE_SIZE = flags.DEFINE_string(
    "tile_size",
    tiling.AUTO,
    "Larger images are cut for detection into tiles of this size, HxW in pixels; auto: that of the "
    "detector's training images; none: every image whole.",
)
_TILE_OVERLAP = flags.DEFINE_integer(
    "tile_overlap",
    None,
    "Size in pixels up to which a region is in one tile as a whole (larger ones are joined); by "
    "default that of the largest region of the training, at most a third of a tile.",
)
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 1, "Number of runs that share the images.")
_SHARD_INDEX = flags.DEFINE_integer("shard_index", 0, "Which of them this is, from 0.")
_MERGE = flags.DEFINE_bool(
    "merge", False, "Analyse nothing; make tables and report from what the shards have done."
)
_RETRY_FAILED = flags.DEFINE_bool(
    "retry_failed", True, "Try again images that failed in an earlier run."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Analyse again what is done already.")


def main() -> int:
    loaded = bundle.load_bundle(_BUNDLE_DIR.value)
    if _THRESHOLDS.value == "plain":
        loaded = loaded.with_plain_thresholds()
    image_size = _REPORT_IMAGE_SIZE.value if _REPORT.value else None
    tiles = tiling.TilingConfig(_TILE_SIZE.value, _TILE_OVERLAP.value)
    shard = sharding.Shard(_SHARD_INDEX.value, _NUM_SHARDS.value)
    paths = (_INPUT.value, _OUTPUT_DIR.value)
    if _MERGE.value:
        summary = analyze.merge(loaded, *paths, image_size, tiles)
    else:
        summary = analyze.analyze(
            loaded, *paths, _OVERWRITE.value, image_size, tiles, shard, _RETRY_FAILED.value
        )
    print(summary.text())
    return 1 if summary.failed else 0


if __name__ == "__main__":
    command.run(main, required=("bundle_dir", "input", "output_dir"))
