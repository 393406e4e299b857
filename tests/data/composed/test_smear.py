"""Light of cells that overlap, and masks."""

import cv2
import numpy as np

from rbc_tf.data import dataset
from rbc_tf.data.composed import smear
from rbc_tf.data.composed.config import ComposeConfig
from rbc_tf.data.composed.library import Backdrop, Library
from rbc_tf.data.synthetic.placement import PlacedCell
from tests.data.composed import made_up

_SMALL = ComposeConfig(height=240, width=320, num_buckets=2, coverage=0.25)


def test_transmittances_multiply_where_discs_overlap():
    disc = made_up.disc()
    placed = [PlacedCell(made_up.cell(disc, 0.8), 5, 5), PlacedCell(made_up.cell(disc, 0.5), 5, 15)]
    image = smear.render(made_up.even((31, 41)), placed)
    assert image[15, 8].tolist() == [160, 160, 160]  # 200 * 0.8
    assert image[15, 32].tolist() == [100, 100, 100]  # 200 * 0.5
    assert image[15, 20].tolist() == [80, 80, 80]  # 200 * 0.8 * 0.5
    assert image[0, 0].tolist() == [200, 200, 200]


def test_grain_of_the_field_stays_out_of_cells():
    backdrop = Backdrop(made_up.even((31, 31)).light, np.full((31, 31, 3), 0.1), np.zeros(3))
    image = smear.render(backdrop, [PlacedCell(made_up.cell(made_up.disc(), 0.5), 5, 5)])
    assert image[15, 15, 0] == 100
    assert image[0, 0, 0] == 220


def test_mask_is_the_union_of_the_placed_cells(patches):
    loaded = dataset.load_dataset(patches)
    library = Library(list(loaded), loaded.cell_types)
    composed = smear.compose(library, _SMALL, 0, np.random.default_rng(0))
    again = smear.compose(library, _SMALL, 0, np.random.default_rng(0))
    np.testing.assert_array_equal(composed.image, again.image)
    # Cells let 0.8 of the light through, two of them 0.64; the field is at 200, unevenly lit.
    dark = cv2.GaussianBlur(composed.image[..., 0], (0, 0), 1.0) < 180
    assert np.count_nonzero(dark ^ composed.mask) < 0.03 * composed.mask.sum()
