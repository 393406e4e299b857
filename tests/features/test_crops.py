import dataclasses
import json
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from rbc_tf.core import config as config_lib
from rbc_tf.features import crops
from rbc_tf.features.backbones import resnet50
from rbc_tf.features.crops import CropConfig, check_boxes, cut_patches

# Coordinates go through normalised float32 ones, some 1e-5 pixels off; neighbouring pixels differ
# by 255 at most.
TOLERANCE = 0.01


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def cut(image, box, **settings):
    return cut_patches(image, [box], CropConfig(**settings)).numpy()[0]


def test_window_of_the_patch_size_gives_the_pixels_back():
    image = noise(64, 80)
    patch = cut(image, (3, 5, 43, 45), size=40)
    np.testing.assert_allclose(patch, image[3:43, 5:45], atol=TOLERANCE)


def test_samples_lie_at_half_pixel_centres():
    # Pixel x holds 4x at its centre x + 0.5, so between centres place s holds 4 (s - 0.5).
    # A box 20 wide in 40 pixels: output pixel i samples s = 10 + (i + 0.5) / 2.
    #   i = 0:  s = 10.25, value 39.   i = 1: s = 10.75, value 41.   i = 39: s = 29.75, value 117.
    image = np.broadcast_to(np.arange(60, dtype=np.uint8)[None, :, None] * 4, (60, 60, 3))
    patch = cut(image, (10, 10, 30, 30), size=40)
    np.testing.assert_allclose(patch[7, [0, 1, 39], 1], [39, 41, 117], atol=TOLERANCE)
    # Rows play no part: all are alike.
    np.testing.assert_allclose(patch, np.broadcast_to(patch[:1], patch.shape), atol=TOLERANCE)


def test_edge_of_the_image_repeats_its_last_pixel():
    # Box 0 to 20 in 40 pixels: output pixel 0 samples 0.25, left of the first centre at 0.5, so
    # the value is that of pixel 0; pixel 1 samples 0.75: 3/4 of pixel 0 and 1/4 of pixel 1.
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 0], image[:, 1], image[:, 19] = 200, 100, 40
    patch = cut(image, (0, 0, 20, 20), size=40)
    np.testing.assert_allclose(patch[0, [0, 1, 39], 0], [200, 175, 40], atol=TOLERANCE)


def test_whole_image_is_as_resized_by_tensorflow():
    image = noise(50, 70)
    patch = cut(image, (0, 0, 50, 70), size=96)
    expected = tf.image.resize(image, (96, 96), method="bilinear").numpy()
    np.testing.assert_allclose(patch, expected, atol=TOLERANCE)


def test_image_of_one_pixel():
    patch = cut(np.full((1, 1, 3), 77, np.uint8), (0, 0, 1, 1), size=32)
    np.testing.assert_allclose(patch, 77, atol=TOLERANCE)


def window_of(mode, side):
    return side if "window" in crops.MODES[mode].takes else None


@pytest.mark.parametrize("mode", crops.MODES)
def test_flipped_image_gives_flipped_patch(mode):
    image, box = noise(90, 100), (20.5, 10.25, 60, 90)
    settings = {"mode": mode, "size": 48, "window": window_of(mode, 60.0)}
    patch = cut(image, box, **settings)
    flipped_box = (box[0], 100 - box[3], box[2], 100 - box[1])
    flipped = cut(image[:, ::-1], flipped_box, **settings)
    np.testing.assert_allclose(flipped[:, ::-1], patch, atol=TOLERANCE)


def test_stretch_fills_the_patch_whatever_the_proportions():
    image = noise(64, 64)
    patch = cut(image, (0, 16, 64, 48), size=64)
    # 64 rows for 64 rows; columns twice as dense: the mean of output columns 2k and 2k + 1, which
    # sample 1/4 left and right of the centre of pixel k, is 1/8 + 6/8 + 1/8 of its neighbours.
    means = (patch[:, 0::2] + patch[:, 1::2]) / 2
    source = image.astype(np.float32)
    expected = source[:, 15:47] / 8 + source[:, 16:48] * 6 / 8 + source[:, 17:49] / 8
    np.testing.assert_allclose(means, expected, atol=TOLERANCE)


