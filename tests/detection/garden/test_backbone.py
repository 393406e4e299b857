"""The weights that a backbone starts from."""

import tarfile

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.detection.garden import backbone, configs, experiments, parameters, task


@pytest.fixture
def archive(tmp_path):
    """A tiny resnet-x.tar.gz, laid out as the published one: a folder with one checkpoint."""
    source = tmp_path / "source" / "resnet-x"
    tf.train.Checkpoint(weight=tf.Variable(3.0)).write(str(source / "ckpt-7"))
    path = tmp_path / "resnet-x.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(source, arcname="resnet-x")
    return path


def test_archive_is_fetched_once(archive, tmp_path):
    cache = tmp_path / "cache"
    found = backbone.fetch(archive.as_uri(), cache)
    weight = tf.Variable(0.0)
    tf.train.Checkpoint(weight=weight).read(found).assert_consumed()
    assert weight.numpy() == 3.0
    archive.unlink()
    assert backbone.fetch(archive.as_uri(), cache) == found
    # Neither the archive nor a half unpacked folder stays.
    assert [path.name for path in cache.iterdir()] == ["resnet-x"]
    assert not list(cache.rglob("*.tar.gz"))


def test_without_a_network_the_ways_out_are_named(tmp_path):
    url = (tmp_path / "absent.tar.gz").as_uri()
    with pytest.raises(ConnectionError, match="--backbone_checkpoint=none") as error:
        backbone.fetch(url, tmp_path / "cache")
    assert url in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_damaged_archive_is_refused_and_not_kept(tmp_path):
    path = tmp_path / "damaged.tar.gz"
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=r"must be a \.tar\.gz"):
        backbone.fetch(path.as_uri(), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_archive_without_checkpoint_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("no weights")
    path = tmp_path / "empty.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(tmp_path / "note.txt", arcname="note.txt")
    with pytest.raises(ValueError, match="one checkpoint"):
        backbone.fetch(path.as_uri(), tmp_path / "cache")


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_named_checkpoint_is_found(tmp_path, as_folder):
    saved = tf.train.Checkpoint(weight=tf.Variable(1.0)).save(str(tmp_path / "ckpt"))
    named = str(tmp_path) if as_folder else saved
    assert backbone.checkpoint(configs.RegionDetectionTask(init_checkpoint=named)) == saved


def test_a_missing_checkpoint_is_named(tmp_path):
    for named in (str(tmp_path), str(tmp_path / "ckpt-3")):
        with pytest.raises(FileNotFoundError, match=named):
            backbone.checkpoint(configs.RegionDetectionTask(init_checkpoint=named))


def test_random_weights_need_no_checkpoint():
    assert backbone.checkpoint(configs.RegionDetectionTask(init_checkpoint="")) == ""


def test_imagenet_is_published_for_some_depths_only():
    task = configs.RegionDetectionTask()
    task.model.backbone.override({"type": "resnet", "resnet": {"model_id": 18}})
    with pytest.raises(ValueError, match="resnet 18"):
        backbone.checkpoint(task)


def test_imagenet_comes_from_model_garden(monkeypatch, tmp_path):
    monkeypatch.setenv("RBC_TF_CACHE_DIR", str(tmp_path))
    asked = []
    monkeypatch.setattr(backbone, "fetch", lambda url, folder: asked.append((url, folder)) or "x")
    task = configs.RegionDetectionTask()
    task.model.backbone.override({"type": "resnet", "resnet": {"model_id": 101}})
    assert backbone.checkpoint(task) == "x"
    url = "https://storage.googleapis.com/tf_model_garden/vision/resnet/resnet-101-i224.tar.gz"
    assert asked == [(url, tmp_path)]


@pytest.mark.slow
def test_backbone_alone_is_loaded_and_said_not_to_be_imagenet(tmp_path, caplog):
    settings = parameters.build(
        parameters.Sources(
            experiments.FPN,
            params_override="{task: {model: {input_size: [64, 64, 3], "
            "backbone: {resnet: {model_id: 10}}, decoder: {fpn: {num_filters: 8}}}}}",
            backbone_checkpoint=str(tmp_path),
        )
    ).task
    trained, fresh = (task.RegionDetection(settings).build_model() for _ in range(2))
    # As a classification run leaves it: the backbone beside other things.
    saved = tf.train.Checkpoint(backbone=trained.backbone, other=tf.Variable(1.0))
    saved.save(str(tmp_path / "ckpt"))
    head = fresh.rpn_head.get_weights()
    task.RegionDetection(settings).initialize(fresh)
    for loaded, expected in zip(
        fresh.backbone.get_weights(), trained.backbone.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(loaded, expected)
    np.testing.assert_array_equal(fresh.rpn_head.get_weights()[0], head[0])
    assert "NOT the paper's start" in caplog.text
