"""A folder of images of 1920x1080 through the whole chain, files included.

Beside it stand detection and features alone, of the same images and regions: what more it takes is
reading, cropping, drawing and writing.
"""

import pathlib
import time
from collections.abc import Iterator, Sequence

from benchmarks import arithmetic
from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.stages.detection import smear
from benchmarks.stages.features import gflop_per_patch
from rbc_tf.core import image_io
from rbc_tf.features import crops
from rbc_tf.graphs import frozen
from rbc_tf.inference import bundle, image_analysis, overlap
from rbc_tf.inference.chain import Chain, load_parts
from rbc_tf.inference.results_folder import ResultsFolder
from rbc_tf.inference.view_config import ViewConfig

RBC_TF, ONE_AFTER_THE_OTHER = "rbc_tf", "rbc_tf, nothing overlapped"
NETWORKS = "detection and features alone"

_SIZES, _QUICK_SIZES = (1, 8), (1, 2)


def measure(settings: Settings) -> list[Measurement]:
    """The networks are loaded before; the report is not part of it.

    Raises ValueError where there is no bundle.
    """
    chain = load_chain(settings, "analyze")
    sizes = _QUICK_SIZES if settings.quick else _SIZES
    paths = write_images(settings, max(sizes))
    folder = ResultsFolder(settings.scratch_dir / "results")
    for _ in analyze(chain, paths[:1], folder, overlapped=True):
        pass
    per_image, per_region = arithmetic_of(settings)
    measured = []
    for size in sizes:
        # What lasts minutes need not be repeated often to be known well.
        repetitions = settings.repetitions if size == 1 else min(settings.repetitions, 3)
        seconds = {RBC_TF: [], ONE_AFTER_THE_OTHER: [], NETWORKS: []}
        for _ in range(repetitions):
            seconds[RBC_TF].append(_timed(chain, paths[:size], folder, True))
            seconds[ONE_AFTER_THE_OTHER].append(_timed(chain, paths[:size], folder, False))
            seconds[NETWORKS].append(_networks_alone(chain, paths[:size]))
        regions = sum(num_regions(folder, path) for path in paths[:size])
        facts = {"precision": chain.precision, "regions": regions}
        work = size * per_image + regions * per_region
        measured += [
            Measurement("analyze", name, size, "image", tuple(times), work, facts)
            for name, times in seconds.items()
        ]
    return measured


def load_chain(settings: Settings, stage: str) -> Chain:
    """As the tools use it by default; raises ValueError where there is no bundle."""
    if settings.bundle_dir is None:
        raise ValueError(f"The stage '{stage}' needs --bundle_dir")
    # As they are: what is measured beside the networks alone is to be one detection.
    loaded = bundle.load_bundle(settings.bundle_dir)
    return Chain(loaded, precision=frozen.AUTO, view_config=ViewConfig.as_it_is())


def arithmetic_of(settings: Settings) -> tuple[float, float]:
    """GFLOP of detection in an image and of the features of a region."""
    loaded = bundle.load_bundle(settings.bundle_dir)
    parts = load_parts(loaded)
    image = smear(settings.quick)[None]
    return (
        arithmetic.gflop(parts.detector.signature, image),
        gflop_per_patch(parts.backbone.model),
    )


def write_images(settings: Settings, count: int) -> list[pathlib.Path]:
    paths = []
    for seed in range(count):
        path = settings.scratch_dir / "images" / f"{seed:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Eight smears in turn: each is new to nobody but the disk.
        path.write_bytes(image_io.encode_png(smear(settings.quick, seed % 8), path.name))
        paths.append(path)
    return paths


def analyze(
    chain: Chain, paths: Sequence[pathlib.Path], folder: ResultsFolder, overlapped: bool
) -> Iterator[pathlib.Path]:
    """Analyses images and writes their results; yields each path when its files are there."""

    def read(path):
        return image_analysis.decode(path.name, path, image_io.read_bytes(path))

    def write(image, result):
        image_analysis.write(folder, image, result)

    def work(image):
        return image_analysis.analyze(chain, image)

    if overlapped:
        for path, error in overlap.overlapped(paths, read, work, write):
            if error is not None:
                raise error
            yield path
        return
    for path in paths:
        image = read(path)
        write(image, work(image))
        yield path


def num_regions(folder: ResultsFolder, path: pathlib.Path) -> int:
    return folder.read_json(f"images/{path.name}.json")["num_regions"]


def _timed(chain, paths, folder, overlapped: bool) -> float:
    start = time.perf_counter()
    for _ in analyze(chain, paths, folder, overlapped):
        pass
    return time.perf_counter() - start


def _networks_alone(chain: Chain, paths: list[pathlib.Path]) -> float:
    """Seconds of detection and of features from patches that are cut already."""
    total = 0.0
    for path in paths:
        image = image_io.read_image(path)
        start = time.perf_counter()
        found = chain.detect(image)
        total += time.perf_counter() - start
        kept = found.boxes[found.scores >= chain.manifest.score_threshold]
        patches = crops.cut_patches(image, kept, chain.manifest.crop).numpy()
        start = time.perf_counter()
        chain.features_of_patches(patches)
        total += time.perf_counter() - start
    return total
