"""Which tiles an image is cut into, and that a detector sees them all."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.core.types import Detections
from rbc_tf.detection import tiling
from rbc_tf.detection.record import DetectorRecord
from rbc_tf.detection.tiling import Tiles, TilingConfig

_RECORD = DetectorRecord(training_image_size=(480, 640), largest_training_region=(90, 120))


def test_auto_takes_the_training_images_size():
    assert TilingConfig().resolve(_RECORD) == Tiles(480, 640, 120, 1.25)


def test_auto_overlaps_by_no_more_than_a_third():
    record = dataclasses.replace(_RECORD, largest_training_region=(332, 235))
    assert TilingConfig().resolve(record).overlap == 160  # a third of 480
    assert TilingConfig(overlap=240).resolve(record).overlap == 240


def test_a_detector_without_record_takes_every_image_whole():
    assert TilingConfig().resolve(DetectorRecord()) is None
    assert TilingConfig("none").resolve(_RECORD) is None
    # A quarter of the shorter side, where the largest region is not known.
    assert TilingConfig("400x300").resolve(DetectorRecord()) == Tiles(400, 300, 75)


@pytest.mark.parametrize("size", ["480", "480x", "0x10", "480X640", "all", ""])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="HxW"):
        TilingConfig(size)


def test_tiny_tiles_are_refused():
    with pytest.raises(ValueError, match="at least 32 pixels"):
        TilingConfig("31x640")


def test_an_overlap_of_more_than_half_a_tile_is_refused():
    with pytest.raises(ValueError, match=r"at most half .* 50\. Received: 51"):
        TilingConfig("100x200", overlap=51).resolve(DetectorRecord())
    with pytest.raises(ValueError, match="0 or more"):
        TilingConfig(overlap=-1)


@pytest.mark.parametrize("size", [(480, 640), (1, 1), (600, 800)])
def test_images_up_to_a_quarter_larger_stay_whole(size):
    assert TilingConfig().resolve(_RECORD).cut(*size).tolist() == [[0, 0, *size]]


def test_tiles_of_a_known_image():
    # Edge: 1 % of 100 is less than its least value, 2. Step: 100 - 25 - 2 * 2 - 1 = 70, so the
    # 200 columns beyond the first tile take ceil(200 / 70) = 3 more, at 200 / 3 from each other;
    # the image is lower than a tile.
    tiles = Tiles(100, 100, 25).cut(40, 300)
    assert tiles.tolist() == [
        [0, 0, 40, 100], [0, 66, 40, 166], [0, 133, 40, 233], [0, 200, 40, 300]
    ]  # fmt: skip


@given(
    sides=st.tuples(st.integers(20, 60), st.integers(20, 60)),
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    data=st.data(),
)
def test_a_region_of_the_overlap_is_whole_in_some_tile(sides, size, data):
    overlap = data.draw(st.integers(0, min(sides) // 2))
    tiles = Tiles(*sides, overlap)
    places = tiles.cut(*size)
    assert len({(y1 - y0, x1 - x0) for y0, x0, y1, x1 in places.tolist()}) == 1
    covered = np.zeros(size, bool)
    for y0, x0, y1, x1 in places:
        covered[y0:y1, x0:x1] = True
    assert covered.all()
    low, high = _box(data, size, overlap)
    away = tiles.edge + 1  # from seams, not from the image's border
    inside = (places[:, :2] == 0) | (places[:, :2] + away <= low)
    inside &= (places[:, 2:] == size) | (high + away <= places[:, 2:])
    assert inside.all(axis=1).any()


def _box(data, size, largest):
    """Low and high corner of a box in the image, no longer than `largest`."""
    extent = [min(largest, side) for side in size]
    low = np.array([data.draw(st.integers(0, s - e)) for s, e in zip(size, extent, strict=True)])
    return low, low + extent


class _Detector:
    """Answers one box, around the dark pixels of an image, and keeps the batches that it saw."""

    def __init__(self):
        self.batches = []

    def predict_batch(self, images):
        self.batches.append(images.shape)
        return [self._predict(image) for image in images]

    def _predict(self, image):
        rows, columns = np.nonzero(image[..., 0] < 100)
        if len(rows) == 0:
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        return Detections(np.array([box], np.float32), np.array([0.9], np.float32))


def test_a_large_image_is_seen_in_batches_and_answered_in_its_pixels():
    image = np.full((210, 300, 3), 255, np.uint8)
    image[150:170, 155:175] = 0
    detector = _Detector()
    found = tiling.detect(detector.predict_batch, image, Tiles(100, 100, 25), 0.5)
    # Rows: 110 beyond the first tile take 2 more. 3 x 4 tiles, four at a time.
    assert detector.batches == [(4, 100, 100, 3)] * 3
    assert found.boxes.tolist() == [[150, 155, 170, 175]]


@pytest.mark.parametrize("tiles", [None, Tiles(100, 100, 25)])
def test_a_small_image_is_passed_on_as_it_is(tiles):
    image = np.full((90, 100, 3), 255, np.uint8)
    image[20:30, 95:100] = 0
    detector = _Detector()
    found = tiling.detect(detector.predict_batch, image, tiles, 0.5)
    assert detector.batches == [(1, 90, 100, 3)]
    assert found.boxes.tolist() == [[20, 95, 30, 100]]
