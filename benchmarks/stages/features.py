"""ResNet-50 on patches of 224x224, from pixels to 2048 values, with weights that nobody trained.

Beside it stands Keras' own `predict`, in batches and one by one, and OpenVINO where it is
installed.
"""

import importlib.util

import numpy as np
import tensorflow as tf

from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.data.synthetic import SmearConfig, render_smear
from rbc_tf.features import backbone, crops
from rbc_tf.features.cache import FeatureCache, Fingerprint, ImageEntry
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.graphs import frozen

RBC_TF, FLOAT32 = "rbc_tf", "rbc_tf, float32"
TO_FILE = "rbc_tf, from image to TFRecord"
PREDICT, ONE_BY_ONE = "Keras predict, batches of 32", "Keras predict, one by one"
OPENVINO = "OpenVINO"

_SIZES, _QUICK_SIZES = (1, 8, 32, 128), (1, 3)
_SIDE, _QUICK_SIDE = 224, 32


def measure(settings: Settings) -> list[Measurement]:
    side = _QUICK_SIDE if settings.quick else _SIDE
    network = _as_if_trained(backbone.load_backbone(backbone.RANDOM, side))
    gflop = gflop_per_patch(network.model)
    fast = FeatureExtractor(network, precision=frozen.AUTO)
    plain = FeatureExtractor(network)
    smear = render_smear(SmearConfig(height=4 * side, width=6 * side, num_cells=20), seed=0).image
    cache = FeatureCache(settings.scratch_dir / "features")
    cache.prepare(Fingerprint({}, {"smear": ImageEntry("", "")}), overwrite=True)
    measured = []
    for size in _QUICK_SIZES if settings.quick else _SIZES:
        boxes = _boxes(size, side, smear.shape)
        config = crops.CropConfig(size=side)
        patches = crops.cut_patches(smear, boxes, config).numpy()
        contenders = [
            Contender(RBC_TF, lambda patches=patches: fast.extract(patches)),
            Contender(
                TO_FILE,
                lambda boxes=boxes, config=config: cache.write_shard(
                    "smear", boxes, fast.extract_boxes(smear, boxes, config)
                ),
            ),
            Contender(FLOAT32, lambda patches=patches: plain.extract(patches)),
            Contender(
                PREDICT,
                lambda patches=patches: network.model.predict(patches, batch_size=32, verbose=0),
            ),
            *_openvino(network, patches, fast.precision),
        ]
        if size <= 32:
            contenders.append(
                Contender(
                    ONE_BY_ONE,
                    lambda patches=patches: [
                        network.model.predict(patch[None], verbose=0) for patch in patches
                    ],
                )
            )
        difference = _difference(fast.extract(patches), plain.extract(patches))
        of_ours = {"precision": fast.precision, "difference": difference}
        for name, seconds in compare(contenders, settings.repetitions).items():
            facts = of_ours if name == RBC_TF else {}
            work = size * gflop
            measured.append(
                Measurement("features", name, size, "patch", seconds, gflop=work, facts=facts)
            )
    return measured


def _as_if_trained(network: backbone.Backbone) -> backbone.Backbone:
    """With biases and batch norms that no optimiser can leave out, as zeros and ones could be."""
    generator = np.random.default_rng(0)
    for weight in network.model.weights:
        if len(weight.shape) == 1:
            weight.assign(weight.numpy() + generator.uniform(-0.2, 0.2, weight.shape))
    # A new one, whose hash is of these weights: it names the prepared network in the cache.
    return backbone.Backbone(network.model, name=network.name)


def gflop_per_patch(model) -> float:
    """Of the convolutions, a multiplication and an addition counted as two."""
    total = 0.0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += gflop_per_patch(layer)
        elif layer.__class__.__name__ == "Conv2D":
            kernel = np.prod(layer.kernel.shape)
            total += 2 * kernel * np.prod(layer.output.shape[1:3]) / 1e9
    return float(total)


def _boxes(count: int, side: int, shape) -> np.ndarray:
    """float32 [count, 4], of about the size of a patch."""
    generator = np.random.default_rng(0)
    sides = generator.uniform(0.6 * side, 1.4 * side, (count, 2))
    corners = generator.uniform(0, 1, (count, 2)) * (np.array(shape[:2]) - sides)
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


def _difference(features: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(features - expected) / np.linalg.norm(expected))


def _openvino(network: backbone.Backbone, patches: np.ndarray, precision: str) -> list[Contender]:
    """The same network in the same precision; none where OpenVINO is not installed."""
    if importlib.util.find_spec("openvino") is None:
        return []
    import openvino

    side = network.patch_size
    function = tf.function(
        lambda x: network.model(x, training=False),
        input_signature=[tf.TensorSpec([None, side, side, 3], tf.float32)],
    )
    converted = openvino.convert_model(
        function.get_concrete_function(), input=[-1, side, side, 3], share_weights=False
    )
    hint = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}[precision]
    compiled = openvino.compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "THROUGHPUT"}
    )
    starts = range(0, len(patches), 32)
    return [
        Contender(
            f"{OPENVINO} {openvino.__version__.split('-')[0]}, {hint}",
            lambda: [compiled(patches[start : start + 32]) for start in starts],
        )
    ]
