"""Import of Xu et al.'s cells: on a folder made here, and on the real one where it is at hand."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from rbc_tf.data import dataset, examples, regions
from rbc_tf.data.importers import sickle, sickle_masks

_FIRST, _SECOND = (f"SickleRBC_Classes_dataset_{number}" for number in (1, 2))


def _patch(seed, size=(60, 64), centre=(30, 32), axes=(22, 16), gap=None):
    """uint8 [H, W]: an ellipse with a bright ring and a dark rim on grey, grain added.

    `gap` is an angle, in degrees, around which the rim is faint.
    """
    y, x = np.mgrid[: size[0], : size[1]]
    rho = np.hypot((x - centre[1]) / axes[0], (y - centre[0]) / axes[1])
    ring = 60 * np.exp(-(((rho - 1.0) / 0.08) ** 2)) - 60 * np.exp(-(((rho - 0.82) / 0.07) ** 2))
    if gap is not None:
        angle = np.degrees(np.arctan2(y - centre[0], x - centre[1]))
        ring = np.where(np.abs(angle - gap) < 25, 0.45 * ring, ring)
    grain = np.random.default_rng(seed).normal(0, 2, size)
    return np.clip(160 + ring + grain, 0, 255).astype(np.uint8)


def _ellipse(size=(60, 64), centre=(30, 32), axes=(22, 16)):
    mask = np.zeros(size, np.uint8)
    return cv2.ellipse(mask, centre[::-1], axes, 0, 0, 360, 1, cv2.FILLED) > 0


def _overlap(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def _write(root, name, pixels, mode="L"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def sickle_dir(tmp_path):
    """Seven patches of five source images and four subjects, in all colour modes."""
    root = tmp_path / "clone"
    _write(root, f"{_FIRST}/Discocytes/JH1_Im13_subImg10_2.png", _patch(0))
    _write(root, f"{_FIRST}/Oval/JH1_Im14_subImg1.png", _patch(1), "RGB")
    _write(root, f"{_FIRST}/Elongated/JH2_Im41._subImg8_17.png", _patch(2), "RGBA")
    _write(root, f"{_FIRST}/Stomatocyte/JH2_Im41_subImg 9.png", _patch(3))
    _write(root, f"{_FIRST}/Granular/JH2_Im42_subImg1.png", _patch(4))
    _write(root, f"{_SECOND}/Sickle-ISC/SCR6Im48_subImg4_1.png", _patch(5))
    _write(root, f"{_SECOND}/Reticulocytes/MGH18_61915Im11_subImg16.png", _patch(6))
    _write(root, f"{_FIRST}/Oval/data_augmentation/1.png", _patch(1).T)
    return root


def test_import(sickle_dir, tmp_path):
    summary = sickle.import_sickle(sickle_dir, tmp_path / "out")
    assert (summary.images, summary.groups, summary.copies) == (7, 6, 1)
    assert summary.left_out == ()
    assert {subject: sum(cells.values()) for subject, cells in summary.cells.items()} == {
        "JH1": 2,
        "JH2": 3,
        "SCR6": 1,
        "MGH18": 1,
    }
    loaded = dataset.load_dataset(tmp_path / "out", check_pixels=True)
    found = {s.name: (s.group, s.subject, s.cells[0].type) for s in loaded}
    assert found == {
        "JH1_Im13_subImg10_2": ("JH1_Im13", "JH1", "Oval"),
        "JH1_Im14_subImg1": ("JH1_Im14", "JH1", "Oval"),
        "JH2_Im41_subImg8_17": ("JH2_Im41", "JH2", "Elon"),
        "JH2_Im41_subImg9": ("JH2_Im41", "JH2", "Stom"),
        "JH2_Im42_subImg1": ("JH2_Im42", "JH2", "Gran"),
        "SCR6_Im48_subImg4_1": ("SCR6_Im48", "SCR6", "Elon"),
        "MGH18_61915_Im11_subImg16": ("MGH18_61915_Im11", "MGH18", "Reti"),
    }
    for sample in loaded:
        (region,) = regions.find_regions(sample)
        assert (region.types, region.num_cells, region.complete) == (
            (sample.cells[0].type,),
            1,
            True,
        )
        assert examples.is_example(region)


def test_colour_modes_give_the_same_pixels(sickle_dir, tmp_path):
    for mode in ("L", "RGB", "RGBA"):
        _write(sickle_dir, f"{_FIRST}/Echinocytes/JH{mode}_Im1_subImg1.png", _patch(7), mode)
    sickle.import_sickle(sickle_dir, tmp_path / "out")
    loaded = dataset.load_dataset(tmp_path / "out")
    # Of other subjects, so that none could be kept of the three alike; the RGB one stands alone.
    assert not [s.name for s in loaded if s.name.endswith("Im1_subImg1")]
    pixels = np.asarray(Image.open(loaded.sample("JH2_Im41_subImg8_17").image_path))
    np.testing.assert_array_equal(pixels, _patch(2))


def test_twins_are_kept_once_and_reported(sickle_dir, tmp_path):
    _write(sickle_dir, f"{_FIRST}/Discocytes/JH1_Im16_subImg8.png", _patch(0), "RGB")
    _write(sickle_dir, f"{_FIRST}/Granular/JH2_Im43_subImg1.png", _patch(3))  # a Stom too
    _write(sickle_dir, f"{_FIRST}/Granular/JH2_Im42_subImg2.png", _patch(4)[2:, 3:])
    summary = sickle.import_sickle(sickle_dir, tmp_path / "out")
    reasons = {entry.path.rpartition("/")[2]: entry.reason for entry in summary.left_out}
    assert set(reasons) == {
        "JH1_Im16_subImg8.png",
        "JH2_Im43_subImg1.png",
        "JH2_Im41_subImg 9.png",
        "JH2_Im42_subImg2.png",
    }
    assert "Discocytes/JH1_Im13_subImg10_2.png" in reasons["JH1_Im16_subImg8.png"]
    assert "another subject or type" in reasons["JH2_Im41_subImg 9.png"]
    assert "cut otherwise" in reasons["JH2_Im42_subImg2.png"]
    assert summary.images == 6
    record = json.loads((tmp_path / "out" / "import.json").read_text())
    assert len(record["summary"]["left_out"]) == 4


def test_neighbours_in_overlapping_patches_are_two_cells(sickle_dir, tmp_path):
    field = np.concatenate([_patch(14), _patch(15)], axis=1)  # centres at x = 32 and 96
    _write(sickle_dir, f"{_FIRST}/Oval/JH3_Im1_subImg1_1.png", field[:, :100])
    _write(sickle_dir, f"{_FIRST}/Granular/JH3_Im1_subImg1_2.png", field[:, 28:])
    assert sickle.import_sickle(sickle_dir, tmp_path / "out").cells["JH3"]["Gran"] == 1


def test_what_cannot_be_used_is_reported(sickle_dir, tmp_path):
    _write(sickle_dir, f"{_FIRST}/Oval/cell.png", _patch(8))
    _write(sickle_dir, f"{_FIRST}/Oval/JH1_Im20_subImg1.png", np.full((50, 50), 160, np.uint8))
    _write(sickle_dir, f"{_FIRST}/Blister/JH1_Im21_subImg1.png", _patch(9))
    _write(sickle_dir, f"{_FIRST}/Oval/more/JH1_Im22_subImg1.png", _patch(9))
    _write(sickle_dir, "Deoxygenated/Oval/JH1_Im23_subImg1.png", _patch(9))
    (sickle_dir / _FIRST / "Oval" / "JH1_Im24_subImg1.png").write_bytes(b"no image")
    (sickle_dir / _FIRST / "Oval" / "notes.txt").write_text("")
    (sickle_dir / _SECOND / "README.txt").write_text("")
    (sickle_dir / ".git").mkdir()
    summary = sickle.import_sickle(sickle_dir, tmp_path / "out")
    reasons = {entry.path: entry.reason for entry in summary.left_out}
    for path, part in {
        f"{_FIRST}/Oval/cell.png": "no subject",
        f"{_FIRST}/Oval/JH1_Im20_subImg1.png": "no cell",
        f"{_FIRST}/Blister": "unknown class, of 1 image",
        f"{_FIRST}/Oval/more": "unknown folder of 1 image",
        "Deoxygenated": "unknown folder of 1 image",
        f"{_FIRST}/Oval/JH1_Im24_subImg1.png": "image is required",
        f"{_FIRST}/Oval/notes.txt": "no image",
        f"{_SECOND}/README.txt": "file beside",
    }.items():
        assert part in reasons.pop(path)
    assert not reasons
    assert summary.images == 7


def test_names_that_differ_by_stray_signs_are_kept_apart(sickle_dir, tmp_path):
    _write(sickle_dir, f"{_FIRST}/Oval/JH2_Im41_subImg8_17.png", _patch(10))
    summary = sickle.import_sickle(sickle_dir, tmp_path / "out")
    assert summary.images == 8
    names = [
        s.name
        for s in dataset.load_dataset(tmp_path / "out")
        if s.name.startswith("JH2_Im41_subImg8")
    ]
    assert names == ["JH2_Im41_subImg8_17", "JH2_Im41_subImg8_17_again2"]


def test_other_layouts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        sickle.import_sickle(tmp_path / "none", tmp_path / "out")
    with pytest.raises(ValueError, match="dataset_"):
        sickle.import_sickle(tmp_path, tmp_path / "out")
    _write(tmp_path, f"{_FIRST}/Oval/cell.png", _patch(0))
    with pytest.raises(ValueError, match=r"no patch can be used.*Oval/cell\.png"):
        sickle.import_sickle(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("gap", [None, 0, 90])
def test_masks_follow_the_ring_and_close_faint_rims(gap):
    mask = sickle_masks.segment_patch(_patch(11, gap=gap))
    assert _overlap(mask, _ellipse(axes=(24, 18))) > 0.88


def test_masks_leave_out_a_neighbour_that_does_not_touch():
    patch = _patch(12)
    other = _patch(13, centre=(58, 4), axes=(12, 9))
    patch[44:, :16] = other[44:, :16]
    mask = sickle_masks.segment_patch(patch)
    assert not mask[52:, :8].any()
    assert _overlap(mask, _ellipse(axes=(24, 18))) > 0.85


def test_masks_leave_out_a_platelet_that_hangs_on_the_cell():
    patch = _patch(14, size=(60, 84))
    cv2.circle(patch, (66, 30), 6, 120, cv2.FILLED)  # the ring ends at x = 56
    mask = sickle_masks.segment_patch(patch)
    assert not mask[:, 66:].any()
    assert _overlap(mask, _ellipse(size=(60, 84), axes=(24, 18))) > 0.88


@pytest.mark.slow
@pytest.mark.skipif("RBC_SICKLE_DIR" not in os.environ, reason="the real patches are not at hand")
def test_the_real_patches(tmp_path):
    summary = sickle.import_sickle(os.environ["RBC_SICKLE_DIR"], tmp_path / "out")
    assert summary.images > 900
    assert not [entry for entry in summary.left_out if "no cell" in entry.reason]
    reasons = {entry.path.rpartition("/")[2]: entry.reason for entry in summary.left_out}
    assert "JH172_Im13_subImg10_2" in reasons["JH172_Im16_subImg8.png"]
    loaded = dataset.load_dataset(tmp_path / "out", check_pixels=True)
    found = [region for sample in loaded for region in regions.find_regions(sample)]
    assert len(found) == len(loaded) == summary.images
    assert all(region.complete and region.num_cells == 1 for region in found)
