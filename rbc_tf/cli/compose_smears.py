"""Composes whole fields of the real single cells of a dataset, touching and overlapping.

For training and testing on regions of several types, which real data hardly have. The fields are
marked as composed in images.csv, and so wherever they are used.

rbc_tf compose-smears --dataset_dir=sickle --output_dir=composed --num_images=200
"""

from typing import Any

from absl import flags

from rbc_tf.core import text_table
from rbc_tf.data.composed import config, dataset_writer

REQUIRED = ("dataset_dir", "output_dir")

_DEFAULTS = config.ComposeConfig()

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "Dataset folder that the cells are of.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Dataset folder to write.")
_NUM_IMAGES = flags.DEFINE_integer("num_images", 100, "Number of fields.")
_HEIGHT = flags.DEFINE_integer("height", _DEFAULTS.height, "Height of a field in pixels.")
_WIDTH = flags.DEFINE_integer("width", _DEFAULTS.width, "Width of a field in pixels.")
_REGION_SHARES = flags.DEFINE_list(
    "region_shares",
    list(map(str, _DEFAULTS.region_shares)),
    "How common regions of one cell and of several are: the paper's 1080,1389.",
)
_CLUSTER_SIZES = flags.DEFINE_list(
    "cluster_sizes",
    list(map(str, _DEFAULTS.cluster_sizes)),
    "How common two, three and four cells are among regions of several.",
)
_OVERLAP_SHARE = flags.DEFINE_float(
    "overlap_share", _DEFAULTS.overlap_share, "Share of joined cells that overlap, not just touch."
)
_COVERAGE = flags.DEFINE_float(
    "coverage", _DEFAULTS.coverage, "About the part of a field that cells cover."
)
_EVENNESS = flags.DEFINE_float(
    "evenness",
    _DEFAULTS.evenness,
    "0: types are as common as in the source; 1: all are equally common.",
)
_NUM_BUCKETS = flags.DEFINE_integer(
    "num_buckets",
    _DEFAULTS.num_buckets,
    "About so many buckets of the source's groups; a field takes cells of one, which is its group.",
)
_BUCKETS_BY = flags.DEFINE_enum(
    "buckets_by",
    _DEFAULTS.buckets_by,
    list(config.BUCKETS_BY),
    "subject: one bucket for each subject instead.",
)
_DEBRIS = flags.DEFINE_bool("debris", _DEFAULTS.debris, "Strew the source's platelets and dirt.")
_SPLITS = flags.DEFINE_list(
    "splits", [], "Splits whose cells are used, such as train; all images where empty."
)
_SEED = flags.DEFINE_integer("seed", 0, "The same seed gives the same files.")
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Processes that work in parallel; by default one for each core."
)


def main() -> None:
    summary = dataset_writer.compose_smears(
        _DATASET_DIR.value,
        _OUTPUT_DIR.value,
        _NUM_IMAGES.value,
        config.ComposeConfig(
            height=_HEIGHT.value,
            width=_WIDTH.value,
            region_shares=_numbers("region_shares", _REGION_SHARES.value, 2),
            cluster_sizes=_numbers("cluster_sizes", _CLUSTER_SIZES.value, 3),
            overlap_share=_OVERLAP_SHARE.value,
            coverage=_COVERAGE.value,
            evenness=_EVENNESS.value,
            num_buckets=_NUM_BUCKETS.value,
            buckets_by=_BUCKETS_BY.value,
            debris=_DEBRIS.value,
        ),
        seed=_SEED.value,
        num_processes=_NUM_PROCESSES.value,
        splits=_SPLITS.value,
    )
    print(f"composed: {summary.images} fields of {summary.buckets} buckets")
    print(f"source cells in them: {summary.source_cells}; cut off and not used: {summary.cut}")
    total = sum(summary.regions.values())
    rows = [
        (f"{size} cell{'s' if size > 1 else ''}", str(count), f"{count / total:.1%}")
        for size, count in summary.regions.items()
    ]
    rows.append(("all", str(total), ""))
    print(text_table.console(text_table.Table("regions", ("", "regions", "share"), tuple(rows))))
    by_type = [(name, str(count)) for name, count in sorted(summary.cells.items())]
    print(text_table.console(text_table.Table("cells by type", ("", "cells"), tuple(by_type))))
    fewest = min(summary.pairs.values(), default=0)
    print(f"pairs of types met: {len(summary.pairs)}, each in {fewest} regions or more")
    if summary.pairs_missed:
        print(f"pairs of types not met: {', '.join(summary.pairs_missed)}")


def _numbers(name: str, values: list[str], count: int) -> Any:
    """A tuple of `count` numbers."""
    try:
        numbers = tuple(float(value) for value in values)
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise ValueError(f"`{name}` must be {count} numbers. Received: {','.join(values)}")
    return numbers
