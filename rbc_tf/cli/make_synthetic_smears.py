"""Makes a dataset folder of synthetic blood smears.

rbc_tf make-synthetic-smears --output_dir=smears --num_images=40
"""

from absl import flags

from rbc_tf.data import synthetic

REQUIRED = ("output_dir",)

_DEFAULTS = synthetic.SmearConfig()

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Dataset folder to write.")
_NUM_IMAGES = flags.DEFINE_integer("num_images", 40, "Number of smears.")
_HEIGHT = flags.DEFINE_integer("height", _DEFAULTS.height, "Height of an image in pixels.")
_WIDTH = flags.DEFINE_integer("width", _DEFAULTS.width, "Width of an image in pixels.")
_NUM_CELLS = flags.DEFINE_integer(
    "num_cells", _DEFAULTS.num_cells, "Typical number of cells in an image."
)
_CELL_DIAMETER = flags.DEFINE_float(
    "cell_diameter", _DEFAULTS.cell_diameter, "Typical diameter of a cell in pixels."
)
_SEED = flags.DEFINE_integer("seed", 0, "The same seed gives the same files.")
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "Processes that render in parallel; by default one for each core."
)


def main() -> None:
    synthetic.write_dataset(
        _OUTPUT_DIR.value,
        _NUM_IMAGES.value,
        synthetic.SmearConfig(
            height=_HEIGHT.value,
            width=_WIDTH.value,
            num_cells=_NUM_CELLS.value,
            cell_diameter=_CELL_DIAMETER.value,
        ),
        seed=_SEED.value,
        num_processes=_NUM_PROCESSES.value,
    )
