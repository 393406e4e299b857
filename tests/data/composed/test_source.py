"""Cells cut out of real images: what they keep, and which are not used."""

import cv2
import numpy as np

from rbc_tf.core import image_io
from rbc_tf.core.types import Sample
from rbc_tf.data import dataset
from rbc_tf.data.composed import smear, source
from rbc_tf.data.synthetic.placement import PlacedCell
from tests.data.composed import made_up


def test_a_cell_cut_out_and_put_back_is_as_it_was(tmp_path):
    pixels, mask = made_up.patch(0, 0.6, (15, 12))
    image_io.write_png(tmp_path / "a.png", pixels)
    image_io.write_mask(tmp_path / "mask.png", mask)
    point = dataset.Cell(30, 30, "Oval")
    sample = Sample("a", tmp_path / "a.png", tmp_path / "mask.png", "a", cells=(point,))
    (cell,) = source.read(sample, dataset.PAPER).cells
    offset = np.argwhere(cell.mask)[0] - np.argwhere(mask)[0]
    image = smear.render(made_up.even((60, 60)), [PlacedCell(cell, *(-offset).tolist())])
    differ = np.abs(image.astype(int) - pixels)
    assert differ[mask].max() <= 3
    # Beyond the soft edge nothing of the source is left.
    far = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))) == 0
    assert (image[far] == 200).all()


def test_turning_keeps_area_and_light():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:50] = True
    cell = made_up.cell(mask, 0.5)
    for angle, mirrored in ((np.pi / 2, False), (0.7, True)):
        turned = cell.turned(angle, mirrored)
        assert abs(turned.mask.sum() / mask.sum() - 1) < 0.02
        inner = cv2.erode(turned.mask.astype(np.uint8), np.ones((5, 5))) > 0
        np.testing.assert_allclose(turned.passed[inner], 0.5, atol=0.01)
    assert cell.turned(np.pi / 2, False).mask.shape == (40, 20)


def test_stain_is_matched_only_where_there_is_any():
    own, wanted = np.array([0.2, 0.4, 0.3]), np.array([0.3, 0.4, 0.1])
    np.testing.assert_allclose(source.stain_ratio(own, wanted), [1.5, 1.0, 1 / 3])
    np.testing.assert_array_equal(source.stain_ratio(own, np.full(3, 0.3)), np.ones(3))
    stained = made_up.cell(made_up.disc(), 0.5).stained(np.array([2.0, 1.0, 1.0]))
    np.testing.assert_allclose(stained.passed[10, 10], [0.25, 0.5, 0.5], atol=1e-3)


def _read(tmp_path, pixels, mask):
    image_io.write_png(tmp_path / "a.png", pixels)
    image_io.write_mask(tmp_path / "mask.png", mask)
    cells = (dataset.Cell(*np.argwhere(mask)[len(np.argwhere(mask)) // 2][::-1], "Oval"),)
    sample = Sample("a", tmp_path / "a.png", tmp_path / "mask.png", "a", cells=cells)
    return source.read(sample, dataset.PAPER)


def test_cells_cut_off_by_the_edge_are_not_used(tmp_path):
    read = _read(tmp_path, *made_up.patch(0, 0.6, (15, 12), centre=(8, 30)))
    assert (len(read.cells), read.cut) == (0, 1)


def test_inked_cells_of_whole_fields_are_not_used(tmp_path):
    pixels, mask = made_up.patch(0, 0.6, (15, 12), centre=(100, 100), size=200)
    assert len(_read(tmp_path, pixels, mask).cells) == 1
    pixels[98:101, 95:105] = 20
    assert len(_read(tmp_path, pixels, mask).cells) == 0


def test_small_dark_things_clear_of_cells_are_debris(tmp_path):
    pixels, mask = made_up.patch(0, 0.6, (15, 12), centre=(100, 100), size=200)
    cv2.circle(pixels, (40, 40), 5, (140, 110, 150), cv2.FILLED)
    cv2.circle(pixels, (40, 2), 5, (140, 110, 150), cv2.FILLED)  # cut off
    (piece,) = _read(tmp_path, pixels, mask).debris
    assert (round(piece.x), round(piece.y), piece.type) == (40, 40, "")
