"""Run-length masks: as pycocotools reads them, and refused where it would end the process."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as pycocotools

from rbc_tf.data.formats import run_lengths

_SIZE = (40, 60)


def _around(parts):
    found = np.array(parts)
    return (*found[:, :2].min(axis=0), *found[:, 2:].max(axis=0))


@given(st.integers(1, 90), st.integers(1, 90), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_masks_as_pycocotools_packs_them(height, width, share, seed):
    mask = np.random.default_rng(seed).random((height, width)) < share
    packed = pycocotools.encode(np.asfortranarray(mask, np.uint8))
    x, y, w, h = pycocotools.toBbox(packed)
    text = {"size": packed["size"], "counts": packed["counts"].decode()}
    parts = run_lengths.parts(text, (height, width))
    assert bool(parts) == mask.any()
    if parts:
        assert _around(parts) == (y, x, y + h, x + w)


def test_parts_are_told_apart():
    mask = np.zeros(_SIZE, np.uint8)
    mask[3:9, 4:12] = mask[9:11, 12:14] = 1  # which touch at a corner
    mask[30:40, 50:60] = 1
    packed = pycocotools.encode(np.asfortranarray(mask))
    text = {"size": packed["size"], "counts": packed["counts"].decode()}
    assert run_lengths.parts(text, (None, None)) == [(3, 4, 11, 14), (30, 50, 40, 60)]


def test_runs_of_nothing_are_passed_over():
    counts = [0, 0, 3, 40, 2357]
    assert run_lengths.parts({"size": [*_SIZE], "counts": counts}, _SIZE) == [(0, 0, 40, 2)]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [0, 0], "counts": [1, 2, 3]}, r"each from 1.*Received: \[0, 0\]"),
        ({"size": [0, 0], "counts": "012"}, r"each from 1.*Received: \[0, 0\]"),
        ({"size": [40, -60], "counts": []}, "each from 1"),
        ({"size": [40], "counts": []}, r"must be \[height, width\]"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "at most .* pixels"),
        ({"counts": [1]}, "size must be an array"),
        ({"size": [60, 40], "counts": [2400]}, "must be that of its image"),
        ({"size": [40, 60], "counts": [1, 2, 3]}, "40 .* 60 pixels together"),
        ({"size": [40, 60], "counts": [2401, -1]}, "must be 0 or more"),
        ({"size": [40, 60], "counts": [1.5, 2398.5]}, "counts must be a whole number"),
        ({"size": [40, 60], "counts": []}, "Received: 0 counts"),
        ({"size": [40, 60], "counts": "zzz@@@!!"}, "must be packed runs"),
        ({"size": [40, 60], "counts": "o" * 50}, "must be packed runs"),
        ({"size": [40, 60], "counts": "ooo"}, "a text cut off"),
        ({"size": [40, 60], "counts": "PP0"}, "pixels together"),
        ({"size": [40, 60]}, "counts must be an array"),
    ],
)
def test_what_is_no_mask(segmentation, message):
    with pytest.raises(ValueError, match=message):
        run_lengths.parts(segmentation, _SIZE)
