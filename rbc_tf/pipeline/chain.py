"""The chain on one image: boxes, patches, features, probabilities, verdict."""

import dataclasses

import numpy as np

from rbc_tf.classification import abnormality, heads
from rbc_tf.detection.predictor import DetectorPredictor
from rbc_tf.features import backbone, crops
from rbc_tf.pipeline import bundle as bundles
from rbc_tf.types import Detections


@dataclasses.dataclass(frozen=True, eq=False)
class AnalyzedRegions:
    """What the chain says of the regions of one image, best detection first.

    Attributes:
        boxes: float32 [N, 4] in source-image pixels.
        scores: float32 [N], the detector's.
        probabilities: float32 [N, T], one per cell type, not normalised.
        abnormal: float64 [N], probability that the region holds an abnormal type.
    """

    boxes: np.ndarray
    scores: np.ndarray
    probabilities: np.ndarray
    abnormal: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


class Chain:
    """All parts of a bundle, loaded once and applied to many images."""

    def __init__(self, bundle: bundles.Bundle):
        self.manifest = bundle.manifest
        self._detector = DetectorPredictor(bundle.path / bundles.DETECTOR, score_threshold=0.0)
        size = bundle.manifest.crop.size
        loaded = backbone.load_backbone(str(bundle.path / bundles.BACKBONE), size)
        self._extractor = backbone.FeatureExtractor(loaded)
        self._heads = heads.load_heads(bundle.path / bundles.HEADS)
        self._abnormality = abnormality.load(bundle.path / bundles.ABNORMALITY)
        self._thresholds = np.array(bundle.manifest.thresholds)

    def analyze(self, image: np.ndarray) -> AnalyzedRegions:
        """Finds and classifies the regions of uint8 [H, W, 3] RGB above the score threshold."""
        detections = self.detect(image)
        kept = detections.scores >= self.manifest.score_threshold
        detections = Detections(detections.boxes[kept], detections.scores[kept])
        probabilities, abnormal = self.classify(image, detections.boxes)
        return AnalyzedRegions(detections.boxes, detections.scores, probabilities, abnormal)

    def detect(self, image: np.ndarray) -> Detections:
        """Every detection, also those below the score threshold."""
        return self._detector.predict(image)

    def classify(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the types float32 [N, T] and of abnormality float64 [N] of boxes."""
        if len(boxes) == 0:
            return np.zeros((0, len(self.manifest.cell_types)), np.float32), np.zeros(0)
        patches = crops.cut_patches(image, boxes, self.manifest.crop)
        probabilities = heads.predict(self._heads, self._extractor.extract(patches))
        return probabilities, self._abnormality.predict(probabilities)

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """bool [N, T], the types said to be present."""
        return probabilities > self._thresholds
