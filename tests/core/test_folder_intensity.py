"""One range for a folder: estimated robustly, alike for every frame, or said by all files."""

import numpy as np
import pytest
import tifffile

from rbc_tf.core import folder_intensity, image_io
from rbc_tf.core.intensity import ESTIMATED, FILE, IntensityRange


def _frame(bits, seed=0, brightness=0.8):
    """uint16 [40, 50] of a camera of so many bits: a bright field with darker cells."""
    rng = np.random.default_rng(seed)
    values = rng.normal(brightness, 0.02, (40, 50))
    values[10:25, 10:30] -= brightness / 2
    return np.clip(values * (2**bits - 1), 0, 2**bits - 1).astype(np.uint16)


def _write(folder, frames, **settings):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"f{number:03d}.tif" for number in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        tifffile.imwrite(path, frame, photometric="minisblack", **settings)
    return paths


def _estimated(bits):
    return IntensityRange.of_bits(bits, ESTIMATED)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_bit_depth_is_found(tmp_path, bits):
    assert folder_intensity.of_folder(_write(tmp_path, [_frame(bits)])) == _estimated(bits)


def test_one_hot_pixel_changes_no_frame(tmp_path):
    hot = _frame(12)
    hot[3, 4] = 65535
    paths = _write(tmp_path, [_frame(12), hot])
    found = folder_intensity.of_folder(paths)
    cool, warm = (image_io.read_image(path, found) for path in paths)
    assert np.argwhere((cool != warm).any(axis=2)).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame.__setitem__((slice(None), 7), 60_000),  # a hot column, of 2 %
        lambda frame: frame.__setitem__(slice(None), 65_535),  # nothing but light
        lambda frame: frame.__setitem__(slice(0, 9), 30_000),  # a glint
    ],
)
def test_one_odd_frame_changes_no_other_and_is_refused(tmp_path, spoil):
    frames = [_frame(12, seed) for seed in range(3)]
    spoil(frames[1])
    paths = _write(tmp_path, frames)
    found = folder_intensity.of_folder(paths)
    assert found == _estimated(12)
    assert image_io.read_image(paths[0], found).max() > 180
    with pytest.raises(image_io.ImageError, match=r"f001.*above the range of its folder"):
        image_io.read_image(paths[1], found)


def test_dim_and_bright_frames_of_one_camera_share_its_range(tmp_path):
    frames = [_frame(14, seed, brightness) for seed, brightness in enumerate((0.1, 0.3, 0.9))]
    assert folder_intensity.of_folder(_write(tmp_path, frames)) == _estimated(14)
    dark = [np.zeros((40, 50), np.uint16), *frames]
    assert folder_intensity.of_folder(_write(tmp_path, dark)) == _estimated(14)


def test_images_of_8_bits_or_that_say_their_range_need_none(tmp_path):
    said = _write(tmp_path / "said", [_frame(12)], extratags=[(341, "H", 1, 4095, True)])
    plain = _write(tmp_path / "plain", [np.zeros((4, 5), np.uint8)])
    image_io.write_png(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
    image_io.write_jpeg(tmp_path / "a.jpg", np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "broken.tif").write_bytes(b"II*\0 and no more")
    others = [
        tmp_path / "a.png",
        tmp_path / "a.jpg",
        tmp_path / "broken.tif",
        tmp_path / "gone.tif",
    ]
    assert folder_intensity.of_folder([*said, *plain, *others]) is None
    assert folder_intensity.of_folder([]) is None


def test_a_display_range_counts_where_all_have_the_same(tmp_path):
    """ImageJ stores the range that it shows, which it takes from each image by itself."""
    same = [(_frame(12, seed), {"min": 100.0, "max": 3000.0}) for seed in range(2)]
    paths = [tmp_path / f"{number}.tif" for number in range(2)]
    for path, (frame, shown) in zip(paths, same, strict=True):
        tifffile.imwrite(path, frame, imagej=True, metadata=shown)
    assert folder_intensity.of_folder(paths) == IntensityRange(100, 3000, FILE)
    tifffile.imwrite(paths[1], same[1][0], imagej=True, metadata={"min": 90.0, "max": 2000.0})
    assert folder_intensity.of_folder(paths) == _estimated(12)


def test_many_images_are_sampled_over_the_whole_folder(tmp_path, monkeypatch):
    paths = _write(tmp_path, [_frame(12)] * 150)
    read = []

    def values(content, path):
        read.append(path)
        return _frame(12)

    monkeypatch.setattr(image_io, "values_above_8_bits", values)
    assert folder_intensity.of_folder(paths) == _estimated(12)
    assert len(read) == 64
    assert (read[0], read[-1]) == (paths[0], paths[-1])
