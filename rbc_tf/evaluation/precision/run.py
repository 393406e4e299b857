"""Whether half precision changes the answers: the chain in each precision beside float32."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf.core import boxes, image_io
from rbc_tf.core.text_table import Table
from rbc_tf.core.types import Detections, Sample
from rbc_tf.data import regions
from rbc_tf.graphs import frozen
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.metrics import detection

_COLUMNS = (
    "precision",
    "features",
    "probability, mean",
    "largest",
    "labels",
    "sets of labels",
    "verdicts",
    "AP50",
    "AP75",
)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One precision beside float32, over all images; patches are those of the true regions.

    Attributes:
        precision: what was compared.
        num_images, num_patches: how many there were.
        feature_difference: mean over the patches of |f - f32| / |f32|.
        probability_difference: mean and largest difference of a type's probability.
        labels_changed: share of the (patch, type) pairs said otherwise, true for false.
        label_sets_changed: share of the patches of which any type is said otherwise.
        verdicts_changed: share of the patches said to be abnormal instead of normal, or back.
        ap50, ap75: of the detections.
    """

    precision: str
    num_images: int
    num_patches: int
    feature_difference: float
    probability_difference: tuple[float, float]
    labels_changed: float
    label_sets_changed: float
    verdicts_changed: float
    ap50: float
    ap75: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Answers:
    features: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    abnormal: np.ndarray
    detections: list[Detections]


def compare(
    bundle: Bundle,
    samples: Sequence[Sample],
    precisions: Sequence[str],
    region_config: regions.RegionConfig = regions.RegionConfig(),
) -> list[Comparison]:
    """The chain of a bundle in float32 and in each of `precisions`, on images with masks.

    Raises:
        ValueError: there is no sample or no region, or the machine does not have a precision.
        ImageError: an image or a mask cannot be read.
    """
    if not samples:
        raise ValueError("One image or more is required. Received: none")
    found = [regions.find_regions(sample, region_config) for sample in samples]
    truths = [boxes.as_boxes([region.box for region in of_image]) for of_image in found]
    if not sum(map(len, truths)):
        raise ValueError(f"The {len(samples)} image(s) have no region")
    reference = _answers(Chain(bundle, precision=frozen.FLOAT32), samples, truths)
    compared = [_comparison(frozen.FLOAT32, reference, reference, truths)]
    for precision in precisions:
        if frozen.resolve(precision) != frozen.FLOAT32:
            chain = Chain(bundle, precision=precision)
            answers = _answers(chain, samples, truths)
            compared.append(_comparison(chain.precision, answers, reference, truths))
    return compared


def table(compared: Sequence[Comparison]) -> Table:
    """One row for each precision."""
    first = compared[0]
    return Table(
        f"{first.num_images} images, {first.num_patches} regions, beside float32",
        _COLUMNS,
        tuple(_row(each) for each in compared),
        (
            "features: |f - f32| / |f32|, mean; labels, sets, verdicts: share that is said "
            "otherwise; all but AP on the true regions.",
        ),
    )


def _row(each: Comparison) -> tuple[str, ...]:
    differences = (
        each.feature_difference,
        *each.probability_difference,
        each.labels_changed,
        each.label_sets_changed,
        each.verdicts_changed,
        each.ap50,
        each.ap75,
    )
    return (each.precision, *(f"{value:.4f}" for value in differences))


def _answers(chain: Chain, samples: Sequence[Sample], truths: Sequence[np.ndarray]) -> _Answers:
    features, detections = [], []
    progress = tqdm.tqdm(samples, desc=chain.precision, unit="image")
    for sample, true_boxes in zip(progress, truths, strict=True):
        image = image_io.read_image(sample.image_path)
        features.append(chain.features(image, true_boxes))
        detections.append(chain.detect(image))
    features = np.concatenate(features)
    probabilities, abnormal = chain.classifier.predict(features)
    is_abnormal = abnormal > chain.manifest.abnormal_threshold
    return _Answers(features, probabilities, chain.labels(probabilities), is_abnormal, detections)


def _comparison(
    precision: str, answers: _Answers, reference: _Answers, truths: Sequence[np.ndarray]
) -> Comparison:
    lengths = np.linalg.norm(reference.features, axis=1)
    differences = np.linalg.norm(answers.features - reference.features, axis=1)
    probabilities = np.abs(answers.probabilities - reference.probabilities)
    changed = answers.labels != reference.labels
    return Comparison(
        precision=precision,
        num_images=len(truths),
        num_patches=len(lengths),
        feature_difference=float(np.mean(differences / np.maximum(lengths, 1e-12))),
        probability_difference=(float(probabilities.mean()), float(probabilities.max())),
        labels_changed=float(changed.mean()),
        label_sets_changed=float(changed.any(axis=1).mean()),
        verdicts_changed=float(np.mean(answers.abnormal != reference.abnormal)),
        ap50=_average_precision(answers.detections, truths, 0.5),
        ap75=_average_precision(answers.detections, truths, 0.75),
    )


def _average_precision(detections, truths, min_iou: float) -> float:
    return detection.average_precision(detection.match(detections, truths, min_iou))
