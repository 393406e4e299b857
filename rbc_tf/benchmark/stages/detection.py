"""Detection in one image of 1920x1080 with the detector of a bundle.

Beside it stands the detector as Model Garden exports it: the SavedModel, in float32.
"""

import numpy as np
import tensorflow as tf

from rbc_tf import frozen
from rbc_tf.benchmark.measurement import Measurement
from rbc_tf.benchmark.settings import Settings
from rbc_tf.benchmark.timing import Contender, compare
from rbc_tf.data.synthetic import SmearConfig, render_smear
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.pipeline import bundle

RBC_TF, SAVED_MODEL = "rbc_tf", "SavedModel, float32"


def measure(settings: Settings) -> list[Measurement]:
    """Raises ValueError where there is no bundle."""
    if settings.bundle_dir is None:
        raise ValueError("The stage 'detection' needs --bundle_dir")
    loaded = bundle.load_bundle(settings.bundle_dir)
    folder = loaded.path / bundle.DETECTOR
    image = smear(settings.quick)
    fast = DetectorPredictor(folder, precision=frozen.AUTO)
    plain = DetectorPredictor(folder)
    contenders = [
        Contender(RBC_TF, lambda: fast.predict(image)),
        Contender(SAVED_MODEL, lambda: _plain_answer(plain, image)),
    ]
    facts = {
        "precision": fast.precision,
        "input_image_size": fast.provenance.get("input_image_size"),
        "regions": len(fast.predict(image).scores),
        "regions_in_float32": len(plain.predict(image).scores),
    }
    return [
        Measurement("detection", name, 1, "image", seconds, facts=facts if name == RBC_TF else {})
        for name, seconds in compare(contenders, settings.repetitions).items()
    ]


def smear(quick: bool, seed: int = 0) -> np.ndarray:
    """uint8 [H, W, 3], a synthetic smear with about 100 regions."""
    shape = {"height": 270, "width": 480, "num_cells": 8} if quick else {"num_cells": 140}
    return render_smear(SmearConfig(**shape), seed=seed).image


def _plain_answer(detector: DetectorPredictor, image: np.ndarray) -> np.ndarray:
    return detector.signature(inputs=tf.constant(image[None]))["detection_boxes"].numpy()
