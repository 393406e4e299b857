"""What an analysed image costs besides the networks: decoding, overlay, PNG, JSON, report.

Beside it stands what a script does otherwise: Pillow reads, matplotlib draws and saves.
"""

import dataclasses
import io
import json
import time

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.data import regions
from rbc_tf.data.synthetic import SmearConfig, render_smear
from rbc_tf.inference.analysis import Analysis
from rbc_tf.inference.report import embedding, overlay, page
from rbc_tf.inference.report.image_data import image_data

RBC_TF = "rbc_tf"
PLAIN = "Pillow + matplotlib + json"
PARTS = ("decode", "overlay", "png", "json", "report")

_CELLS, _SHAPE = (15, 70, 140), (1080, 1920)
_QUICK_CELLS, _QUICK_SHAPE = (2, 6), (200, 320)
_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """An image's file content and the JSON of its regions, with random types."""

    content: bytes
    result: dict


def measure(settings: Settings) -> list[Measurement]:
    """Images of 1920 x 1080 with about 10, 50 and 100 regions, one after the other.

    The facts hold the processor's seconds of one call, of each part of ours, and the PNG's size.
    """
    measured = []
    for num_cells in _QUICK_CELLS if settings.quick else _CELLS:
        case = make_case(num_cells, _QUICK_SHAPE if settings.quick else _SHAPE)
        size = len(case.result["regions"])
        for name, seconds in compare(contenders(case), settings.repetitions).items():
            facts = our_facts(case) if name == RBC_TF else plain_facts(case)
            measured.append(Measurement("images", name, size, "region", seconds, facts=facts))
    return measured


def make_case(num_cells: int, shape: tuple[int, int]) -> Case:
    """A synthetic smear as PNG, its true regions as if they had been found."""
    diameter = min(60.0, shape[0] / 4)
    config = SmearConfig(*shape, num_cells=num_cells, cell_diameter=diameter)
    smear = render_smear(config, seed=0)
    boxes = np.array([region.box for region in regions.find_regions_in_mask(smear.mask)])
    rng = np.random.default_rng(0)
    found = AnalyzedRegions(
        boxes=boxes.astype(np.float32),
        scores=rng.uniform(0.5, 1, len(boxes)).astype(np.float32),
        probabilities=rng.random((len(boxes), len(PAPER))).astype(np.float32),
        abnormal=rng.random(len(boxes)).astype(np.float32),
    )
    labels = found.probabilities > 0.8
    analysis = Analysis.from_arrays("smear.png", "", (*shape, 3), found, labels, PAPER, _THRESHOLD)
    return Case(image_io.encode_png(smear.image, "smear.png"), analysis.to_json())


def contenders(case: Case) -> list[Contender]:
    """Both give the overlay as PNG."""
    return [Contender(RBC_TF, lambda: ours(case)[0]), Contender(PLAIN, lambda: plain(case))]


def ours(case: Case) -> tuple[bytes, dict[str, float]]:
    """What `analyze` does with an image; the processor's seconds of each part beside the PNG."""
    marks = [time.process_time()]
    pixels = image_io.decode_image(case.content, "smear.png")
    marks.append(time.process_time())
    picture = overlay.draw(pixels, case.result, PAPER)
    marks.append(time.process_time())
    png = image_io.encode_png(picture, "smear.png")
    marks.append(time.process_time())
    files.json_bytes(case.result)
    marks.append(time.process_time())
    # The report is written when all images are done, and reads each again.
    embedding.json_for_script(image_data(case.result, PAPER, [_THRESHOLD] * len(PAPER)))
    again = image_io.decode_image(case.content, "smear.png")
    embedding.jpeg_base64(again, page.DEFAULT_IMAGE_SIZE)
    marks.append(time.process_time())
    return png, dict(zip(PARTS, np.diff(marks).tolist(), strict=True))


def our_facts(case: Case) -> dict:
    png, parts = ours(case)
    facts = {f"cpu_seconds_{part}": round(seconds, 4) for part, seconds in parts.items()}
    return {"cpu_seconds": round(sum(parts.values()), 4), "png_bytes": len(png)} | facts


def plain(case: Case) -> bytes:
    """The overlay of a script: frames and names on the image, and the JSON of the regions."""
    pixels = np.asarray(Image.open(io.BytesIO(case.content)).convert("RGB"))
    height, width = pixels.shape[:2]
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(pixels)
    axes.set_axis_off()
    for region in case.result["regions"]:
        box = region["box"]
        corner, colour = (box["xmin"], box["ymin"]), "red" if region["abnormal"] else "blue"
        size = box["xmax"] - box["xmin"], box["ymax"] - box["ymin"]
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour))
        axes.text(*corner, "+".join(region["labels"]), color=colour, fontsize=8)
    stored = io.BytesIO()
    figure.savefig(stored, format="png", dpi=100)
    json.dumps(case.result, indent=2)
    return stored.getvalue()


def plain_facts(case: Case) -> dict:
    start = time.process_time()
    png = plain(case)
    return {"cpu_seconds": round(time.process_time() - start, 4), "png_bytes": len(png)}
