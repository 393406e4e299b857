import numpy as np
import pytest

from rbc_tf.evaluation.baselines.augmentation import turn, vary_light


def test_all_eight_ways_and_no_other():
    picture = np.arange(3 * 3 * 2).reshape(3, 3, 2)
    quarters = [np.rot90(picture, k) for k in range(4)]
    ways = {p.tobytes() for q in quarters for p in (q.copy(), q[:, ::-1].copy())}
    assert len(ways) == 8
    turned = turn(np.repeat(picture[None], 200, axis=0), np.random.default_rng(0))
    assert {p.tobytes() for p in turned} == ways


def test_turning_keeps_the_input():
    pictures = np.arange(2 * 4 * 4 * 1, dtype=np.uint8).reshape(2, 4, 4, 1)
    before = pictures.copy()
    assert turn(pictures, np.random.default_rng(1)).dtype == np.uint8
    np.testing.assert_array_equal(pictures, before)


def test_one_factor_per_channel_within_the_strength():
    images = np.full((50, 2, 3, 3), 100, np.uint8)
    varied = vary_light(images, 0.2, np.random.default_rng(0))
    assert varied.dtype == np.float32
    np.testing.assert_array_equal(varied, varied[:, :1, :1].repeat(2, 1).repeat(3, 2))
    assert 80 <= varied.min() < 85
    assert 115 < varied.max() <= 120
    assert (varied[..., 0] != varied[..., 1]).any()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_strength_0_changes_nothing(count):
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(vary_light(images, 0, np.random.default_rng(1)), images)


def test_light_stays_in_range():
    images = np.full((20, 1, 1, 3), 255, np.uint8)
    assert vary_light(images, 0.5, np.random.default_rng(0)).max() == 255