def test_letterbox_keeps_proportions_and_fills_beside_the_box():
    # A box of 40 x 20 in a patch of 40: scale 1, ten filled columns on either side.
    image = noise(64, 64)
    patch = cut(image, (10, 20, 50, 40), mode="letterbox", size=40)
    np.testing.assert_allclose(patch[:, 10:30], image[10:50, 20:40], atol=TOLERANCE)
    fill = np.array(resnet50.IMAGENET_MEAN, np.float32)
    assert (patch[:, :10] == fill).all()
    assert (patch[:, 30:] == fill).all()


def test_letterbox_of_a_lying_box_fills_above_and_below():
    patch = cut(noise(64, 64), (20, 10, 40, 50), mode="letterbox", size=40)
    filled = (patch == np.array(resnet50.IMAGENET_MEAN, np.float32)).all(axis=(1, 2))
    assert filled.tolist() == [True] * 10 + [False] * 20 + [True] * 10


def test_fixed_scale_shows_the_same_scale_for_every_box():
    image = noise(100, 100)
    # Centre (50, 40) of both boxes; a window of 32 in 32 pixels: rows 34 to 66, columns 24 to 56.
    for box in [(45, 38, 55, 42), (20, 20, 80, 60)]:
        patch = cut(image, box, mode="fixed_scale", size=32, window=32.0)
        np.testing.assert_allclose(patch, image[34:66, 24:56], atol=TOLERANCE)


def test_outside_of_the_image_is_filled():
    image = noise(40, 40)
    patch = cut(image, (-10, 20, 30, 60), size=40)
    np.testing.assert_allclose(patch[10:, :20], image[:30, 20:], atol=TOLERANCE)
    fill = np.array(resnet50.IMAGENET_MEAN, np.float32)
    assert (patch[:10] == fill).all()
    assert (patch[:, 20:] == fill).all()


def test_box_outside_of_the_image_is_all_fill():
    patch = cut(noise(40, 40), (100, 100, 140, 140), size=32)
    assert (patch == np.array(resnet50.IMAGENET_MEAN, np.float32)).all()


def test_context_grows_the_box_on_each_side():
    # A quarter of 40 rows and of 20 columns on each side.
    image, box, grown = noise(100, 100), (30, 40, 70, 60), (20, 35, 80, 65)
    with_context = cut(image, box, size=50, context=0.25)
    np.testing.assert_allclose(with_context, cut(image, grown, size=50), atol=TOLERANCE)


def test_supersampling_takes_the_mean_of_evenly_spaced_samples():
    # 64 pixels in 32, two samples each: exactly the centres, so the mean of 2 x 2 pixels.
    image = noise(64, 64)
    expected = image.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    patch = cut(image, (0, 0, 64, 64), size=32, supersample=2)
    np.testing.assert_allclose(patch, expected, atol=TOLERANCE)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("mode", crops.MODES)
def test_eagerly_in_a_graph_and_in_a_dataset_alike(count, mode):
    settings = CropConfig(mode, 32, window=window_of(mode, 30.0), supersample=2)
    image = noise(50, 60)
    boxes = np.array([(1, 2, 30, 40), (5.5, 5, 49, 59)], np.float32)[:count]
    eager = cut_patches(image, boxes, settings).numpy()
    assert eager.shape == (count, 32, 32, 3)
    assert eager.dtype == np.float32
    graph = tf.function(
        lambda i, b: cut_patches(i, b, settings),
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([None, 4], tf.float32),
        ],
    )
    np.testing.assert_allclose(graph(image, boxes), eager, atol=1e-3)
    dataset = tf.data.Dataset.from_tensors((image, boxes))
    (mapped,) = dataset.map(lambda i, b: cut_patches(i, b, settings)).as_numpy_iterator()
    np.testing.assert_allclose(mapped, eager, atol=1e-3)


def test_float_image_gives_the_same_as_uint8():
    image = noise(50, 60)
    np.testing.assert_array_equal(
        cut(image, (3, 4, 40, 50), size=32), cut(image.astype(np.float32), (3, 4, 40, 50), size=32)
    )


def test_grey_image_is_refused():
    with pytest.raises(ValueError, match="incompatible"):
        cut(np.zeros((40, 40, 1), np.uint8), (0, 0, 10, 10))


@hypothesis.given(
    places=st.lists(st.floats(-30, 80, width=32), min_size=4, max_size=4),
    mode=st.sampled_from(list(crops.MODES)),
)
@hypothesis.settings(max_examples=40)
def test_every_finite_box_gives_pixels_of_the_image_or_fill(places, mode):
    window = window_of(mode, 30.0)
    patch = cut(np.full((50, 50, 3), 100, np.uint8), places, mode=mode, size=32, window=window)
    fill = np.array(resnet50.IMAGENET_MEAN, np.float32)
    assert (np.isclose(patch, 100, atol=TOLERANCE) | (patch == fill)).all()


