"""Folding changes the graph and not what it answers."""

import numpy as np
import pytest
import tensorflow as tf

from rbc_tf.graphs import convolution_folding

_CHANNELS = 4


def _values(shape, seed, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def _convolution(images):
    return tf.nn.conv2d(images, tf.constant(_values((3, 3, 2, _CHANNELS), 0)), 1, "SAME")


def _per_channel(seed, low=-1.0, high=1.0):
    return tf.constant(_values(_CHANNELS, seed, low, high))


def _batch_norm(values, is_training=False):
    return tf.compat.v1.nn.fused_batch_norm(
        values,
        _per_channel(1),
        _per_channel(2),
        _per_channel(3),
        _per_channel(4, 0.5, 2.0),
        epsilon=0.01,
        is_training=is_training,
    )


def _bias_and_norm(images):
    return _batch_norm(tf.nn.bias_add(_convolution(images), _per_channel(5)))[0]


def _products_and_sums(images):
    values = _convolution(images) * tf.constant(_values((1, 1, 1, _CHANNELS), 6))
    return tf.constant(_values((1, 1, _CHANNELS), 7)) + (values + 3.0) * 0.5


def _bias_alone(images):
    return tf.nn.bias_add(_convolution(images), _per_channel(5))


def _used_twice(images):
    values = _convolution(images)
    return _batch_norm(values)[0] + tf.nn.relu(values)


def _in_training(images):
    return _batch_norm(_convolution(images), is_training=True)[0]


def _statistics_asked_for(images):
    values, mean, _ = _batch_norm(_convolution(images))
    return values + mean


def _product_per_pixel(images):
    return _convolution(images) * tf.constant(_values((5, 6, 1), 8))


def _product_per_column(images):
    # As many columns as channels: 6 - 2 of a kernel that stays inside.
    weights = tf.constant(_values((3, 3, 2, _CHANNELS), 0))
    columns = tf.constant(_values((_CHANNELS, 1), 8))
    return tf.nn.conv2d(images, weights, 1, "VALID") * columns


def _nonlinear_between(images):
    return tf.nn.relu(_convolution(images)) * _per_channel(6)


def _with_itself(images):
    values = _convolution(images)
    return values * values


def _shared_weights(images):
    weights = tf.identity(tf.constant(_values((3, 3, 2, _CHANNELS), 0)))
    first = _batch_norm(tf.nn.conv2d(images, weights, 1, "SAME"))[0]
    second = tf.nn.conv2d(images, weights, 2, "SAME") * _per_channel(6)
    return tf.concat([tf.reshape(first, [-1]), tf.reshape(second, [-1])], axis=0)


@pytest.mark.parametrize(
    ("network", "folded"),
    [
        (_bias_and_norm, 1),
        (_products_and_sums, 1),
        (_shared_weights, 2),
        (_bias_alone, 0),
        (_used_twice, 0),
        (_in_training, 0),
        (_statistics_asked_for, 0),
        (_product_per_pixel, 0),
        (_product_per_column, 0),
        (_nonlinear_between, 0),
        (_with_itself, 0),
    ],
)
def test_what_is_folded_answers_the_same(network, folded):
    graph = tf.Graph()
    with graph.as_default():
        images = tf.compat.v1.placeholder(tf.float32, (None, 5, 6, 2), "images")
        tf.identity(network(images), "answer")
    changed = graph.as_graph_def()
    assert convolution_folding.fold(changed) == folded
    values = _values((3, 5, 6, 2), 9)
    np.testing.assert_allclose(
        _answer(changed, values), _answer(graph.as_graph_def(), values), rtol=1e-4, atol=1e-5
    )
    if folded:
        kept = tf.compat.v1.graph_util.extract_sub_graph(changed, ["answer"])
        kinds = {node.op for node in kept.node}
        assert "BiasAdd" in kinds
        assert not kinds & {"Mul", "AddV2", "FusedBatchNormV3"}


def _answer(graph_def, images):
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        return session.run("answer:0", {"images:0": images})
