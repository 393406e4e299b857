"""Ranges of intensities: what they are, and what becomes of values."""

import numpy as np
import pytest

from rbc_tf.core import intensity
from rbc_tf.core.intensity import ESTIMATED, IntensityRange


def test_values_between_black_and_white_are_scaled():
    values = np.array([0, 99, 100, 101, 355, 356, 65535], np.uint16)
    # 100 to 355 are 255 steps of 1.
    assert IntensityRange(100, 355).to_bytes(values).tolist() == [0, 0, 0, 1, 255, 255, 255]
    inverted = IntensityRange(100, 355).to_bytes(values, white_is_zero=True)
    assert inverted.tolist() == [255, 255, 255, 254, 0, 0, 0]
    assert IntensityRange(100, 355).share_above(values) == 2 / 7
    assert IntensityRange.of_bits(12).to_bytes(np.zeros((0, 3), np.uint16)).shape == (0, 3)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_bit_depth_is_scaled_and_rounded(bits):
    found = IntensityRange.of_bits(bits)
    values = np.arange(2**bits, dtype=np.uint16)
    expected = np.rint(values * (255.0 / (2**bits - 1)))
    np.testing.assert_array_equal(found.to_bytes(values), expected)
    assert (found.low, found.high, found.bits) == (0, 2**bits - 1, bits)


@pytest.mark.parametrize(
    ("low", "high"), [(5, 5), (6, 5), (-1, 5), (0, 65536), (0.0, 5), (0, True), ("0", "5")]
)
def test_what_is_no_range_is_refused(low, high):
    with pytest.raises(ValueError, match=r"two whole numbers, the lower first.*Received"):
        IntensityRange(low, high)
    with pytest.raises(ValueError, match="whole numbers"):
        IntensityRange.from_json({"low": low, "high": high, "source": ESTIMATED})


def test_records():
    made = IntensityRange.of_bits(12, ESTIMATED)
    record = {"low": 0, "high": 4095, "source": "estimated"}
    assert IntensityRange.from_json(record) == made
    assert str(made) == "0 to 4095, estimated"
    for broken in ({}, [], {"low": 0, "high": 4}, {**record, "source": "guessed"}):
        with pytest.raises(ValueError, match=r"An intensity range|The source"):
            IntensityRange.from_json(broken)


def test_flags():
    assert intensity.from_flags(None, None) is None
    assert intensity.from_flags(12, None) == IntensityRange(0, 4095)
    assert intensity.from_flags(None, " 100, 3000") == IntensityRange(100, 3000)
    with pytest.raises(ValueError, match="not both"):
        intensity.from_flags(12, "0,4095")
    for depth in (0, 7, 17):
        with pytest.raises(ValueError, match=f"8 to 16. Received: {depth}"):
            intensity.from_flags(depth, None)
    for text in ("", "0", "0,1,2", "0-4095", "a,b", "0,1.5"):
        with pytest.raises(ValueError, match="two whole numbers, LOW,HIGH"):
            intensity.from_flags(None, text)