def test_fill_is_zero_after_preprocessing():
    patch = cut_patches(noise(40, 40), [(100, 100, 140, 140)], CropConfig(size=32))
    np.testing.assert_array_equal(resnet50.CaffePreprocessing()(patch), 0)


@pytest.mark.parametrize(
    ("box", "received"),
    [
        ((10, 10, 10.5, 20), "box 1"),
        ((20, 10, 10, 20), "box 1"),
        ((10, 10, 20, float("nan")), "box 1"),
        ((10, 10, float("inf"), 20), "box 1"),
        ((60, 10, 70, 20), "box 1"),
    ],
)
def test_boxes_that_make_no_sense_are_refused(box, received):
    with pytest.raises(ValueError, match=f"50x50.*{received}"):
        check_boxes([(0, 0, 10, 10), box], 50, 50)


def test_boxes_that_make_sense_pass():
    boxes = [(0, 0, 50, 50), (-5, -5, 5, 5), (10, 10, 11, 11)]
    np.testing.assert_array_equal(check_boxes(boxes, 50, 50), np.array(boxes, np.float32))
    assert check_boxes([], 50, 50).shape == (0, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "squash"}, "mode"),
        ({"size": 0}, "size"),
        ({"context": -0.1}, "context"),
        ({"context": float("nan")}, "context"),
        ({"supersample": 0}, "supersample"),
        ({"window": 50.0}, "window"),
        ({"mode": "fixed_scale"}, "window"),
        ({"mode": "fixed_scale", "window": 0.5}, "window"),
        ({"mode": "fixed_scale", "window": 50.0, "context": 0.1}, "context"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"`{message}` must be"):
        CropConfig(**settings)


def test_settings_survive_a_mapping():
    settings = CropConfig("fixed_scale", 96, window=120.0)
    assert config_lib.from_dict(CropConfig, dataclasses.asdict(settings)) == settings


def test_fill_is_the_colour_asked_for():
    config = CropConfig("letterbox", 40, fill=(1.0, 2.0, 3.0))
    patch = cut_patches(noise(64, 64), [(10.0, 20.0, 50.0, 40.0)], config).numpy()[0]
    assert (patch[:, :10] == (1, 2, 3)).all()
    assert (patch[:, 10:30] != (1, 2, 3)).any(axis=-1).all()
    with pytest.raises(ValueError, match=r"`fill` must be.*300"):
        CropConfig(fill=(0.0, 0.0, 300.0))


def test_settings_come_back_from_files():
    plain, coloured = CropConfig(), CropConfig(fill=(1.0, 2.0, 3.0))
    assert "fill" not in config_lib.to_dict(plain)  # as in files of rbc_tf 0.1.0
    for config in (plain, coloured):
        values = json.loads(json.dumps(config_lib.to_dict(config)))
        assert values == config_lib.to_dict(config)
        assert config_lib.from_dict(CropConfig, values) == config


def test_filled_fixed_scale_shows_the_box_at_its_size_and_nothing_else():
    image, box = noise(90, 100), (30, 40, 50, 70)
    settings = {"size": 48, "window": 48.0}
    around = cut(image, box, mode="fixed_scale", **settings)
    alone = cut(image, box, mode="fixed_scale_filled", **settings)
    # The box is 20 x 30, centred in 48 pixels: rows 14 to 34 and columns 9 to 39.
    np.testing.assert_array_equal(alone[14:34, 9:39], around[14:34, 9:39])
    outside = np.ones((48, 48), bool)
    outside[14:34, 9:39] = False
    np.testing.assert_array_equal(
        alone[outside], np.broadcast_to(np.float32(resnet50.IMAGENET_MEAN), (outside.sum(), 3))
    )
    # A margin of half the box on each side: 40 x 60, of which the patch shows 40 x 48.
    wide = cut(image, box, mode="fixed_scale_filled", context=0.5, **settings)
    np.testing.assert_array_equal(wide[4:44], around[4:44])
    assert (wide[:4] == np.float32(resnet50.IMAGENET_MEAN)).all()


