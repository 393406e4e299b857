"""From the start of tools/analyze.py to the results of one image, beside importing TensorFlow."""

import pathlib
import subprocess
import sys

from rbc_tf import image_io
from rbc_tf.benchmark.measurement import Measurement
from rbc_tf.benchmark.settings import Settings
from rbc_tf.benchmark.stages.detection import smear
from rbc_tf.benchmark.timing import Contender, compare

RBC_TF, FLOAT32, IMPORT = "rbc_tf", "rbc_tf, float32", "import tensorflow"

_TOOL = pathlib.Path(__file__).parents[3] / "tools" / "analyze.py"


def measure(settings: Settings) -> list[Measurement]:
    """The first call, which is not counted, prepares the networks for later ones.

    Raises ValueError where there is no bundle.
    """
    if settings.bundle_dir is None:
        raise ValueError("The stage 'start' needs --bundle_dir")
    image = settings.scratch_dir / "smear.png"
    image.write_bytes(image_io.encode_png(smear(quick=True), image.name))
    analyze = [
        str(_TOOL),
        f"--bundle_dir={settings.bundle_dir}",
        f"--input={image}",
        f"--output_dir={settings.scratch_dir / 'started'}",
        "--overwrite",
        "--noreport",
    ]
    contenders = [
        Contender(RBC_TF, lambda: _run(analyze)),
        Contender(FLOAT32, lambda: _run([*analyze, "--precision=float32"])),
        Contender(IMPORT, lambda: _run(["-c", "import tensorflow"])),
    ]
    seconds = compare(contenders, settings.repetitions)
    return [Measurement("start", name, 1, "image", times) for name, times in seconds.items()]


def _run(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
