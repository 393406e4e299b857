"""How an analysis grows with the number of images, in time and memory, in one run over them all."""

import resource
import time

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.stages import analyze
from rbc_tf.inference.results_folder import ResultsFolder

STAGE, RBC_TF = "many_images", "rbc_tf"

_SIZES, _QUICK_SIZES = (1, 10, 100, 500), (1, 2)


def measure(settings: Settings) -> list[Measurement]:
    """Raises ValueError where there is no bundle."""
    chain = analyze.load_chain(settings, STAGE)
    sizes = _QUICK_SIZES if settings.quick else _SIZES
    paths = analyze.write_images(settings, max(sizes))
    folder = ResultsFolder(settings.scratch_dir / "results")
    for _ in analyze.analyze(chain, paths[:1], folder, overlapped=True):
        pass
    measured, regions = [], 0
    start = time.perf_counter()
    for done, path in enumerate(analyze.analyze(chain, paths, folder, overlapped=True), 1):
        regions += analyze.num_regions(folder, path)
        if done in sizes:
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            facts = {"regions": regions, "peak_megabytes": peak}
            measured.append(Measurement(STAGE, RBC_TF, done, "image", (seconds,), facts=facts))
    return measured
