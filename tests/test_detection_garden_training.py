"""Training, going on after an interruption, evaluation and export, on images of 64 x 64."""

import dataclasses
import json
import pathlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.detection.garden import experiments, export, parameters, train
from rbc_tf.detection.predictor import DetectorPredictor

_SIDE = 64
_SETTINGS = {
    "runtime": {"mixed_precision_dtype": "float32"},
    "task": {
        "init_checkpoint": "",
        "summary_images": 1,
        "model": {
            "input_size": [_SIDE, _SIDE, 3],
            "min_level": 3,
            "max_level": 4,
            "backbone": {"type": "resnet", "resnet": {"model_id": 18}},
            "decoder": {"type": "fpn", "fpn": {"num_filters": 16}},
            "rpn_head": {"num_filters": 16},
            "anchor": {"anchor_size": 2.0},
            "detection_head": {"num_convs": 0, "num_fcs": 1, "fc_dims": 16},
            "roi_sampler": {"num_sampled_rois": 16},
            "detection_generator": {"pre_nms_score_threshold": 0.0, "max_num_detections": 120},
        },
        "train_data": {"global_batch_size": 2, "parser": {"max_num_instances": 120}},
        "validation_data": {"global_batch_size": 2, "parser": {"max_num_instances": 120}},
    },
    "trainer": {
        "train_epochs": 0,
        "train_steps": 2,
        "steps_per_loop": 1,
        "summary_interval": 1,
        "checkpoint_interval": 1,
        "validation_interval": 2,
        "optimizer_config": {
            "learning_rate": {"type": "cosine", "cosine": {"initial_learning_rate": 0.01}},
            "warmup": {"type": "linear", "linear": {"warmup_steps": 1}},
        },
    },
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    sizes = {name: _write_records(folder, name) for name in ("train", "validation", "test")}
    (folder / "records.json").write_text(json.dumps({"splits": sizes}))
    # JSON is YAML.
    return parameters.Sources(
        experiments.FPN, params_override=json.dumps(_SETTINGS), records_dir=str(folder)
    )


@pytest.fixture(scope="module")
def model_dir(sources, tmp_path_factory):
    """A run of two steps."""
    folder = str(tmp_path_factory.mktemp("run"))
    train.run(sources, "train_and_eval", folder)
    return folder


def test_a_run_leaves_settings_scores_checkpoints_and_images(model_dir):
    best = json.loads((pathlib.Path(model_dir) / "best" / "info.json").read_text())
    assert {"AP", "AP50", "AP75", "AR"} <= set(best)
    assert 0 <= best["AP"] <= best["AP50"] <= 1
    assert best["best_ckpt_global_step"] == 2
    recorded = pathlib.Path(model_dir, "params.yaml").read_text()
    assert "experiment: rbc_fasterrcnn_resnet_fpn" in recorded
    tags = _image_tags(pathlib.Path(model_dir) / "validation_images")
    assert tags == {"regions/0"}


def test_scores_of_another_split_are_written(sources, model_dir):
    # The settings come from params.yaml, as nothing but the experiment is said.
    named = parameters.Sources(sources.experiment)
    scores = train.run(named, "eval", model_dir, evaluation_split="test")
    report = json.loads((pathlib.Path(model_dir) / "metrics-test.json").read_text())
    assert {name: report[name] for name in scores} == scores
    # Three images in batches of two: the last one counts too.
    assert (report["split"], report["num_images"], report["step"]) == ("test", 3, 2)


def test_an_export_answers_in_source_pixels(model_dir, tmp_path):
    export.run(parameters.Sources(""), model_dir, "", str(tmp_path / "exported"))
    provenance = json.loads((tmp_path / "exported" / "detector.json").read_text())
    assert provenance["input_image_size"] == [_SIDE, _SIDE]
    assert provenance["step"] == 2
    # Two discs of 19 pixels in each image.
    assert provenance["training_image_size"] == [_SIDE, _SIDE]
    assert list(provenance["records"]) == ["train", "validation"]
    for size in provenance["records"].values():
        assert size["num_boxes"] == 2 * size["num_images"] > 0
    assert provenance["largest_training_region"] == [19, 19]
    assert provenance["validation"]["best_ckpt_global_step"] == 2
    predictor = DetectorPredictor(tmp_path / "exported", score_threshold=0.0)
    image = _smear(np.random.default_rng(0))[0]
    small = predictor.predict(image)
    assert len(small) > 0
    # Four times the size, halved twice inside the graph, is the same picture: boxes times 4.
    large = predictor.predict(np.repeat(np.repeat(image, 4, axis=0), 4, axis=1))
    np.testing.assert_allclose(large.boxes, 4 * small.boxes, atol=1.0)
    assert len(predictor.predict(image[:1, :1])) <= 120


def test_an_export_replaces_no_other_folder(model_dir):
    with pytest.raises(ValueError, match="holds other files"):
        export.run(parameters.Sources(""), model_dir, "", model_dir)
    assert pathlib.Path(model_dir, "params.yaml").is_file()


def test_a_stopped_run_goes_on(sources, model_dir, caplog):
    longer = json.loads(sources.params_override)
    longer["trainer"]["train_steps"] = 3
    goes_on = dataclasses.replace(sources, params_override=json.dumps(longer))
    caplog.set_level("INFO", logger="absl")
    train.run(goes_on, "train_and_eval", model_dir)
    assert f"restored from checkpoint: {model_dir}/ckpt-2" in caplog.text
    assert tf.train.latest_checkpoint(model_dir).endswith("ckpt-3")


def test_single_level_trains(sources, tmp_path):
    settings = json.loads(sources.params_override)
    settings["trainer"].update(train_steps=1, optimizer_config={})
    settings["task"]["model"].update(min_level=4, max_level=4, decoder={"type": "identity"})
    single_level = dataclasses.replace(
        sources, experiment=experiments.STRIDE16, params_override=json.dumps(settings)
    )
    assert train.run(single_level, "train", str(tmp_path)) == {}
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("ckpt-1")


def _smear(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [64, 64, 3] with two dark discs, and their boxes as shares of the side."""
    image = np.full((_SIDE, _SIDE, 3), 220, np.uint8)
    centres = np.array([[16, 16], [44, 44]]) + random.integers(-4, 5, (2, 2))
    for y, x in centres.tolist():
        cv2.circle(image, (x, y), 9, (150, 60, 90), -1)
    return image, np.concatenate([centres - 9, centres + 10], axis=1) / _SIDE


def _write_records(folder: pathlib.Path, split: str, num_images: int = 3) -> dict:
    random = np.random.default_rng(len(split))
    with tf.io.TFRecordWriter(str(folder / f"{split}-00000-of-00001")) as writer:
        for source_id in range(num_images):
            writer.write(_example(source_id, *_smear(random)).SerializeToString())
    return {"num_images": num_images, "num_boxes": 2 * num_images, "max_boxes": 2}


def _example(source_id: int, image: np.ndarray, boxes: np.ndarray) -> tf.train.Example:
    ymin, xmin, ymax, xmax = boxes.T
    values = {
        "image/encoded": [cv2.imencode(".png", image[..., ::-1])[1].tobytes()],
        "image/format": [b"png"],
        "image/height": [_SIDE],
        "image/width": [_SIDE],
        "image/filename": [b"smear.png"],
        "image/source_id": [str(source_id).encode()],
        "image/object/bbox/ymin": ymin,
        "image/object/bbox/xmin": xmin,
        "image/object/bbox/ymax": ymax,
        "image/object/bbox/xmax": xmax,
        "image/object/class/text": [b"region"] * len(boxes),
        "image/object/class/label": [1] * len(boxes),
        "image/object/is_crowd": [0] * len(boxes),
        "image/object/area": (ymax - ymin) * (xmax - xmin) * _SIDE**2,
    }
    return tf.train.Example(
        features=tf.train.Features(feature={key: _feature(v) for key, v in values.items()})
    )


def _feature(values) -> tf.train.Feature:
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _image_tags(folder: pathlib.Path) -> set[str]:
    tags = set()
    for path in folder.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    return tags
