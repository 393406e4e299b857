"""What each baseline, and the chain, find in the regions of the test images and predict for them.

Cells are separated in three ways: by watershed within the true mask, by watershed within the
U-Net's mask, and as the connected regions of the U-Net's mask; beside them, not at all. The types
of a region are then the union of what Model B predicts for the box of each segment, cut from the
image with all that lies around it, as a pipeline of that kind would do. Two ways to label a
segment: all types above 0.5, or the best one where none is; or the best one always.
"""

import dataclasses

import numpy as np
from tqdm import tqdm

from rbc_tf.classification.heads import predict
from rbc_tf.data.regions import label_regions
from rbc_tf.evaluation.baselines.inputs import (
    BaselinesConfig,
    Inputs,
    ScoredImage,
    read_scored_image,
)
from rbc_tf.evaluation.baselines.models import Models
from rbc_tf.evaluation.baselines.scores import ComparedRegions
from rbc_tf.evaluation.baselines.watershed import separate
from rbc_tf.features.backbone import load_backbone
from rbc_tf.features.cache import BACKBONE_FILE
from rbc_tf.features.crops import cut_patches
from rbc_tf.features.extractor import FeatureExtractor
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD
from rbc_tf.metrics.separation import assign_segments, have_own_segment, segment_boxes

# Ways of separating cells.
NONE, WATERSHED_TRUE, WATERSHED_UNET, UNET = "none", "watershed_true", "watershed_unet", "unet"

# Classifiers; the names of those on segments are SEPARATION + ABOVE or + BEST.
MODEL_A, MODEL_B, CNN = "model_a", "model_b", "single_label_cnn"
ABOVE, BEST = "_above", "_best"


@dataclasses.dataclass(frozen=True, eq=False)
class _Segments:
    """The segments of one method that lie in the scored regions of one image.

    Attributes:
        owner: int [S], the scored region of each, from 0.
        boxes: float32 [S, 4].
        apart: int [n], how many labelled cells of each scored region have their own segment.
    """

    owner: np.ndarray
    boxes: np.ndarray
    apart: np.ndarray


def compare_regions(inputs: Inputs, models: Models, config: BaselinesConfig) -> ComparedRegions:
    """Runs everything on the test images.

    Raises:
        ImageError: an image or mask cannot be read.
        ValueError: the features are of other regions.
    """
    runner = _Runner(inputs, models, config)
    parts, rows = [], []
    names = set(inputs.table.images[inputs.scored].tolist())
    samples = [sample for sample in inputs.dataset.in_split("test") if sample.name in names]
    for sample in tqdm(samples, desc="Comparing", unit="image"):
        image = read_scored_image(inputs, sample)
        parts.append(runner.run(image))
        rows.append(image.rows)
    table = inputs.table.select(np.concatenate(rows))
    found, apart, predicted = (
        {key: np.concatenate([part[kind][key] for part in parts]) for key in parts[0][kind]}
        for kind in range(3)
    )
    probabilities = {MODEL_A: predict(models.model_a, table.features)}
    probabilities[MODEL_B] = predict(models.model_b, table.features)
    for name, values in probabilities.items():
        predicted[name] = values > PLAIN_THRESHOLD
        predicted[name + BEST] = best_type(values)
    return ComparedRegions(
        names=inputs.cell_types.names,
        images=table.images,
        groups=table.groups,
        boxes=table.boxes,
        labels=table.labels,
        num_cells=table.num_cells.astype(int),
        found=found,
        apart=apart,
        predicted=predicted,
    )


def best_type(probabilities: np.ndarray) -> np.ndarray:
    """bool [N, T], the most probable type of each row, the first of equals."""
    places = probabilities.argmax(axis=1)
    return places[:, None] == np.arange(probabilities.shape[1])


