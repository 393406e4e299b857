"""A bundle of parts as small as they can be, made in a second: a detector that finds as many
regions as the first value of an image says, and a backbone of one convolution.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.calibration import Calibration
from rbc_tf.classification.classifier import Classifier
from rbc_tf.classification.heads import HEADS_LAYER, HeadsConfig, build_heads
from rbc_tf.core.cell_types import PAPER
from rbc_tf.features.backbone import Backbone
from rbc_tf.features.backbones import resnet50
from rbc_tf.features.crops import CropConfig
from rbc_tf.inference import bundle as bundles
from rbc_tf.manifest.manifest import Manifest

# More than a batch of patches, and more than the threshold lets through.
PLACES = 40
SCORE_THRESHOLD = 0.3
# Scores fall by 0.02 from 0.99 on: those of the first 35 places are above 0.3.
MOST_FOUND = 35
TRAINING_SIZE = (48, 64)

# These thresholds, and those of the trees below, lie among what the heads answer for patches.
CALIBRATION = Calibration((1.0, 2.0, 0.5, 1.0, 1.5, 3.0), (0.913, 0.475, 0.4, 0.82, 0.5, 0.42))


def image(count, height=48, width=64):
    """uint8 [height, width, 3] of noise, in which the detector finds `count` regions."""
    pixels = np.random.default_rng(count).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[0, 0, 0] = count
    return pixels


def write(folder: pathlib.Path) -> bundles.Bundle:
    """Writes the parts and the bundle below a folder."""
    manifest = Manifest(
        cell_types=PAPER,
        crop=CropConfig(mode="letterbox", size=32),
        calibration=CALIBRATION,
        threshold_objective="f1",
        score_threshold=SCORE_THRESHOLD,
    )
    return bundles.write_bundle(folder / "bundle", _write_parts(folder), manifest)


class _Detector(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")])
    def detect(self, inputs):
        batch = tf.shape(inputs)[0]
        size = tf.cast(tf.shape(inputs)[1:3], tf.float32)
        steps = tf.range(PLACES, dtype=tf.float32)[:, None] / (2 * PLACES)
        boxes = tf.concat([steps * size, (steps + 0.4) * size], axis=1)
        scale = tf.constant([2.0, 0.5])
        places = tf.tile((boxes * tf.tile(scale, [2]))[None], [batch, 1, 1])
        scores = tf.tile(0.99 - 0.02 * tf.range(PLACES, dtype=tf.float32)[None], [batch, 1])
        info = tf.tile(tf.stack([size, size, scale, 0 * scale])[None], [batch, 1, 1])
        return {
            "detection_boxes": tf.ensure_shape(places, [None, PLACES, 4]),
            "detection_scores": tf.ensure_shape(scores, [None, PLACES]),
            "num_detections": tf.minimum(tf.cast(inputs[:, 0, 0, 0], tf.int32), PLACES),
            "image_info": info,
        }


def _write_parts(folder):
    detector = _Detector()
    signatures = {"serving_default": detector.detect}
    tf.saved_model.save(detector, str(folder / "detector"), signatures=signatures)
    record = {"training_image_size": TRAINING_SIZE, "largest_training_region": [20, 20]}
    (folder / "detector" / "detector.json").write_text(json.dumps(record))

    patches = keras.Input((32, 32, 3))
    values = keras.layers.Conv2D(8, 5, strides=4, activation="relu", kernel_initializer="ones")(
        keras.layers.Rescaling(1 / 199)(patches)
    )
    network = keras.Model(patches, keras.layers.GlobalAveragePooling2D()(values))
    Backbone(resnet50.BACKBONE.with_preprocessing(network)).save(folder / "backbone.keras")

    heads = build_heads(PAPER.names, 8, HeadsConfig(hidden_units=4))
    layer = heads.get_layer(HEADS_LAYER)
    layer.hidden_bias.assign(np.ones((len(PAPER), 4)))
    layer.output_bias.assign(np.linspace(-0.5, 0.5, len(PAPER)))
    trees = AbnormalityModel(
        names=PAPER.names,
        baseline=0.1,
        learning_rate=1.0,
        roots=[0, 3],
        feature=[0, 0, 0, 5, 0, 0],
        threshold=[0.913, 0, 0, 0.284, 0, 0],
        left=[1, -1, -1, 4, -1, -1],
        right=[2, -1, -1, 5, -1, -1],
        value=[0.0, -1.0, 0.3, 0.0, -0.7, 0.9],
    )
    Classifier(PAPER, heads, CALIBRATION, trees, {}).save(folder / "classifier")
    return bundles.Parts(folder / "detector", folder / "backbone.keras", folder / "classifier")
