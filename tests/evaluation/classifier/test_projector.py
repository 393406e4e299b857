"""Points for the projector, as it serves them."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from werkzeug.test import Client

from rbc_tf.core import image_io
from rbc_tf.evaluation.classifier import projector


@pytest.mark.parametrize(("count", "side"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_thumbnails_stand_row_by_row(count, side):
    thumbnails = np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None]
    picture = projector.sprite(np.broadcast_to(thumbnails, (count, 4, 4, 3)))
    assert picture.shape == (side * 4, side * 4, 3)
    places = picture[::4, ::4, 0].ravel().tolist()
    assert places == [*range(1, count + 1), *[0] * (side * side - count)]
    assert (picture[:4, :4] == 1).all()


def test_a_sprite_that_browsers_refuse_is_refused():
    with pytest.raises(ValueError, match=r"a picture of 8192 pixels\. Received: 5 of 4000x4000"):
        projector.sprite(np.broadcast_to(np.uint8(0), (5, 4000, 4000, 3)))


def test_the_projector_serves_what_was_written(tmp_path):
    run = tmp_path / "inspection"
    features = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    columns = {"types": ["Oval", "Oval + Elon", "a\tb\nc"], "cells": [1, 2, 1]}
    thumbnails = np.full((3, 4, 4, 3), 9, np.uint8)
    with tf.summary.create_file_writer(str(run)).as_default():
        tf.summary.scalar("anything", 1.0, step=0)  # makes it a run
    projector.write_projection(run, features, columns, thumbnails)
    # TensorBoard's own plugin, without a server around it.
    runs = [types.SimpleNamespace(run_name="inspection")]
    provider = types.SimpleNamespace(list_runs=lambda context, experiment_id: runs)
    context = base_plugin.TBContext(logdir=str(tmp_path), data_provider=provider)
    apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()

    def get(route, **query):
        answer = Client(apps[route]).get(route, query_string=query)
        assert answer.status_code == 200, answer.data
        return answer.data

    assert json.loads(get("/runs")) == ["inspection"]
    (embedding,) = json.loads(get("/info", run="inspection"))["embeddings"]
    assert embedding["tensorShape"] == [3, 5]
    assert embedding["sprite"]["singleImageDim"] == [4, 4]
    asked = {"run": "inspection", "name": embedding["tensorName"]}
    served = np.frombuffer(get("/tensor", **asked), np.float32).reshape(3, 5)
    np.testing.assert_array_equal(served, features)
    assert get("/metadata", **asked).decode() == (
        "types\tcells\nOval\t1\nOval + Elon\t2\na b c\t1\n"
    )
    (tmp_path / "served.png").write_bytes(get("/sprite_image", **asked))
    picture = image_io.read_image(tmp_path / "served.png")
    assert picture.shape == (8, 8, 3)
    assert (picture[4:, :4] == 9).all()


def test_points_need_one_value_each(tmp_path):
    features, thumbnails = np.zeros((2, 3), np.float32), np.zeros((2, 4, 4, 3), np.uint8)
    for columns in ({"a": [1, 2], "b": [1]}, {"a": [1, 2]}):
        with pytest.raises(ValueError, match="two or more columns are required"):
            projector.write_projection(tmp_path, features, columns, thumbnails)
    with pytest.raises(ValueError, match="Received: 0 points"):
        projector.write_projection(tmp_path, features[:0], {"a": [], "b": []}, thumbnails[:0])
