"""The chain on one image: boxes, patches, features, probabilities, abnormality."""

import copy
import dataclasses
from concurrent import futures

import numpy as np
from absl import logging

from rbc_tf.classification.classifier import Classifier
from rbc_tf.core import files, keras_settings
from rbc_tf.core.types import AnalyzedRegions, Detections
from rbc_tf.detection import tiling
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.features import backbone
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.graphs import frozen
from rbc_tf.inference import appearance, cell_scale, light, quarter_turns
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.view_config import AUTO, ViewConfig


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a bundle, loaded; the classifier calibrates as the manifest says."""

    detector: DetectorPredictor
    backbone: backbone.Backbone
    classifier: Classifier


def load_parts(bundle: bundles.Bundle) -> Parts:
    """Loads what lies in a bundle.

    Raises BundleError where its parts do not belong together, or it has been changed meanwhile.
    """
    parts = Parts(
        DetectorPredictor(bundle.path / bundles.DETECTOR, score_threshold=0.0),
        backbone.load_backbone(str(bundle.path / bundles.BACKBONE), bundle.manifest.crop.size),
        _load_classifier(bundle),
    )
    bundle.check_unchanged()
    return parts


def _load_classifier(bundle: bundles.Bundle) -> Classifier:
    classifier = Classifier.load(bundle.path / bundles.CLASSIFIER)
    if classifier.cell_types != bundle.manifest.cell_types:
        raise bundles.BundleError(
            f"{bundle.path}: the classifier knows other cell types than {bundles.MANIFEST}"
        )
    return dataclasses.replace(classifier, calibration=bundle.manifest.calibration)


class Chain:
    """All parts of a bundle, loaded once and applied to many images.

    Attributes:
        manifest: that of the bundle.
        classifier: features to probabilities, with the temperatures of the manifest.
        backbone_record: what a fine-tuned backbone says of its making; {} for others.
        tiles: how large images are cut for detection; None where every image is taken whole.
        precision: 'float32', 'bfloat16' or 'float16', in which detector and backbone compute.
        view_config: how images are looked at.
    """

    def __init__(
        self,
        bundle: bundles.Bundle,
        tiling_config: tiling.TilingConfig = tiling.TilingConfig(),
        precision: str = frozen.FLOAT32,
        view_config: ViewConfig = ViewConfig(),
    ):
        """Loads the parts; `precision` is one of `frozen.PRECISIONS`.

        Raises BundleError where they do not belong together or have been exchanged since they were
        checked; ValueError where the machine does not have the precision, or Keras computes with
        something else than TensorFlow.
        """
        keras_settings.check_backend()
        self.manifest = bundle.manifest
        self.precision = frozen.resolve(precision)
        path, size = bundle.path / bundles.BACKBONE, bundle.manifest.crop.size
        self.classifier = _load_classifier(bundle)
        with futures.ThreadPoolExecutor() as both:
            extractor = both.submit(FeatureExtractor.from_file, path, size, self.precision)
            self._detector = DetectorPredictor(bundle.path / bundles.DETECTOR, 0.0, self.precision)
            self._extractor = extractor.result()
        self.tiles = tiling_config.resolve(self._detector.record)
        if self.tiles is None and tiling_config.size == tiling.AUTO:
            logging.info(
                "The detector does not record how large its training images were: every image "
                "is detected whole, however large. Export it again, or give the size of tiles"
            )
        self.view_config = view_config
        self._remembered: dict[tuple, Detections] = {}
        self.backbone_record = backbone.read_record(path)
        bundle.check_unchanged()

    def viewing(self, view_config: ViewConfig) -> "Chain":
        """One with the same parts that looks at images in another way."""
        other = copy.copy(self)
        other.view_config = view_config
        return other

    def analyze(self, image: np.ndarray) -> AnalyzedRegions:
        """Finds and classifies the regions of uint8 [H, W, 3] RGB above the score threshold."""
        view = self.look(image)
        found = view.above(self.manifest.score_threshold)
        probabilities, abnormal = self.classify(view.pixels, found.boxes)
        return AnalyzedRegions(
            boxes=view.to_source(found.boxes),
            scores=found.scores,
            probabilities=probabilities,
            abnormal=abnormal,
            scale=view.factor,
            gain=view.gain,
            unlike=self.unlike(view, image),
        )

    def unlike(self, view: cell_scale.View, image: np.ndarray) -> dict[str, str]:
        """How an image is unlike those that the bundle learnt from, see `appearance.unlike`.

        Args:
            view: of the image, as the networks saw it: of cells that were scaled there is nothing
                to be warned of.
            image: uint8 [H, W, 3] RGB, as it came.
        """
        seen = self.manifest.appearance
        if not seen:
            return {}
        kept = view.above(self.manifest.score_threshold).boxes
        return appearance.unlike(appearance.measure(view.pixels, kept, image), seen)

    def look(self, image: np.ndarray, looked_at_again: bool = False) -> cell_scale.View:
        """Every detection, also those below the score threshold, in which scale and light.

        Features and types of its regions are those of the patches of `View.pixels`. What is found
        at first in an image that will be `looked_at_again` is remembered until it is.
        """
        is_lit = self.view_config.light == AUTO
        gain = light.gain_for(image, self.manifest.appearance) if is_lit else 1.0
        pixels = light.lit(image, gain)

        def detect(seen: np.ndarray) -> Detections:
            # Scaled, an image does not come again.
            if seen is not pixels:
                return self._detect_as_it_is(seen)
            return self._remember(seen) if looked_at_again else self._remembered_or_found(seen)

        view = cell_scale.look(
            detect,
            pixels,
            self.view_config,
            self.manifest.appearance,
            self._detector.record.training_image_size,
            self.manifest.score_threshold,
        )
        return dataclasses.replace(view, gain=gain)

    def detect(self, image: np.ndarray) -> Detections:
        """Every detection of `look`, in pixels of the image as it came."""
        view = self.look(image)
        return Detections(view.to_source(view.detections.boxes), view.detections.scores)

    def _remember(self, image: np.ndarray) -> Detections:
        found = self._detect_as_it_is(image)
        self._remembered[_content(image)] = found
        return found

    def _remembered_or_found(self, image: np.ndarray) -> Detections:
        found = self._remembered.pop(_content(image), None) if self._remembered else None
        return self._detect_as_it_is(image) if found is None else found

    def _detect_as_it_is(self, image: np.ndarray) -> Detections:
        return tiling.detect(
            self._detector.predict_batch, image, self.tiles, self.manifest.score_threshold
        )

    def classify(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Calibrated probabilities of the types float32 [N, T] and of abnormality float64 [N]."""
        return self.classifier.of_outputs(self.outputs(image, boxes))

    def outputs(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """float32 [N, T], what the heads say of boxes [N, 4], averaged over rotations."""
        turned = (
            quarter_turns.turn(image, boxes, turns)
            for turns in quarter_turns.spread(self.view_config.rotations)
        )
        outputs = [self.classifier.outputs(self.features(*each)) for each in turned]
        return outputs[0] if len(outputs) == 1 else np.mean(outputs, axis=0)

    def features(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """float32 [N, D], what the classifier is given for boxes [N, 4] of an image."""
        return self._extractor.extract_boxes(image, boxes, self.manifest.crop)

    def features_of_patches(self, patches: np.ndarray) -> np.ndarray:
        """float32 [N, D] of patches float32 [N, size, size, 3] RGB, cut as `manifest.crop` says."""
        return self._extractor.extract(patches)

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """bool [N, T], the types predicted to be present; see `Calibration.labels`."""
        return self.manifest.calibration.labels(probabilities)


def _content(image: np.ndarray) -> tuple:
    return image.shape, files.sha256_of_bytes(np.ascontiguousarray(image).data)
