"""The sizes that an exported detector records of its training images."""

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.data import dataset, detection_records
from rbc_tf.detection.garden import training_images


@pytest.fixture
def records(tmp_path):
    """Records of three training images and a larger one for the test, each with two regions."""
    rows = ["image,group,split"]
    sizes = {"a": (20, 40), "b": (30, 50), "c": (30, 60), "d": (90, 90)}
    for name, size in sizes.items():
        image_io.write_png(tmp_path / "images" / f"{name}.png", np.zeros((*size, 3), np.uint8))
        mask = np.zeros(size, bool)
        mask[2:10, 2:10] = True
        mask[12:19, 3:30] = True
        if name == "d":
            mask[12:80, 3:80] = True
        image_io.write_mask(tmp_path / "masks" / f"{name}.png", mask)
        rows.append(f"{name},,{'test' if name == 'd' else 'train'}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    loaded = dataset.load_dataset(tmp_path)
    detection_records.write_detection_records(loaded, tmp_path / "records", num_shards=2)
    return tmp_path / "records"


def test_sizes_are_those_of_the_training_split(records):
    # Regions of 8 x 8 and 7 x 27; the median of heights 20, 30, 30 and of widths 40, 50, 60.
    expected = {"training_image_size": (30, 50), "largest_training_region": (8, 27)}
    assert training_images.sizes(records) == expected


def test_records_that_are_gone_give_no_sizes(tmp_path):
    assert training_images.sizes("") == {}
    assert training_images.sizes(tmp_path / "moved") == {}
