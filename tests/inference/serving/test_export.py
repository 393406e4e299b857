"""The chain as a SavedModel, of parts as small as they can be: a detector that finds as many
regions as the first value of an image says, and a ResNet of one convolution.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from rbc_tf.classification.abnormality import AbnormalityModel
from rbc_tf.classification.calibration import Calibration
from rbc_tf.classification.classifier import Classifier
from rbc_tf.classification.heads import HEADS_LAYER, HeadsConfig, build_heads
from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.features.backbones import resnet50 as resnet
from rbc_tf.features.backbones.backbone import Backbone
from rbc_tf.features.crops import CropConfig
from rbc_tf.inference import bundle as bundles
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.serving import export, verify, warmup

# More than a batch of patches, and more than the threshold lets through.
_PLACES = 40
_SCORE_THRESHOLD = 0.3
# Scores fall by 0.02 from 0.99 on: those of the first 35 places are above 0.3.
_MOST_FOUND = 35
_TRAINING_SIZE = (48, 64)

# These thresholds, and those of the trees below, lie among what the networks say of patches.
_CALIBRATION = Calibration((1.0, 2.0, 0.5, 1.0, 1.5, 3.0), (0.913, 0.475, 0.4, 0.82, 0.5, 0.42))

_RANKS = {
    "num_detections": 1,
    "boxes": 3,
    "scores": 2,
    "probabilities": 3,
    "labels": 3,
    "abnormal_probability": 2,
    "abnormal": 2,
}


class _Detector(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")])
    def detect(self, inputs):
        batch = tf.shape(inputs)[0]
        size = tf.cast(tf.shape(inputs)[1:3], tf.float32)
        steps = tf.range(_PLACES, dtype=tf.float32)[:, None] / (2 * _PLACES)
        boxes = tf.concat([steps * size, (steps + 0.4) * size], axis=1)
        scale = tf.constant([2.0, 0.5])
        places = tf.tile((boxes * tf.tile(scale, [2]))[None], [batch, 1, 1])
        scores = tf.tile(0.99 - 0.02 * tf.range(_PLACES, dtype=tf.float32)[None], [batch, 1])
        info = tf.tile(tf.stack([size, size, scale, 0 * scale])[None], [batch, 1, 1])
        return {
            "detection_boxes": tf.ensure_shape(places, [None, _PLACES, 4]),
            "detection_scores": tf.ensure_shape(scores, [None, _PLACES]),
            "num_detections": tf.minimum(tf.cast(inputs[:, 0, 0, 0], tf.int32), _PLACES),
            "image_info": info,
        }


def _image(count, height=48, width=64):
    image = np.random.default_rng(count).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image[0, 0, 0] = count
    return image


def _png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def _write_parts(folder):
    detector = _Detector()
    signatures = {"serving_default": detector.detect}
    tf.saved_model.save(detector, str(folder / "detector"), signatures=signatures)
    record = {"training_image_size": _TRAINING_SIZE, "largest_training_region": [20, 20]}
    (folder / "detector" / "detector.json").write_text(json.dumps(record))

    patches = keras.Input((32, 32, 3))
    values = keras.layers.Conv2D(8, 5, strides=4, activation="relu", kernel_initializer="ones")(
        keras.layers.Rescaling(1 / 199)(patches)
    )
    network = keras.Model(patches, keras.layers.GlobalAveragePooling2D()(values))
    Backbone(resnet.with_preprocessing(network), "").save(folder / "backbone.keras")

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
    Classifier(PAPER, heads, _CALIBRATION, trees, {}).save(folder / "classifier")
    return bundles.Parts(folder / "detector", folder / "backbone.keras", folder / "classifier")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    manifest = bundles.Manifest(
        cell_types=PAPER,
        crop=CropConfig(mode="letterbox", size=32),
        calibration=_CALIBRATION,
        threshold_objective="f1",
        score_threshold=_SCORE_THRESHOLD,
    )
    return bundles.write_bundle(folder / "bundle", _write_parts(folder), manifest)


@pytest.fixture(scope="module")
def served(bundle, tmp_path_factory):
    """The folder of version 1."""
    return export.export(bundle, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def model(served):
    return tf.saved_model.load(str(served))


@pytest.fixture(scope="module")
def chain(bundle):
    return Chain(bundle)


def _ask(model, signature, value):
    answer = model.signatures[signature](tf.constant(value))
    return {name: tensor.numpy() for name, tensor in answer.items()}


def _check(answer, row, image, chain):
    """Compares one image of a batch with the chain; the number of its regions."""
    expected = chain.analyze(image)
    count = answer["num_detections"][row]
    assert count == len(expected)
    found = {name: values[row][:count] for name, values in answer.items() if values.ndim > 1}
    np.testing.assert_allclose(found["boxes"], expected.boxes, atol=1e-4)
    np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-6)
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(found["abnormal_probability"], expected.abnormal, atol=1e-5)
    np.testing.assert_array_equal(found["labels"], chain.labels(expected.probabilities))
    np.testing.assert_array_equal(found["abnormal"], expected.abnormal > 0.5)
    for name, values in answer.items():
        if values.ndim > 1:
            assert not values[row][count:].any(), name
    return count


def test_a_batch_of_files_of_different_sizes(model, chain):
    sizes = [(48, 64), (60, 80), (30, 33), (48, 64), (1, 1)]
    images = [_image(n, *size) for n, size in zip((0, 1, 2, 200, 3), sizes, strict=True)]
    answer = _ask(model, "serving_default", [_png(image) for image in images])
    counts = [_check(answer, row, image, chain) for row, image in enumerate(images)]
    assert counts[:4] == [0, 1, 2, _MOST_FOUND]
    assert {name: values.ndim for name, values in answer.items()} == _RANKS
    # Patches are told apart in all that is compared, so that a wrong one would be seen.
    for name in ("probabilities", "labels", "abnormal_probability", "abnormal"):
        assert len(np.unique(answer[name][3, :_MOST_FOUND], axis=0)) > 1, name


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pixels(model, chain, count):
    images = np.array([_image(7 + n) for n in range(count)], np.uint8).reshape(count, 48, 64, 3)
    answer = _ask(model, "image_tensor", images)
    for row, image in enumerate(images):
        assert _check(answer, row, image, chain) == 7 + row
    assert {len(values) for values in answer.values()} == {count}
    assert answer["boxes"].shape == (count, _PLACES, 4)


def test_no_files(model):
    answer = _ask(model, "serving_default", np.array([], object))
    assert answer["labels"].shape == (0, _PLACES, len(PAPER))


def test_large_images_are_refused_where_the_chain_would_cut_them(model, chain, bundle, tmp_path):
    assert chain.tiles.cut(60, 80).shape == (1, 4)
    for size in ((61, 80), (60, 81)):
        assert len(chain.tiles.cut(*size)) > 1
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most 60 x 80 pixels"):
            _ask(model, "image_tensor", _image(2, *size)[None])
    folder = export.export(bundle, tmp_path, export.ExportConfig(large_images="whole"))
    whole = tf.saved_model.load(str(folder))
    assert _ask(whole, "image_tensor", _image(2, 61, 81)[None])["num_detections"] == [2]


def test_an_image_without_pixels_is_refused(model):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have pixels"):
        _ask(model, "image_tensor", np.zeros((1, 0, 8, 3), np.uint8))


def test_what_travels_inside(model, bundle):
    # The asset is found through the model, wherever its folder lies.
    content = json.loads(pathlib.Path(model.description.asset_path.numpy().decode()).read_text())
    assert [entry["name"] for entry in content["cell_types"]] == list(PAPER.names)
    assert content["thresholds"] == list(_CALIBRATION.thresholds)
    assert content["temperatures"] == list(_CALIBRATION.temperatures)
    assert content["score_threshold"] == _SCORE_THRESHOLD
    assert content["bundle_sha256"] == bundle.sha256
    assert content["max_detections"] == _PLACES
    assert content["largest_image"] == [60, 80]
    assert content["versions"]["rbc_tf"]


def test_warmup_requests_are_those_of_both_signatures(served, model):
    records = tf.data.TFRecordDataset(str(served / warmup.FILE)).as_numpy_iterator()
    asked = []
    for record in records:
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "rbc_tf"
        signature = model.signatures[request.model_spec.signature_name]
        inputs = {name: tf.constant(tf.make_ndarray(v)) for name, v in request.inputs.items()}
        answer = signature(**inputs)
        assert answer["num_detections"].shape == [1]
        asked.append((request.model_spec.signature_name, *inputs))
    assert asked == [("serving_default", "image_bytes"), ("image_tensor", "image_tensor")]


def test_the_image_to_warm_up_with_may_be_given(bundle, tmp_path):
    image_io.write_png(tmp_path / "large.png", _image(2, 61, 80))
    settings = export.ExportConfig(warmup_image=str(tmp_path / "large.png"))
    with pytest.raises(image_io.ImageError, match=r"large\.png: an image of at most 60 x 80"):
        export.export(bundle, tmp_path / "served", settings)
    assert not (tmp_path / "served").exists()


def test_versions_are_numbered_and_never_replaced(bundle, served, tmp_path):
    assert served.name == "1"
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    assert export.export(bundle, tmp_path) == tmp_path / "8"
    with pytest.raises(ValueError, match="8: exists already"):
        export.export(bundle, tmp_path, export.ExportConfig(version=8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8", "notes"]


@pytest.mark.parametrize("setting", [{"version": 0}, {"large_images": "tiles"}])
def test_other_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        export.ExportConfig(**setting)


class _OtherChain(Chain):
    """A chain that the model does not equal."""

    def classify(self, image, boxes):
        probabilities, abnormal = super().classify(image, boxes)
        return probabilities + np.float32(0.01), abnormal * np.nan


def test_what_differs_is_found(bundle, served, tmp_path, monkeypatch):
    images = {name: tmp_path / name for name in ("a.png", "large.png")}
    image_io.write_png(images["a.png"], _image(5))
    image_io.write_png(images["large.png"], _image(5, 100, 100))
    monkeypatch.setattr(verify, "Chain", _OtherChain)
    found = verify.compare(bundle, served, images)
    assert not found.is_equal
    assert found.differences["probabilities"] == pytest.approx(0.01, abs=1e-4)
    assert np.isnan(found.differences["abnormal_probability"])
    assert found.differences["boxes"] < 1e-4
    assert (found.num_images, found.num_regions) == (1, 5)
    assert "at most 60 x 80 pixels" in found.refused["large.png"]
    assert found.foreign_modules == found.unequal == ()
    assert "NOT equal" in verify.told(found)


def test_tensorflows_own_tool_runs_it(served, model, tmp_path):
    np.save(tmp_path / "files.npy", np.array([_png(_image(3))]))
    tool = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    done = subprocess.run(
        [
            *(*tool, "run", "--dir", served, "--tag_set=serve", "--signature_def=serving_default"),
            *("--inputs", f"image_bytes={tmp_path / 'files.npy'}", "--outdir", tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = _ask(model, "serving_default", [_png(_image(3))])
    for name, values in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), values, atol=1e-5)


def test_only_a_model_of_the_bundle_is_compared(bundle, served, tmp_path):
    with pytest.raises(ValueError, match="holds no exported chain"):
        verify.compare(bundle, tmp_path, {})
    with pytest.raises(ValueError, match="at other thresholds"):
        verify.compare(bundle.with_plain_thresholds(), served, {})


def test_a_model_that_does_not_run_says_why(bundle, served, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(served / "assets", broken / "assets")
    with pytest.raises(ValueError, match=r"(?s)run by TensorFlow alone.*does not exist"):
        verify.compare(bundle, broken, {})
