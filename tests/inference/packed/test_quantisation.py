"""Weights in 8 bits, on arrays whose codes are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rbc_tf.inference.packed import quantisation


def test_each_output_has_a_scale_of_its_own():
    weights = np.array([[127.0, 1.0], [-63.6, 0.5], [0.0, -0.25]], np.float32)
    found = quantisation.quantise(weights)
    # The largest weight of an output is code 127: scales are 1 and 1/127.
    np.testing.assert_allclose(found.scales, [[1.0, 1 / 127]], rtol=1e-6)
    np.testing.assert_array_equal(found.codes, [[127, 127], [-64, 64], [0, -32]])
    np.testing.assert_allclose(found.restored()[:, 0], [127, -64, 0])


@pytest.mark.parametrize(
    ("shape", "scales_shape"),
    [
        ((5, 4), (1, 4)),  # dense: inputs, outputs
        ((5, 3, 4), (1, 3, 4)),  # heads: inputs, types, hidden units
        ((3, 3, 5, 4), (1, 1, 1, 4)),  # convolution
        ((3, 3, 5, 1), (1, 1, 5, 1)),  # depthwise convolution
    ],
)
def test_outputs_are_where_keras_has_them(shape, scales_shape):
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert quantisation.quantise(weights).scales.shape == scales_shape


def test_an_output_without_weights_stays_so():
    weights = np.zeros((4, 2), np.float32)
    weights[:, 1] = 1
    np.testing.assert_array_equal(quantisation.quantise(weights).restored(), weights)


@given(
    arrays.arrays(
        np.float32,
        (6, 3),
        elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    )
)
def test_no_weight_moves_by_more_than_half_a_step(weights):
    found = quantisation.quantise(weights)
    moved = np.abs(found.restored().astype(np.float64) - weights)
    assert (moved <= found.scales.astype(np.float64) * 0.5001 + 1e-30).all()


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        quantisation.quantise(np.full((2, 2), np.nan, np.float32))


def test_small_arrays_vectors_and_other_numbers_are_left_alone():
    assert quantisation.applies(np.zeros((64, 64), np.float32))
    assert not quantisation.applies(np.zeros((63, 64), np.float32))
    assert not quantisation.applies(np.zeros(5000, np.float32))
    assert not quantisation.applies(np.zeros((64, 64), np.int32))
