"""The chain as one graph: decoding, detection, patches, features, probabilities, abnormality.

What `Chain.analyze` does step by step, by the same functions wherever those are TensorFlow's.
"""

import numpy as np
import tensorflow as tf

from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.calibration import ABOVE_HALF, HIGHEST_OUTPUT, LOWEST_OUTPUT, Calibration
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.detection import graph as detection_graph
from rbc_tf.features import crops
from rbc_tf.features.extractor import BATCH_SIZE
from rbc_tf.inference.chain import Parts
from rbc_tf.inference.serving import decoding
from rbc_tf.manifest.manifest import Manifest
from rbc_tf.metrics.multilabel import PLAIN_THRESHOLD

BYTES_SIGNATURE, TENSOR_SIGNATURE = "serving_default", "image_tensor"
BYTES_INPUT, TENSOR_INPUT = "image_bytes", "image_tensor"


class ServedChain(tf.Module):
    """The parts of a bundle as two functions, for SavedModel's signatures.

    Both take a batch and return, for B images, M places for detections and T types:

        num_detections        int32 [B]; what lies in later places is padding: 0 and false
        boxes                 float32 [B, M, 4] (ymin, xmin, ymax, xmax) in pixels of the image
        scores                float32 [B, M], best first
        probabilities         float32 [B, M, T], calibrated
        labels                bool [B, M, T], types that are predicted; see `Calibration.labels`
        abnormal_probability  float64 [B, M]
        abnormal              bool [B, M], abnormal probability above its threshold

    Images are taken one after the other, and patches in batches, so that memory does not grow
    with either.

    Attributes:
        max_detections: M.
        largest_image: (height, width) up to which images are taken; None for any size.
        intensity: range of images of 16 bits; None where they are refused.
    """

    def __init__(
        self,
        parts: Parts,
        manifest: Manifest,
        largest_image: tuple[int, int] | None = None,
        intensity: IntensityRange | None = None,
    ):
        """Takes the range of images of 16 bits, which are refused without.

        Raises ValueError where the detector does not fix how many detections it has at most.
        """
        super().__init__(name="rbc_tf")
        self.largest_image = largest_image
        self.intensity = intensity
        outputs = parts.detector.signature.structured_outputs
        self.max_detections = outputs["detection_scores"].shape[1]
        if self.max_detections is None:
            raise ValueError(
                "A detector with a fixed number of places for detections is required; export it "
                "again with rbc_tf export-detector. Received: one that leaves the number open"
            )
        self._manifest = manifest
        self._detect = parts.detector.signature
        self._classifier = parts.classifier
        self._backbone = parts.backbone
        # SavedModel stores what the module holds. Only the values: with the layers their
        # training functions would be stored as well, and loading would take several times longer.
        models = (parts.backbone.model, parts.classifier.heads)
        self.weights = [
            *parts.detector.signature.variables,
            *(variable.value for model in models for variable in model.variables),
        ]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, BYTES_INPUT)])
    def analyze_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Images as the bytes of JPEG, PNG or BMP files, of any and of different sizes."""
        return self._map(
            lambda content, place: self.analyze(
                decoding.decode(content, self.intensity, place), place
            ),
            image_bytes,
        )

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, TENSOR_INPUT)])
    def analyze_tensor(self, image_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        """Images uint8 [B, H, W, 3] RGB of one size."""
        return self._map(self.analyze, image_tensor)

    def signatures(self) -> dict:
        """What `tf.saved_model.save` takes."""
        return {BYTES_SIGNATURE: self.analyze_bytes, TENSOR_SIGNATURE: self.analyze_tensor}

    def _map(self, analyze, images: tf.Tensor) -> dict[str, tf.Tensor]:
        places, types = self.max_detections, len(self._manifest.cell_types)
        answer = {
            "num_detections": tf.TensorSpec([], tf.int32),
            "boxes": tf.TensorSpec([places, 4], tf.float32),
            "scores": tf.TensorSpec([places], tf.float32),
            "probabilities": tf.TensorSpec([places, types], tf.float32),
            "labels": tf.TensorSpec([places, types], tf.bool),
            "abnormal_probability": tf.TensorSpec([places], tf.float64),
            "abnormal": tf.TensorSpec([places], tf.bool),
        }
        numbers = tf.range(tf.shape(images)[0])
        return tf.map_fn(
            lambda image_and_place: analyze(*image_and_place),
            (images, numbers),
            fn_output_signature=answer,
            parallel_iterations=1,
        )

    # A function of its own, so that it is stored once for both signatures.
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8, "image"),
            tf.TensorSpec([], tf.int32, "place"),
        ]
    )
    def analyze(self, image: tf.Tensor, place: tf.Tensor) -> dict[str, tf.Tensor]:
        """One image uint8 [H, W, 3] RGB: as above, without B; errors name its place."""
        height, width = tf.unstack(tf.shape(image)[:2])
        with tf.control_dependencies(self._checks(height, width, place)):
            image = tf.identity(image)
        detected = self._detect(inputs=detection_graph.limit_aspect(image[None]))
        boxes, scores = detection_graph.in_source_pixels(
            detected, 0, height, width, self._manifest.score_threshold
        )
        found = {"boxes": boxes, "scores": scores, **self._classify(image, boxes)}
        padding = self.max_detections - tf.shape(scores)[0]
        padded = {
            name: tf.pad(value, [[0, padding], *[[0, 0]] * (value.shape.rank - 1)])
            for name, value in found.items()
        }
        return {"num_detections": tf.shape(scores)[0], **padded}

    def _checks(self, height: tf.Tensor, width: tf.Tensor, place: tf.Tensor) -> list[tf.Operation]:
        where = [decoding.AT_PLACE, place]
        has_pixels = (height > 0) & (width > 0)
        # As in the predictor. In 8 bytes: the sides may be large.
        pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
        most = (
            f"an image of at most {detection_graph.MOST_PIXELS:,} pixels is required; cut it into "
            "tiles. Received: height, width:"
        )
        is_small = pixels <= detection_graph.MOST_PIXELS
        checks = [
            tf.debugging.Assert(has_pixels, ["an image must have pixels", *where]),
            tf.debugging.Assert(is_small, [most, height, width, *where]),
        ]
        if self.largest_image is not None:
            most_high, most_wide = self.largest_image
            message = (
                f"an image of at most {most_high} x {most_wide} pixels (height x width) is "
                "required: in a larger one the detector, which scales images to its input, would "
                "miss cells. Cut it into tiles, or use rbc_tf analyze, which does. Received:"
            )
            fits = (height <= most_high) & (width <= most_wide)
            checks.append(tf.debugging.Assert(fits, [message, height, width, *where]))
        return checks

    def _classify(self, image: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self._classifier.heads(self._features(image, boxes), training=False)
        calibration = self._classifier.calibration
        probabilities = calibrated_probabilities(calibration, outputs)
        abnormal = abnormal_probability(self._classifier.abnormality, outputs)
        return {
            "probabilities": probabilities,
            "labels": labels(calibration, probabilities),
            "abnormal_probability": abnormal,
            "abnormal": abnormal > self._manifest.abnormal_threshold,
        }

    def _features(self, image: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """float32 [N, D], in the batches of `FeatureExtractor`."""
        num_batches = -(-tf.shape(boxes)[0] // BATCH_SIZE)
        parts = tf.TensorArray(
            tf.float32,
            num_batches,
            infer_shape=False,  # the last batch is smaller
            element_shape=[None, self._backbone.feature_dim],
        )

        colour = crops.background_colour(image, self._manifest.crop)

        def add(number, parts):
            batch = boxes[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
            patches = crops.cut_patches(image, batch, self._manifest.crop, colour)
            features = self._backbone.model(patches, training=False)
            return number + 1, parts.write(number, features)

        _, parts = tf.while_loop(
            lambda number, _: number < num_batches, add, (0, parts), parallel_iterations=1
        )
        return parts.concat()


def labels(calibration: Calibration, probabilities: tf.Tensor) -> tf.Tensor:
    """bool [N, T], as `Calibration.labels`."""
    thresholds = tf.constant(calibration.thresholds, tf.float64)
    above = tf.cast(probabilities, tf.float64) > thresholds
    if not calibration.at_least_one:
        return above
    best = tf.one_hot(tf.argmax(probabilities, axis=1), len(calibration.thresholds), True, False)
    return tf.where(tf.reduce_any(above, axis=1, keepdims=True), above, best)


def calibrated_probabilities(calibration: Calibration, outputs: tf.Tensor) -> tf.Tensor:
    """float32 [N, T], calibrated probabilities of outputs float32 [N, T] of the heads.

    As `Calibration.apply`.
    """
    temperatures = np.array(calibration.temperatures)
    clipped = tf.clip_by_value(
        tf.cast(outputs, tf.float64), np.float64(LOWEST_OUTPUT), np.float64(HIGHEST_OUTPUT)
    )
    logits = tf.math.log(clipped) - tf.math.log1p(-clipped)
    scaled = tf.cast(tf.sigmoid(logits / temperatures), tf.float32)
    probabilities = tf.where(temperatures == 1, outputs, scaled)
    return tf.where(outputs > PLAIN_THRESHOLD, tf.maximum(probabilities, ABOVE_HALF), probabilities)


def abnormal_probability(model: AbnormalityModel, outputs: tf.Tensor) -> tf.Tensor:
    """float64 [N], the probability of any abnormal type, of outputs float32 [N, T] of the heads.

    As `AbnormalityModel.predict`. All patches go down all trees at once, one level at each step;
    who has reached a leaf stays.
    """
    rows = tf.shape(outputs)[0]
    nodes = tf.tile(tf.constant(model.roots)[None], [rows, 1])
    for _ in range(model.depth):
        seen = tf.gather(outputs, tf.gather(model.feature, nodes), axis=1, batch_dims=1)
        goes_left = tf.cast(seen, tf.float64) <= tf.gather(model.threshold, nodes)
        left, right = tf.gather(model.left, nodes), tf.gather(model.right, nodes)
        is_leaf = left < 0
        nodes = tf.where(is_leaf, nodes, tf.where(goes_left, left, right))
    total = tf.reduce_sum(tf.gather(model.value, nodes), axis=1)
    return tf.sigmoid(model.baseline + model.learning_rate * total)