def test_fitted_fixed_scale_keeps_the_size_of_what_fits_and_shrinks_the_rest():
    image = noise(90, 100)
    small, large = (30, 40, 50, 70), (10, 20, 74, 60)  # 20 x 30, and 64 x 40
    settings = {"size": 32, "window": 32.0}
    np.testing.assert_array_equal(
        cut(image, small, mode="fixed_scale_fitted", **settings),
        cut(image, small, mode="fixed_scale_filled", **settings),
    )
    np.testing.assert_array_equal(
        cut(image, large, mode="fixed_scale_fitted", **settings),
        cut(image, large, mode="letterbox", size=32),
    )
    # With a margin of half of it on each side the first is 40 x 60.
    np.testing.assert_array_equal(
        cut(image, small, mode="fixed_scale_fitted", context=0.5, **settings),
        cut(image, small, mode="letterbox", size=32, context=0.5),
    )


def test_background_is_brought_to_the_same_brightness_under_any_lamp():
    image = np.full((64, 64, 3), 200, np.uint8)
    image[20:40, 20:40] = 100
    box = (16, 16, 48, 48)
    patch = cut(image, box, size=32, background=190.0)
    np.testing.assert_allclose(patch[0, 0], 190, atol=0.1)
    np.testing.assert_allclose(patch[10, 10], 95, atol=0.1)  # half of the light passes, still
    tinted = (image * np.array([1.0, 0.8, 0.5])).astype(np.uint8)
    np.testing.assert_allclose(cut(tinted, box, size=32, background=190.0), patch, atol=0.5)
    # What is brighter than the background stays within the range of a picture.
    assert cut(image, box, size=32, background=255.0).max() <= 255


@pytest.mark.parametrize("most_pixels", [crops._LARGE_PIXELS, 10_000])
def test_background_is_that_of_the_whole_image_however_large(monkeypatch, most_pixels):
    monkeypatch.setattr(crops, "_LARGE_PIXELS", most_pixels)
    image = np.full((160, 120, 3), 200, np.uint8)
    image[120:] = 100  # a part of it looks darker: it is all that is around the box
    config = CropConfig("stretch", 32, background=190.0)
    box = np.float32([[130, 40, 150, 60]])
    patch = crops.cut_patches_of(image, box, config).numpy()
    np.testing.assert_allclose(patch, 95, atol=0.1)


def test_the_background_is_looked_for_once_in_an_image(monkeypatch):
    looked, colour = [], crops.background.colour
    monkeypatch.setattr(crops.background, "colour", lambda i: looked.append(1) or colour(i))
    image = np.full((64, 64, 3), 200, np.uint8)
    config = CropConfig("stretch", 32, background=190.0)
    known = crops.background_colour(image, config)
    for _ in range(3):
        crops.cut_patches_of(image, np.float32([[10, 10, 30, 30]]), config, known)
    assert looked == [1]
    assert crops.background_colour(image, CropConfig()) is None


def test_a_mode_is_one_function(monkeypatch):
    monkeypatch.setattr(crops, "MODES", dict(crops.MODES))

    @crops._mode("shows the upper half", takes=("context",))
    def _upper_half(boxes, config):
        return tf.concat([boxes[:, :2], (boxes[:, 0:1] + boxes[:, 2:3]) / 2, boxes[:, 3:]], 1), None

    assert "upper_half: shows the upper half" in crops.describe_modes()
    image = noise(64, 64)
    patch = cut(image, (0, 8, 64, 40), mode="upper_half", size=32)
    np.testing.assert_allclose(patch, image[:32, 8:40], atol=TOLERANCE)
    with pytest.raises(ValueError, match="unless `mode` is fixed_scale"):
        CropConfig("upper_half", window=3.0)


def test_modes_are_known_without_tensorflow():
    code = (
        "import sys\n"
        "from rbc_tf.features import crops\n"
        "print(*crops.MODES, 'tensorflow' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [*crops.MODES, "False"]


def test_without_a_box_the_image_is_not_converted(monkeypatch):
    seen, cut = [], crops.cut_patches
    monkeypatch.setattr(
        crops, "cut_patches", lambda image, *others: seen.append(image.size) or cut(image, *others)
    )
    image = np.full((500, 400, 3), 200, np.uint8)
    patches = crops.cut_patches_of(image, np.zeros((0, 4), np.float32), CropConfig(size=32))
    assert patches.shape == (0, 32, 32, 3)
    assert seen == [3]
