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


def _write_shown(folder, frames, shown):
    """Files as ImageJ saves them, each with the (lowest, highest) value that it was shown at."""
    paths = [folder / f"{number}.tif" for number in range(len(frames))]
    for path, frame, (low, high) in zip(paths, frames, shown, strict=True):
        metadata = {"min": float(low), "max": float(high)}
        tifffile.imwrite(path, frame, imagej=True, metadata=metadata)
    return paths


def test_a_display_range_counts_where_all_have_the_same(tmp_path):
    """ImageJ stores the range that it shows, which it takes from each image by itself."""
    frames = [_frame(12, seed) for seed in range(2)]
    paths = _write_shown(tmp_path, frames, [(100, 3100)] * 2)
    assert folder_intensity.of_folder(paths) == IntensityRange(100, 3100, FILE)
    paths = _write_shown(tmp_path, frames, [(100, 3100), (90, 2000)])
    assert folder_intensity.of_folder(paths) == _estimated(12)


def _with_a_hot_pixel(frame):
    hot = frame.copy()
    hot[3, 4] = 6000
    return hot


@pytest.mark.parametrize("tags", ["ImageJ", "SMinSampleValue and SMaxSampleValue"])
@pytest.mark.parametrize("low_end", [True, False])
def test_the_display_range_of_a_single_image_does_not_count(tmp_path, tags, low_end):
    hot = _with_a_hot_pixel(_frame(12))
    low, high = (hot.min() if low_end else 0), hot.max()
    if tags == "ImageJ":
        paths = _write_shown(tmp_path, [hot], [(low, high)])
    else:
        extra = [(340, "H", 1, int(low), True), (341, "H", 1, int(high), True)]
        paths = _write(tmp_path, [hot], extratags=extra)
    found = folder_intensity.of_folder(paths)
    assert found == _estimated(12)
    cool = _write(tmp_path / "cool", [_frame(12)])[0]
    differ = image_io.read_image(paths[0], found) != image_io.read_image(cool, found)
    assert np.argwhere(differ.any(axis=2)).tolist() == [[3, 4]]


@pytest.mark.parametrize("place", [0, 2])
def test_nor_does_one_that_ends_at_the_largest_value_of_an_image(tmp_path, place):
    """So it comes where frames were saved together, as they were shown for one of them."""
    frames = [_frame(12, seed) for seed in range(3)]
    frames[place] = _with_a_hot_pixel(frames[place])
    own = frames[place].min(), frames[place].max()
    assert folder_intensity.of_folder(_write_shown(tmp_path, frames, [own] * 3)) == _estimated(12)


def test_nor_at_that_of_a_colour(tmp_path):
    coloured = np.stack([_frame(12), _frame(12, 1) // 2, _frame(12, 2) // 4], axis=2)
    for sample in range(3):
        own = [(341, "H", 3, [int(coloured[..., sample].max())] * 3, True)]
        paths = [tmp_path / f"{number}.tif" for number in range(2)]
        for path in paths:
            tifffile.imwrite(path, coloured, photometric="rgb", extratags=own)
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
