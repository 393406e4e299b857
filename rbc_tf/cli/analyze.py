"""Analyses an image, or all images in a folder, with a bundle.

rbc_tf analyze smears
rbc_tf analyze smears --output_dir=results --bundle=bundle

Without a bundle of your own, the one that comes with rbc_tf for stained smears is taken; without
--output_dir, results go to smears_results in the folder where you are.
On several machines, each with its own number, and then once for all:

rbc_tf analyze smears --output_dir=results --bundle=bundle --num_shards=10 --shard_index=0
rbc_tf analyze smears --output_dir=results --bundle=bundle --merge
"""

import os
import pathlib

from absl import flags

from rbc_tf.cli import shared_flags

REQUIRED = ("input",)
POSITIONAL = ("input",)

shared_flags.define_analysis("; by default INPUT_results, where you are")
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 1, "Number of runs that share the images.")
_SHARD_INDEX = flags.DEFINE_integer("shard_index", 0, "Which of them this is, from 0.")
_MERGE = flags.DEFINE_bool(
    "merge", False, "Analyse nothing; make tables and report from what the shards have done."
)


def main() -> int:
    from rbc_tf.inference import analyze, pretrained, sharding

    given = shared_flags.analysis()
    loaded = pretrained.find(given.bundle_path)
    if given.plain_thresholds:
        loaded = loaded.with_plain_thresholds()
    paths = (given.input_path, given.output_dir or _default_output(given.input_path))
    if _MERGE.value:
        summary = analyze.merge(loaded, *paths, given.config)
    else:
        shard = sharding.Shard(_SHARD_INDEX.value, _NUM_SHARDS.value)
        summary = analyze.analyze(
            loaded, *paths, given.config, given.overwrite, shard, given.retry_failed
        )
    print(summary.text())
    return 1 if summary.failed else 0


def _default_output(input_path: str) -> pathlib.Path:
    """Named after the images, or the link to them, in the folder where one is."""
    path = pathlib.Path(os.path.abspath(input_path))
    return pathlib.Path(f"{path.name if path.is_dir() else path.stem}_results")
