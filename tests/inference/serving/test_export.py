"""The chain as a SavedModel, of the smallest parts (`tiny_bundle`)."""

import json
import pathlib
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER
from rbc_tf.inference.chain import Chain
from rbc_tf.inference.serving import export, verify, warmup
from tests import tiny_bundle

_RANKS = {
    "num_detections": 1,
    "boxes": 3,
    "scores": 2,
    "probabilities": 3,
    "labels": 3,
    "abnormal_probability": 2,
    "abnormal": 2,
}


def _png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("parts"))


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
    images = [tiny_bundle.image(n, *size) for n, size in zip((0, 1, 2, 200, 3), sizes, strict=True)]
    answer = _ask(model, "serving_default", [_png(image) for image in images])
    counts = [_check(answer, row, image, chain) for row, image in enumerate(images)]
    assert counts[:4] == [0, 1, 2, tiny_bundle.MOST_FOUND]
    assert {name: values.ndim for name, values in answer.items()} == _RANKS
    # Patches differ in all that is compared, so that a wrong one would be seen.
    for name in ("probabilities", "labels", "abnormal_probability", "abnormal"):
        assert len(np.unique(answer[name][3, : tiny_bundle.MOST_FOUND], axis=0)) > 1, name


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pixels(model, chain, count):
    images = [tiny_bundle.image(7 + n) for n in range(count)]
    images = np.array(images, np.uint8).reshape(count, 48, 64, 3)
    answer = _ask(model, "image_tensor", images)
    for row, image in enumerate(images):
        assert _check(answer, row, image, chain) == 7 + row
    assert {len(values) for values in answer.values()} == {count}
    assert answer["boxes"].shape == (count, tiny_bundle.PLACES, 4)


def test_no_files(model):
    answer = _ask(model, "serving_default", np.array([], object))
    assert answer["labels"].shape == (0, tiny_bundle.PLACES, len(PAPER))


def test_large_images_are_refused_where_the_chain_would_cut_them(model, chain, bundle, tmp_path):
    assert chain.tiles.cut(60, 80).shape == (1, 4)
    for size in ((61, 80), (60, 81)):
        assert len(chain.tiles.cut(*size)) > 1
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most 60 x 80 pixels"):
            _ask(model, "image_tensor", tiny_bundle.image(2, *size)[None])
    folder = export.export(bundle, tmp_path, export.ExportConfig(large_images="whole"))
    whole = tf.saved_model.load(str(folder))
    assert _ask(whole, "image_tensor", tiny_bundle.image(2, 61, 81)[None])["num_detections"] == [2]
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 40,000,000 pixels"):
        _ask(whole, "image_tensor", np.zeros((1, 20_000, 2_001, 3), np.uint8))


def test_an_image_without_pixels_is_refused(model):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have pixels"):
        _ask(model, "image_tensor", np.zeros((1, 0, 8, 3), np.uint8))


def test_what_travels_inside(model, bundle):
    # The asset is found through the model, wherever its folder lies.
    content = json.loads(pathlib.Path(model.description.asset_path.numpy().decode()).read_text())
    assert [entry["name"] for entry in content["cell_types"]] == list(PAPER.names)
    assert content["thresholds"] == list(tiny_bundle.CALIBRATION.thresholds)
    assert content["temperatures"] == list(tiny_bundle.CALIBRATION.temperatures)
    assert content["score_threshold"] == tiny_bundle.SCORE_THRESHOLD
    assert content["bundle_sha256"] == bundle.sha256
    assert content["max_detections"] == tiny_bundle.PLACES
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
    image_io.write_png(tmp_path / "large.png", tiny_bundle.image(2, 61, 80))
    settings = export.ExportConfig(warmup_image=str(tmp_path / "large.png"))
    with pytest.raises(image_io.ImageError, match=r"large\.png: .* 60 x 80"):
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
    image_io.write_png(images["a.png"], tiny_bundle.image(5))
    image_io.write_png(images["large.png"], tiny_bundle.image(5, 100, 100))
    monkeypatch.setattr(verify, "Chain", _OtherChain)
    found = verify.compare(bundle, served, images)
    assert not found.is_equal
    assert found.differences["probabilities"] == pytest.approx(0.01, abs=1e-4)
    assert np.isnan(found.differences["abnormal_probability"])
    assert found.differences["boxes"] < 1e-4
    assert (found.num_images, found.num_regions) == (1, 5)
    assert "at most 60 x 80 pixels" in found.refused["large.png"]
    assert found.foreign_modules == found.unequal == ()
    assert "NOT equal" in verify.report(found)


@pytest.mark.slow
def test_tensorflows_own_tool_runs_it(served, model, tmp_path):
    np.save(tmp_path / "files.npy", np.array([_png(tiny_bundle.image(3))]))
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
    expected = _ask(model, "serving_default", [_png(tiny_bundle.image(3))])
    for name, values in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), values, atol=1e-5)


def test_only_a_model_of_the_bundle_is_compared(bundle, served, tmp_path):
    with pytest.raises(ValueError, match="holds no exported chain"):
        verify.compare(bundle, tmp_path, {})
    with pytest.raises(ValueError, match="at other thresholds"):
        verify.compare(bundle.with_plain_thresholds(), served, {})


@pytest.mark.slow
def test_a_model_that_does_not_run_says_why(bundle, served, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(served / "assets", broken / "assets")
    with pytest.raises(ValueError, match=r"(?s)run by TensorFlow alone.*does not exist"):
        verify.compare(bundle, broken, {})
