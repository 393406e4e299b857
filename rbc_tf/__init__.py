"""Multi-label detection and classification of red blood cells in blood-smear images.

    import rbc_tf

    analyzer = rbc_tf.load("bundle")
    analysis = analyzer.analyze("smear.png")
    for region in analysis.regions:
        print(region.box, region.labels, region.abnormal)

TensorFlow is loaded when a bundle is, not before.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from rbc_tf.inference.analysis import Analysis, PredictedRegion
    from rbc_tf.inference.analyzer import Analyzer, load

__version__ = "0.2.0"

__all__ = ["Analysis", "Analyzer", "PredictedRegion", "__version__", "load"]

# Where each name is defined: it is looked up when it is first asked for.
_HOMES = {
    "Analysis": "rbc_tf.inference.analysis",
    "Analyzer": "rbc_tf.inference.analyzer",
    "PredictedRegion": "rbc_tf.inference.analysis",
    "load": "rbc_tf.inference.analyzer",
}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'rbc_tf' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
