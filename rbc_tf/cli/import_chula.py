"""Imports the Chula RBC-12 dataset as a dataset folder, with masks by segmentation.

git clone https://github.com/Chula-PIC-Lab/Chula-RBC-12-Dataset
rbc_tf import-chula --chula_dir=Chula-RBC-12-Dataset --output_dir=chula
"""

import os

from absl import flags

from rbc_tf.data.importers import chula

REQUIRED = ("chula_dir", "output_dir")

_CHULA_DIR = flags.DEFINE_string(
    "chula_dir",
    os.environ.get("RBC_CHULA_DIR"),
    "The dataset, with the folders Dataset and Label; $RBC_CHULA_DIR by default.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Dataset folder to write.")
_TYPE_TABLE = flags.DEFINE_enum(
    "type_table",
    "own",
    list(chula.TYPE_OF_ID),
    "own: the dataset's twelve types; paper: those that the paper names too.",
)
_BLOCK_SIZE = flags.DEFINE_integer(
    "block_size", 12, "So many images of consecutive numbers make one group."
)
_TOUCHING_DISTANCE = flags.DEFINE_integer(
    "touching_distance",
    0,
    "Regions with gaps of so many pixels at most are one region; above 0 they are listed in "
    "regions.csv, which then stands in for the masks.",
)


def main() -> None:
    summary = chula.import_chula(
        _CHULA_DIR.value,
        _OUTPUT_DIR.value,
        _TYPE_TABLE.value,
        _BLOCK_SIZE.value,
        _TOUCHING_DISTANCE.value,
    )
    share = summary.points_on_cells / max(summary.points, 1)
    print(f"images: {summary.images}")
    print(f"labelled cells: {summary.points}, of them on the masks: {share:.2%}")
    print(f"labelled cells of no type in the table: {summary.points_of_other_type}")
    print(
        f"regions with each cell labelled: {summary.complete_multi_cell} of several cells, "
        f"{summary.complete_several_types} of several types"
    )
