"""From the start of rbc_tf analyze to the results of one image, beside importing TensorFlow."""

import pathlib
import subprocess
import sys

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.stages.detection import smear
from benchmarks.timing import Contender, compare
from rbc_tf.core import image_io

RBC_TF, FLOAT32, IMPORT = "rbc_tf", "rbc_tf, float32", "import tensorflow"

_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "analyze.py"


def measure(settings: Settings) -> list[Measurement]:
    """The first call, which is not counted, prepares the networks for later ones.

    Raises ValueError where there is no bundle.
    """
    contenders = [
        Contender(name, lambda arguments=arguments: run(arguments))
        for name, arguments in commands(settings).items()
    ]
    seconds = compare(contenders, settings.repetitions)
    return [Measurement("start", name, 1, "image", times) for name, times in seconds.items()]


def commands(settings: Settings) -> dict[str, list[str]]:
    """Arguments of Python by contender; raises ValueError where there is no bundle."""
    if settings.bundle_dir is None:
        raise ValueError("The stage 'start' needs --bundle_dir")
    image = settings.scratch_dir / "smear.png"
    image.write_bytes(image_io.encode_png(smear(quick=True), image.name))
    analyze = [
        str(_TOOL),
        f"--bundle={settings.bundle_dir}",
        f"--input={image}",
        f"--output_dir={settings.scratch_dir / 'started'}",
        "--overwrite",
        "--noreport",
    ]
    return {
        RBC_TF: analyze,
        FLOAT32: [*analyze, "--precision=float32"],
        IMPORT: ["-c", "import tensorflow"],
    }


def run(arguments: list[str]) -> None:
    """Raises CalledProcessError where Python ends with an error."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