def union(predicted: np.ndarray, owner: np.ndarray, num_regions: int) -> np.ndarray:
    """bool [n, T], the types predicted for any segment of a region; none where it has no segment.

    Args:
        predicted: bool [S, T], of each segment.
        owner: int [S], its region.
        num_regions: n.
    """
    together = np.zeros((num_regions, predicted.shape[1]), bool)
    np.logical_or.at(together, owner, predicted)
    return together


class _Runner:
    """The models, applied to one image after the other."""

    def __init__(self, inputs: Inputs, models: Models, config: BaselinesConfig):
        self._models = models
        self._config = config
        self._regions = inputs.region_config
        self._crop = inputs.crop
        backbone = load_backbone(str(inputs.features_dir / BACKBONE_FILE), inputs.crop.size)
        self._extractor = FeatureExtractor(backbone)

    def run(self, image: ScoredImage) -> tuple[dict, dict, dict]:
        """Numbers of segments, of cells apart, and types, as `ComparedRegions` holds them."""
        segments = {
            name: _in_scored_regions(image, labels) for name, labels in self._separate(image)
        }
        count = len(image.scored)
        found = {n: np.bincount(s.owner, minlength=count) for n, s in segments.items()}
        apart = {name: s.apart for name, s in segments.items()}
        del segments[NONE]  # its box is the region's: Model B on the region
        predicted = self._label(image, segments)
        predicted[CNN] = self._label_whole(image)
        return found, apart, predicted

    def _separate(self, image: ScoredImage) -> list[tuple[str, np.ndarray]]:
        """Segments int32 [H, W] by method."""
        seen, _ = label_regions(self._models.unet.segment(image.image), self._regions)
        return [
            (NONE, image.regions),
            (WATERSHED_TRUE, separate(image.regions > 0, self._config.watershed)),
            (WATERSHED_UNET, separate(seen > 0, self._config.watershed)),
            (UNET, seen),
        ]

    def _label(self, image: ScoredImage, segments: dict[str, _Segments]) -> dict[str, np.ndarray]:
        """bool [n, T] by classifier, from Model B on each segment."""
        # Methods agree on many boxes: each is looked at once.
        boxes = np.concatenate([s.boxes for s in segments.values()])
        boxes, place = np.unique(boxes, axis=0, return_inverse=True)
        features = self._extractor.extract_boxes(image.image, boxes, self._crop)
        probabilities = predict(self._models.model_b, features)[place.reshape(-1)]
        best = best_type(probabilities)
        above = probabilities > PLAIN_THRESHOLD
        above |= best & ~above.any(axis=1, keepdims=True)
        predicted, start = {}, 0
        for name, of_method in segments.items():
            rows = slice(start, start + len(of_method.owner))
            for rule, values in ((ABOVE, above), (BEST, best)):
                of_regions = union(values[rows], of_method.owner, len(image.scored))
                predicted[name + rule] = of_regions
            start = rows.stop
        return predicted

    def _label_whole(self, image: ScoredImage) -> np.ndarray:
        """bool [n, T], the one type that the single-label network gives each scored region."""
        boxes = _boxes_of(image)
        patches = cut_patches(image.image, boxes, self._models.cnn_crop).numpy()
        return best_type(self._models.cnn.predict(np.rint(patches)))


def _boxes_of(image: ScoredImage) -> np.ndarray:
    return segment_boxes(image.regions)[image.scored]


def _in_scored_regions(image: ScoredImage, labels: np.ndarray) -> _Segments:
    count = len(image.scored)
    scored = np.full(int(image.regions.max(initial=0)) + 1, -1)
    scored[image.scored] = np.arange(count)  # a region of -1, outside, takes the last entry
    owner = scored[assign_segments(labels, image.regions)]
    ys, xs = image.points.astype(int).T
    of_point = scored[image.regions[ys, xs] - 1]
    own = have_own_segment(labels, image.points) & (of_point >= 0)
    return _Segments(
        owner=owner[owner >= 0],
        boxes=segment_boxes(labels)[owner >= 0],
        apart=np.bincount(of_point[own], minlength=count),
    )
