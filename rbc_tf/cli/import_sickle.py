"""Imports the single cells of Xu et al. 2017, which the paper uses too, as a dataset folder.

git clone https://github.com/dimitris1314/Sickle-RBC-data
rbc_tf import-sickle --sickle_dir=Sickle-RBC-data --output_dir=sickle
"""

import os

from absl import flags

from rbc_tf.core import text_table
from rbc_tf.core.cell_types import PAPER
from rbc_tf.data.importers import sickle

REQUIRED = ("sickle_dir", "output_dir")

_SICKLE_DIR = flags.DEFINE_string(
    "sickle_dir",
    os.environ.get("RBC_SICKLE_DIR"),
    "A clone of the repository; $RBC_SICKLE_DIR by default.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Dataset folder to write.")


def main() -> None:
    summary = sickle.import_sickle(_SICKLE_DIR.value, _OUTPUT_DIR.value)
    print(f"images: {summary.images}, of one cell each, from {summary.groups} source images")
    print(f"augmented copies left out: {summary.copies}")
    print(f"left out besides: {len(summary.left_out)}")
    for entry in summary.left_out:
        print(f"  {entry.path}: {entry.reason}")
    rows = [
        (subject, *(str(count) for count in cells.values()), str(sum(cells.values())))
        for subject, cells in sorted(summary.cells.items())
    ]
    totals = [sum(cells[name] for cells in summary.cells.values()) for name in PAPER.names]
    rows.append(("all", *map(str, totals), str(sum(totals))))
    table = text_table.Table("cells by subject and type", ("", *PAPER.names, "all"), tuple(rows))
    print(text_table.console(table), end="")
