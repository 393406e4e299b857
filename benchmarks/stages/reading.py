"""Reading image files: what strict decoding costs, against the decoders that forgive.

Beside it stands what version 0.1.0 did: Pillow for JPEG, OpenCV for PNG (its hashes checked by
Pillow) and for TIFF.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import tifffile
from PIL import Image

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.core import image_io
from rbc_tf.data.synthetic import SmearConfig, render_smear

RBC_TF, FORGIVING = "rbc_tf", "Pillow, OpenCV"

_SHAPE, _QUICK_SHAPE = (1080, 1920), (120, 160)


def measure(settings: Settings) -> list[Measurement]:
    """One image of 1920 x 1080 in each format, a stage each; the facts say its bytes."""
    shape = _QUICK_SHAPE if settings.quick else _SHAPE
    measured = []
    for name, content in files_of(picture(shape)).items():
        stage, facts = f"reading, {name}", {"format": name, "bytes": len(content)}
        for contender, seconds in compare(contenders(name, content), settings.repetitions).items():
            measured.append(Measurement(stage, contender, 1, "image", seconds, facts=facts))
    return measured


def picture(shape: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3], a synthetic smear."""
    diameter = max(12.0, shape[0] / 15)
    config = SmearConfig(*shape, num_cells=max(2, shape[0] // 20), cell_diameter=diameter)
    return render_smear(config, seed=0).image


def files_of(pixels: np.ndarray) -> dict[str, bytes]:
    """The same image by format."""
    files = {}
    for name, settings in {
        "JPEG": {"quality": 90},
        "progressive JPEG": {"quality": 90, "progressive": True},
        "PNG": {"compress_level": 1},
    }.items():
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, name.split()[-1], **settings)
        files[name] = stream.getvalue()
    compressions = {"TIFF": None, "TIFF, deflate": "adobe_deflate", "TIFF, LZW": "lzw"}
    for name, compression in compressions.items():
        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels, photometric="rgb", compression=compression)
        files[name] = stream.getvalue()
    return files


def contenders(name: str, content: bytes) -> list[Contender]:
    """Both give uint8 [H, W, 3] RGB."""
    before: Callable[[bytes], np.ndarray] = _opencv
    if name.endswith("JPEG"):
        before = _pillow
    elif name == "PNG":
        before = _checked_png
    return [
        Contender(RBC_TF, lambda: image_io.decode_image(content, name)),
        Contender(FORGIVING, lambda: before(content)),
    ]


def _pillow(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def _checked_png(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        image.verify()
    return _opencv(content)


def _opencv(content: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
