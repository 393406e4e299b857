"""Makes the paper's figures 1 to 8 for a dataset folder and a run, with captions.

rbc_tf make-figures --dataset_dir=chula --bundle=bundle --output_dir=figures \\
    --cross_validation_dir=runs/cross_validation --unet=runs/unet.keras
"""

from absl import flags

from rbc_tf.cli import shared_flags
from rbc_tf.data import dataset

REQUIRED = ("dataset_dir", "output_dir")

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "The dataset folder, with splits.")
shared_flags.define_bundle("; figures 2, 4, 5 and 7 need one")
_CROSS_VALIDATION_DIR = flags.DEFINE_string(
    "cross_validation_dir", None, "What cross-validate wrote; figure 6 needs it."
)
_UNET = flags.DEFINE_string("unet", None, "A trained U-Net (.keras) for figure 8.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for figures and captions.")
_SPLIT = flags.DEFINE_enum("split", "test", dataset.SPLITS, "Whose images are shown.")
_FIGURES = flags.DEFINE_list(
    "figures", None, "Numbers of the figures, e.g. 1,7; all that can be made where not given."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of random choices.", lower_bound=0)
_IMAGE = flags.DEFINE_string(
    "image", None, "Name of the image of figures 2, 3, 4 and 7; chosen by a rule where not given."
)


def main() -> int:
    from rbc_tf.figures import run as figures
    from rbc_tf.figures.sources import FigureSettings

    settings = FigureSettings(
        bundle=flags.FLAGS.bundle,
        cross_validation_dir=_CROSS_VALIDATION_DIR.value,
        unet_path=_UNET.value,
        split=_SPLIT.value,
        seed=_SEED.value,
        image=_IMAGE.value,
    )
    numbers = None if _FIGURES.value is None else [_number(text) for text in _FIGURES.value]
    loaded = dataset.load_dataset(_DATASET_DIR.value)
    result = figures.make_figures(loaded, _OUTPUT_DIR.value, settings, numbers)
    print(f"made: {', '.join(map(str, result.made)) or 'none'}; in {_OUTPUT_DIR.value}")
    for number, reason in result.left_out.items():
        print(f"  figure {number} is left out: {reason}")
    return 1 if numbers is not None and result.left_out else 0


def _number(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"--figures must be numbers. Received: '{text}'")
    return int(text)
