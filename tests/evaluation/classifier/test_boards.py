"""What is written for TensorBoard, read back as TensorBoard reads it."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from werkzeug.test import Client

from rbc_tf.core import image_io
from rbc_tf.evaluation.classifier import (
    label_sets_board as label_sets,
)
from rbc_tf.evaluation.classifier import (
    patches_board as patches,
)
from rbc_tf.evaluation.classifier import (
    projector,
)
from rbc_tf.evaluation.classifier import types_board as types_log
from rbc_tf.evaluation.classifier.scores import ClassifiedRegions
from rbc_tf.figures.drawing.predicted_patches import PredictedPatch
from rbc_tf.metrics.label_sets import confusion
from tests import builders

NAMES = ("Oval", "Elon")


def _written(folder, write, *arguments):
    with tf.summary.create_file_writer(str(folder)).as_default():
        write(*arguments)
    return builders.summaries_by_tag(folder)


def _image(value):
    return tf.io.decode_png(tf.make_ndarray(value.tensor)[2]).numpy()


def _regions():
    return ClassifiedRegions(
        outputs=np.zeros((4, 2), np.float32),
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.6], [0.1, 0.9]], np.float32),
        abnormal=np.zeros(4),
        labels=np.array([[1, 0], [0, 0], [1, 0], [0, -1]], np.int8),
        num_cells=np.ones(4, int),
        groups=np.array(["g"] * 4),
    )


def test_types_are_told_in_curves_and_a_table(tmp_path):
    found = _written(tmp_path, types_log.write_types, _regions(), NAMES, (0.5, 0.7), "validation")
    # No patch has Elon: a row, but no curve.
    curves = [tag for plugin, tag in found if plugin == "pr_curves"]
    assert curves == ["types/Oval/pr_curves"]
    about = found["pr_curves", "types/Oval/pr_curves"].metadata.summary_description
    assert "2 of 4 validation patches have it: guessing has precision 0.500" in about
    assert "At its threshold, 0.500, precision is 0.500 and recall 0.500" in about
    rows = builders.text_of(found["text", "types"]).splitlines()
    assert "| Oval | 2 | 2 | 0.750 | 0.833 | 0.500 | 0.500 | 0.500 |" in rows
    assert "| Elon | 0 | 3 | - | - | 0.700 | - | - |" in rows


def _confusion():
    truth = np.array([[1, 0], [1, 0], [1, 1], [0, 1]], bool)
    named = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], bool)
    return confusion(truth, named, most=3)


def test_label_sets_are_a_picture_and_a_table(tmp_path):
    found = _written(tmp_path, label_sets.write_label_sets, _confusion(), NAMES, "validation")
    value = found["images", "label_sets"]
    heading = "Sets of types, 4 completely labelled validation regions, 0.500 of them exactly right"
    assert value.metadata.summary_description == heading
    assert _image(value).shape[1] == 1417  # 180 mm at 200 dots per inch
    rows = builders.text_of(found["text", "label_sets"]).splitlines()
    assert "| Oval | 2 | 0.500 | none (1) |" in rows
    assert "| Elon | 1 | 1.000 | - |" in rows


def test_cells_have_the_colour_of_their_share():
    figure = label_sets.draw(_confusion(), NAMES, "validation")
    (axes,) = figure.axes
    shares = axes.images[0].get_array()
    # Of the two true Oval one is right; all of the other rows is in one cell, or the row is empty.
    assert shares[0].max() == 0.5
    assert set(shares.sum(axis=1)) <= {0.0, 1.0}
    numbers = [int(text.get_text()) for text in axes.texts]
    assert sum(numbers) == 4


@pytest.mark.parametrize("count", [0, 1, 7])
def test_worst_patches_come_in_pages_of_six(tmp_path, count):
    answers = [
        PredictedPatch(
            np.full((8, 8, 3), 200, np.uint8),
            f"smear{i}",
            1,
            np.array([1, 0], np.int8),
            np.array([0.2, 0.8]),
        )
        for i in range(count)
    ]
    worst = [patches.WorstPatch(a, (1.0, 2.0, 30.0, 40.5), 5.0 - i) for i, a in enumerate(answers)]
    arguments = ("worst", worst, NAMES, np.array([0.5, 0.5]), "Worst of all")
    found = _written(tmp_path, patches.write_worst_patches, *arguments)
    pages = {tag: value for (plugin, tag), value in found.items() if plugin == "images"}
    assert list(pages) == [f"worst/{page + 1}" for page in range(-(-count // 6))]
    assert (("text", "worst") in found) == (count > 0)
    if count == 7:
        about = [value.metadata.summary_description for value in pages.values()]
        assert about == [
            "Worst of all: 1 to 6, losses 5.00 to 0.00",
            "Worst of all: 7 to 7, losses -1.00 to -1.00",
        ]
        assert "| 7 | smear6 | 1, 2, 30, 40.5 | Oval | Elon | -1.00 |" in builders.text_of(
            found["text", "worst"]
        )


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
