"""Training, going on after an interruption, evaluation and export, on images of 64 x 64."""

import copy
import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.core.fingerprint import StaleError
from rbc_tf.detection import record
from rbc_tf.detection.garden import experiments, export, parameters, train
from rbc_tf.detection.predictor import DetectorPredictor
from tests import builders, tiny_detector

# Two steps are sooner done than made into graphs; the test of the whole chain trains in graphs.
_WITHOUT_GRAPHS = {
    "train_tf_function": False,
    "train_tf_while_loop": False,
    "eval_tf_function": False,
    "eval_tf_while_loop": False,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    tiny_detector.write_records(folder, train=3, validation=3, test=3)
    settings = copy.deepcopy(tiny_detector.SETTINGS)
    settings["trainer"] |= _WITHOUT_GRAPHS
    # JSON is YAML.
    return parameters.Sources(
        experiments.FPN, params_override=json.dumps(settings), records_dir=str(folder)
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
    pictures = builders.summaries(pathlib.Path(model_dir) / "validation_images")
    assert {value.tag for _, value in pictures} == {"regions/0"}


def test_scores_of_another_split_are_written(sources, model_dir):
    # The settings come from params.yaml, as nothing but the experiment is said.
    named = parameters.Sources(sources.experiment)
    scores = train.run(named, "eval", model_dir, evaluation_split="test")
    report = json.loads((pathlib.Path(model_dir) / "metrics-test.json").read_text())
    assert {name: report[name] for name in scores} == scores
    # Three images in batches of two: the last one counts too.
    assert (report["split"], report["num_images"], report["step"]) == ("test", 3, 2)


@pytest.mark.slow
def test_an_export_answers_in_source_pixels(model_dir, tmp_path):
    export.run(parameters.Sources(""), model_dir, "", str(tmp_path / "exported"))
    provenance = json.loads((tmp_path / "exported" / "detector.json").read_text())
    assert provenance["input_image_size"] == [tiny_detector.SIDE, tiny_detector.SIDE]
    assert provenance["step"] == 2
    # Two discs of 19 pixels in each image.
    assert provenance["training_image_size"] == [tiny_detector.SIDE, tiny_detector.SIDE]
    assert list(provenance["records"]) == ["train", "validation"]
    for size in provenance["records"].values():
        assert size["num_boxes"] == 2 * size["num_images"] > 0
    assert provenance["records"]["validation"]["images"] == [f"validation {i}" for i in range(3)]
    assert record.load(tmp_path / "exported").images == {
        f"{split} {i}" for split in ("train", "validation") for i in range(3)
    }
    assert provenance["largest_training_region"] == [19, 19]
    assert provenance["validation"]["best_ckpt_global_step"] == 2
    predictor = DetectorPredictor(tmp_path / "exported", score_threshold=0.0)
    image = tiny_detector.smear(np.random.default_rng(0))[0]
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


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (pathlib.Path.unlink, "is missing"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "is damaged"),
    ],
    ids=["missing", "empty", "cut"],
)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_no_run_begins_on_records_that_are_not_whole(sources, tmp_path, split, damage, problem):
    tiny_detector.write_records(tmp_path, train=2, validation=2)
    damage(tmp_path / f"{split}-00000-of-00001")
    broken = dataclasses.replace(sources, records_dir=str(tmp_path))
    with pytest.raises(ValueError, match=rf"split '{split}' .*{split}-00000-of-00001 {problem}"):
        train.run(broken, "train_and_eval", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_run_of_other_records_is_not_gone_on_with(sources, model_dir, tmp_path):
    before = pathlib.Path(model_dir, "params.yaml").read_bytes()
    tiny_detector.write_records(tmp_path, train=4, validation=3)
    other = dataclasses.replace(sources, records_dir=str(tmp_path))
    with pytest.raises(StaleError, match=r"(?s)the training in .*records\.train was.*--overwrite"):
        train.run(other, "train_and_eval", model_dir)
    assert pathlib.Path(model_dir, "params.yaml").read_bytes() == before


def test_a_stopped_run_goes_on(sources, model_dir, caplog):
    longer = json.loads(sources.params_override)
    longer["trainer"]["train_steps"] = 3
    goes_on = dataclasses.replace(sources, params_override=json.dumps(longer))
    caplog.set_level("INFO", logger="absl")
    train.run(goes_on, "train_and_eval", model_dir)
    assert f"restored from checkpoint: {model_dir}/ckpt-2" in caplog.text
    assert tf.train.latest_checkpoint(model_dir).endswith("ckpt-3")


@pytest.mark.slow
def test_single_level_trains(sources, tmp_path):
    settings = json.loads(sources.params_override)
    settings["trainer"].update(train_steps=1, optimizer_config={})
    settings["task"]["model"].update(min_level=4, max_level=4, decoder={"type": "identity"})
    single_level = dataclasses.replace(
        sources, experiment=experiments.STRIDE16, params_override=json.dumps(settings)
    )
    assert train.run(single_level, "train", str(tmp_path)) == {}
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("ckpt-1")
