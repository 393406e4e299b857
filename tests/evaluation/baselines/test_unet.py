import dataclasses

import keras
import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.evaluation.baselines import unet_training
from rbc_tf.evaluation.baselines.unet import UNet, UNetConfig, build_unet
from rbc_tf.evaluation.baselines.unet_training import cross_entropy_and_dice, pixel_iou, train_unet

TINY = UNetConfig(
    base_filters=4,
    levels=2,
    tile_size=16,
    batch_size=4,
    tiles_per_image=2,
    steps_per_epoch=25,
    epochs=2,
    learning_rate=1e-2,
)


def image_of(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def write_sample(folder, name, shape, seed):
    """Dark discs on a light field."""
    generator = np.random.default_rng(seed)
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    for y, x in generator.uniform(0, 1, (4, 2)) * shape:
        mask |= (ys - y) ** 2 + (xs - x) ** 2 <= 49
    image = np.where(mask, 90, 190)[..., None] + generator.integers(-20, 20, (*shape, 3))
    image_io.write_png(folder / f"{name}.png", image.astype(np.uint8))
    image_io.write_mask(folder / f"{name}_mask.png", mask)
    return Sample(name, folder / f"{name}.png", folder / f"{name}_mask.png", group=name)


@pytest.fixture
def samples(tmp_path):
    shapes = [(40, 50), (12, 30), (33, 21), (40, 40)]
    return [write_sample(tmp_path, f"s{i}", shape, i) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (32, 32), (33, 47)])
def test_images_of_any_size(shape):
    found = build_unet(dataclasses.replace(TINY, levels=3, tile_size=16)).segment(image_of(shape))
    assert found.shape == shape
    assert found.dtype == bool


def test_padding_is_cut_off_again():
    """The network sees the image at the upper left, and its answer there is kept."""
    unet = build_unet(TINY)
    image = image_of((7, 9))
    padded = np.pad(image, [(0, 1), (0, 1), (0, 0)], mode="symmetric")
    np.testing.assert_array_equal(unet.segment(image), unet.segment(padded)[:7, :9])


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_stride_is_that_of_the_levels(levels):
    assert build_unet(dataclasses.replace(TINY, levels=levels)).stride == 2 ** (levels - 1)


def test_weights_follow_the_seed():
    first, second, other = (
        build_unet(dataclasses.replace(TINY, seed=seed)).model.get_weights() for seed in (0, 0, 1)
    )
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "unet.keras"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"unet\.keras holds no U-Net"):
        UNet.load(path)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"unet\.keras must take images"):
        UNet.load(path)


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "unet.keras"
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Lambda(lambda x: x)])
    model.save(path)
    with pytest.raises(ValueError, match=r"unet\.keras holds no U-Net"):
        UNet.load(path)


def test_loss_by_hand():
    # One tile: cross-entropy -ln 0.5 of both pixels; 2 * 0.5 shared of 1 + 1, each with 1 added:
    # 1 - 2/3. Another tile, found right: 0 and 1 - (2 + 1) / (2 + 1).
    truth = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32).reshape(2, 1, 2, 1)
    found = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32).reshape(2, 1, 2, 1)
    expected = (np.log(2) + 1 / 3) / 2
    assert float(cross_entropy_and_dice(truth, found)) == pytest.approx(expected, rel=1e-5)


class Says:
    """Stands for a U-Net that takes dark pixels for cells."""

    def segment(self, image):
        return image[..., 0] < 100


def test_pixel_iou_by_hand(tmp_path):
    def write(name, dark, mask):
        image = np.where(np.array([dark], bool), 0, 200).astype(np.uint8)[..., None].repeat(3, 2)
        image_io.write_png(tmp_path / f"{name}.png", image)
        image_io.write_mask(tmp_path / f"{name}_mask.png", np.array([mask], bool))
        return Sample(name, tmp_path / f"{name}.png", tmp_path / f"{name}_mask.png", name)

    first = write("a", [1, 1, 0, 0], [1, 0, 1, 0])  # 1 pixel shared of 3
    second = write("b", [1, 1, 1, 0], [1, 1, 0, 0])  # 2 of 3
    nothing = write("c", [0, 0, 0, 0], [0, 0, 0, 0])
    assert pixel_iou(Says(), [first, second, nothing]) == pytest.approx(3 / 6)
    assert np.isnan(pixel_iou(Says(), [nothing]))


def test_masks_are_turned_with_their_images(samples):
    config = dataclasses.replace(TINY, light=0.0)
    batches = unet_training._draw_batches(samples, config, np.random.default_rng(0))
    for _ in range(5):
        tiles, masks = next(batches)
        assert tiles.shape == (4, 16, 16, 3)
        np.testing.assert_array_equal(tiles[..., :1] < 140, masks == 1)


def test_training_learns_and_is_read_back(samples, tmp_path):
    path = tmp_path / "out" / "unet.keras"
    report = train_unet(samples[:3], samples[3:], TINY, path)
    assert report.epoch == int(np.argmax(report.stopping_ious)) + 1
    assert len(report.losses) == len(report.stopping_ious) == 2
    assert report.losses[1] < report.losses[0]
    # Brightness alone tells cells: nearly every pixel must be right.
    assert report.validation_iou > 0.9
    loaded = UNet.load(path)
    assert pixel_iou(loaded, samples[3:]) == pytest.approx(report.validation_iou)
    assert pixel_iou(loaded, samples[3:]) == pytest.approx(max(report.stopping_ious))


def test_images_without_masks_or_none_are_refused(samples, tmp_path):
    bare = dataclasses.replace(samples[0], name="bare", mask_path=None)
    with pytest.raises(ValueError, match=r"`samples` must have masks.*'bare'"):
        train_unet([bare], samples, TINY, tmp_path / "u.keras")
    with pytest.raises(ValueError, match="`validation` must hold one image"):
        train_unet(samples, [], TINY, tmp_path / "u.keras")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_filters", 0),
        ("levels", 0),
        ("tile_size", 17),
        ("batch_size", 0),
        ("tiles_per_image", 0),
        ("steps_per_epoch", 0),
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("light", 1.0),
        ("stopping_images", 0),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        dataclasses.replace(TINY, **{name: value})
