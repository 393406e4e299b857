"""A dataset folder has one range of intensities, for good."""

import json

import numpy as np
import pytest
import tifffile

from rbc_tf.core.intensity import ESTIMATED, IntensityRange
from rbc_tf.data import dataset, dataset_intensity

_HEADER = "image,ymin,xmin,ymax,xmax,types,num_cells,complete\n"


@pytest.fixture
def root(tmp_path):
    """One image of 12 bits in 16."""
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", np.full((20, 30), 3000, np.uint16))
    (tmp_path / "regions.csv").write_text(_HEADER + "a,2,3,8,10,,1,false\n")
    return tmp_path


def test_it_is_estimated_recorded_and_kept(root):
    loaded = dataset.load_dataset(root)
    twelve = IntensityRange.of_bits(12, ESTIMATED)
    assert loaded.intensity == loaded.sample("a").intensity == twelve
    assert not (root / dataset_intensity.FILE).exists()
    dataset_intensity.record(root, loaded.intensity)
    assert json.loads((root / "intensity.json").read_text())["high"] == 4095
    tifffile.imwrite(root / "images" / "b.tif", np.full((20, 30), 9000, np.uint16))
    (root / "regions.csv").write_text(_HEADER + "a,2,3,8,10,,1,false\nb,2,3,8,10,,1,false\n")
    assert dataset.load_dataset(root).intensity == twelve
    with pytest.raises(dataset.DatasetError, match=r"b\.tif.*above the range of its folder"):
        dataset.load_dataset(root, check_pixels=True)


def test_what_is_given_counts_before_the_record(root):
    dataset_intensity.record(root, IntensityRange.of_bits(12, ESTIMATED))
    given = IntensityRange(100, 3500)
    loaded = dataset.load_dataset(root, intensity=given)
    assert loaded.sample("a").intensity == given
    dataset_intensity.record(root, given)
    assert dataset.load_dataset(root).intensity == given


def test_images_of_8_bits_need_no_record(root):
    tifffile.imwrite(root / "images" / "a.tif", np.full((20, 30), 200, np.uint8))
    loaded = dataset.load_dataset(root)
    assert loaded.intensity is None
    dataset_intensity.record(root, loaded.intensity)
    assert not (root / dataset_intensity.FILE).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"low": 5, "high": 5, "source": "given"}'])
def test_a_damaged_record_is_a_problem_of_the_folder(root, text):
    (root / "intensity.json").write_text(text)
    with pytest.raises(dataset.DatasetError, match=r"intensity\.json"):
        dataset.load_dataset(root)
