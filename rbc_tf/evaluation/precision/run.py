"""Whether half precision changes predictions: the chain in each precision beside float32."""

from collections.abc import Sequence

import numpy as np
import tqdm

from rbc_tf.core import boxes, image_io
from rbc_tf.core.score import Score
from rbc_tf.core.types import Sample
from rbc_tf.data import regions
from rbc_tf.evaluation.precision.scores import score_precision
from rbc_tf.graphs import frozen
from rbc_tf.inference.bundle import Bundle
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.view_config import ViewConfig
from rbc_tf.metrics.agreement import ChainOutputs


def compare(
    bundle: Bundle,
    samples: Sequence[Sample],
    precisions: Sequence[str],
    region_config: regions.RegionConfig = regions.RegionConfig(),
) -> list[Score]:
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
        raise ValueError(f"One region or more is required. Received: {len(samples)} images of none")
    # As they are: the precision alone is to differ, and features are those of true boxes.
    as_it_is = ViewConfig.as_it_is()
    chain = Chain(bundle, precision=frozen.FLOAT32, view_config=as_it_is)
    reference = _outputs(chain, samples, truths)
    scores = score_precision(frozen.FLOAT32, reference, reference, truths)
    for precision in precisions:
        if frozen.resolve(precision) != frozen.FLOAT32:
            chain = Chain(bundle, precision=precision, view_config=as_it_is)
            outputs = _outputs(chain, samples, truths)
            scores += score_precision(chain.precision, outputs, reference, truths)
    return scores


def _outputs(chain: Chain, samples: Sequence[Sample], truths: Sequence[np.ndarray]) -> ChainOutputs:
    features, detections = [], []
    progress = tqdm.tqdm(samples, desc=chain.precision, unit="image")
    for sample, true_boxes in zip(progress, truths, strict=True):
        image = image_io.read_image(sample.image_path, sample.intensity)
        features.append(chain.features(image, true_boxes))
        detections.append(chain.detect(image))
    features = np.concatenate(features)
    probabilities, abnormal = chain.classifier.predict(features)
    is_abnormal = abnormal > chain.manifest.abnormal_threshold
    labels = chain.labels(probabilities)
    return ChainOutputs(features, probabilities, labels, is_abnormal, detections)
