"""Detection in one image of 1920x1080 with the detector of a bundle, and with others beside it.

Each is measured as it is used by default, and as the SavedModel that Model Garden exports, in
float32. Where there is a dataset, AP50 on its test images stands beside each time.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from benchmarks import arithmetic
from benchmarks.measurement import Measurement
from benchmarks.settings import Settings
from benchmarks.timing import Contender, compare
from rbc_tf.core import boxes, image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset, regions
from rbc_tf.data.synthetic import SmearConfig, render_smear
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.graphs import frozen
from rbc_tf.inference import bundle
from rbc_tf.metrics import detection

RBC_TF = "rbc_tf"


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidate:
    name: str
    predictor: DetectorPredictor
    gflop: float


def measure(settings: Settings) -> list[Measurement]:
    """Raises ValueError where there is no bundle."""
    if settings.bundle_dir is None:
        raise ValueError("The stage 'detection' needs --bundle_dir")
    loaded = bundle.load_bundle(settings.bundle_dir)
    image = smear(settings.quick)
    candidates = _load([(RBC_TF, loaded.path / bundle.DETECTOR), *settings.detectors], image)
    contenders = [
        Contender(each.name, lambda predictor=each.predictor: predictor.predict(image))
        for each in candidates
    ]
    seconds = compare(contenders, settings.repetitions)
    samples = _test_images(settings)
    return [
        Measurement(
            stage="detection",
            contender=each.name,
            size=1,
            unit="image",
            seconds=seconds[each.name],
            gflop=each.gflop,
            facts=_facts(each.predictor, image, samples),
        )
        for each in candidates
    ]


def smear(quick: bool, seed: int = 0) -> np.ndarray:
    """uint8 [H, W, 3], a synthetic smear with about 100 regions."""
    shape = {"height": 270, "width": 480, "num_cells": 8} if quick else {"num_cells": 140}
    return render_smear(SmearConfig(**shape), seed=seed).image


def _load(folders: Sequence[tuple[str, str | pathlib.Path]], image: np.ndarray) -> list[_Candidate]:
    """The first is named 'rbc_tf', the others by name, input size and precision."""
    found = []
    for name, folder in folders:
        predictors = [
            DetectorPredictor(folder, score_threshold=0.0, precision=precision)
            for precision in dict.fromkeys((frozen.resolve(frozen.AUTO), frozen.FLOAT32))
        ]
        gflop = arithmetic.gflop(predictors[-1].signature, image[None])
        for predictor in predictors:
            size = predictor.record.input_image_size
            scaled = "x".join(map(str, size)) if size else "size of training"
            full_name = f"{name}, {scaled}, {predictor.precision}" if found else RBC_TF
            found.append(_Candidate(full_name, predictor, gflop))
    return found


def _test_images(settings: Settings) -> list[Sample]:
    if settings.dataset_dir is None:
        return []
    return dataset.load_dataset(settings.dataset_dir).in_split("test")


def _facts(predictor: DetectorPredictor, image: np.ndarray, samples: Sequence[Sample]) -> dict:
    facts = {
        "precision": predictor.precision,
        "input_image_size": predictor.record.input_image_size,
        "regions": int((predictor.predict(image).scores >= 0.5).sum()),
    }
    if samples:
        found = [predictor.predict(image_io.read_image(sample.image_path)) for sample in samples]
        truths = [
            boxes.as_boxes([region.box for region in regions.find_regions(sample)])
            for sample in samples
        ]
        facts["test_images"] = len(samples)
        facts["ap50"] = detection.average_precision(detection.match(found, truths, 0.5))
    return facts
