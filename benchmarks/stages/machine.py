"""What the machine can do at most: matrix products in float32 and bfloat16, copying memory."""

import numpy as np
import tensorflow as tf

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.graphs import frozen

_SIDE, _QUICK_SIDE = 2048, 256
_COPIED, _QUICK_COPIED = 2**28, 2**22

COPY = "memory copy"


def measure(settings: Settings) -> list[Measurement]:
    """Products of square matrices, whose rate is the ceiling of what networks reach."""
    side = _QUICK_SIDE if settings.quick else _SIDE
    types = [tf.float32]
    if frozen.resolve(frozen.AUTO) == frozen.BFLOAT16:
        types.append(tf.bfloat16)
    contenders = [Contender(dtype.name, _product(side, dtype)) for dtype in types]
    measured = [
        Measurement("machine", name, side, "row", seconds, gflop=2 * side**3 / 1e9)
        for name, seconds in compare(contenders, settings.repetitions).items()
    ]
    source = np.ones(_QUICK_COPIED if settings.quick else _COPIED, np.uint8)
    target = np.zeros_like(source)
    copy = Contender(COPY, lambda: np.copyto(target, source))
    seconds = compare([copy], settings.repetitions)[COPY]
    gigabytes = source.nbytes / 1e9 / float(np.median(seconds))
    facts = {"gigabytes_per_second": round(gigabytes, 2)}
    return [*measured, Measurement("machine", COPY, source.nbytes, "byte", seconds, facts=facts)]


def _product(side: int, dtype: tf.DType):
    left, right = (tf.cast(tf.random.normal([side, side], seed=seed), dtype) for seed in (0, 1))
    # One value leaves the graph: the product itself would be copied.
    multiply = tf.function(lambda: tf.matmul(left, right)[0, 0])
    return lambda: multiply().numpy()
