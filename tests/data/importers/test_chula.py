"""Import of Chula RBC-12: on a folder made here, and on the real one where it is at hand."""

import os
import pathlib

import cv2
import numpy as np
import pytest

from rbc_tf.data import dataset, examples, regions, segmentation
from rbc_tf.data.importers import chula

# Of the dark discs drawn below; x, y.
_CENTRES = ((60, 60), (140, 60), (60, 140), (140, 140))


def _smear():
    """uint8 [200, 200, 3]: four dark discs with pale centres on an unevenly lit field."""
    y, x = np.mgrid[:200, :200]
    field = 170 + 0.3 * x + 0.1 * y
    for cx, cy in _CENTRES:
        distance = np.hypot(x - cx, y - cy)
        field[distance < 18] *= 0.7
        field[distance < 7] /= 0.72  # paler than the field at places: a hole of the threshold
    noise = np.random.default_rng(0).normal(0, 2, (200, 200))
    return np.clip(field + noise, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)


@pytest.fixture
def chula_dir(tmp_path):
    root = tmp_path / "chula"
    for folder in ("Dataset", "Label"):
        (root / folder).mkdir(parents=True)
    for number in (1, 12, 13):
        cv2.imwrite(str(root / "Dataset" / f"{number}.jpg"), _smear())
    (root / "Label" / "1.txt").write_text("60 60 0\n140 60 12\n\n60 140 10\n140 140 1\n")
    (root / "Label" / "13.txt").write_text("5 5 8\n")
    return root


def test_segmentation_fills_pallor_and_ignores_the_light():
    mask = segmentation.segment_cells(_smear())
    _labels, stats = regions.label_regions(mask, regions.RegionConfig())
    assert len(stats) == 4
    assert all(mask[y, x] for x, y in _CENTRES)
    disc = np.pi * 18**2
    assert np.abs(stats[:, 4] / disc - 1).max() < 0.12


def test_import(chula_dir, tmp_path):
    summary = chula.import_chula(chula_dir, tmp_path / "out", block_size=12)
    assert (summary.images, summary.points, summary.points_on_cells) == (3, 5, 4)
    loaded = dataset.load_dataset(tmp_path / "out", check_pixels=True)
    assert [sample.name for sample in loaded] == ["001", "012", "013"]
    assert [sample.group for sample in loaded] == ["block_00", "block_00", "block_01"]
    first = loaded.sample("001")
    assert [cell.type for cell in first.cells] == ["normal", "elliptocyte", "other", "macrocyte"]
    counts = examples.count_regions(regions.find_regions(first))
    assert (counts["all"], counts["examples"], counts["other_type"]) == (4, 3, 1)


def test_the_papers_types(chula_dir, tmp_path):
    summary = chula.import_chula(chula_dir, tmp_path / "out", type_table="paper")
    assert summary.points_of_other_type == 2  # uncategorised and macrocyte
    loaded = dataset.load_dataset(tmp_path / "out")
    assert [cell.type for cell in loaded.sample("001").cells] == ["Oval", "Elon", "other", "other"]
    assert loaded.cell_types.names == ("Oval", "Elon", "Echi", "Stom")


def test_near_cells_are_one_region_where_asked(chula_dir, tmp_path):
    # The discs' edges are 80 - 2 * 18 = 44 pixels apart, along rows and columns.
    summary = chula.import_chula(chula_dir, tmp_path / "out", touching_distance=50)
    assert summary.complete_multi_cell == 1  # the first image, all four labelled
    first, second = (dataset.load_dataset(tmp_path / "out").sample(n) for n in ("001", "012"))
    (region,) = regions.find_regions(first)
    assert region.types == ("elliptocyte", "macrocyte", "normal", "other")
    assert (region.num_cells, region.complete) == (4, True)
    (region,) = regions.find_regions(second)
    assert (region.num_cells, region.complete, region.types) == (4, False, ())
    with pytest.raises(ValueError, match=r"touching_distance.*-1"):
        chula.import_chula(chula_dir, tmp_path / "other", touching_distance=-1)


@pytest.mark.parametrize(
    "line",
    ["60 60", "60 60 13", "200 60 0", "a b c", "10 1_5 3", "\u0661 5 3", "5.5 5 3", "nan 5 3"],
)
def test_bad_lines_are_named(chula_dir, tmp_path, line):
    (chula_dir / "Label" / "12.txt").write_text(f"1 1 0\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"12\.txt: line 2"):
        chula.import_chula(chula_dir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["latin-1", "pipe", "folder", "link to nothing"])
def test_label_files_that_cannot_be_read_are_named(chula_dir, tmp_path, kind):
    path = chula_dir / "Label" / "12.txt"
    if kind == "latin-1":
        path.write_bytes(b"60 60 0\n\xe9")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"12\.txt: cannot be read as UTF-8 text"):
        chula.import_chula(chula_dir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_byte_order_mark_is_no_label(chula_dir, tmp_path):
    (chula_dir / "Label" / "12.txt").write_text("60 60 0\n", encoding="utf-8-sig")
    assert chula.import_chula(chula_dir, tmp_path / "out").points == 6


@pytest.mark.parametrize("name", ["\u0663", "007"])
def test_numbers_of_images_are_plain(chula_dir, tmp_path, name):
    cv2.imwrite(str(chula_dir / "Dataset" / f"{name}.jpg"), _smear())
    with pytest.raises(ValueError, match=f"named by number are required. Received: {name}"):
        chula.import_chula(chula_dir, tmp_path / "out")


def test_each_number_has_one_image(chula_dir, tmp_path):
    cv2.imwrite(str(chula_dir / "Dataset" / "1.png"), _smear())
    with pytest.raises(ValueError, match=r"one image of each number .* 1\.jpg, 1\.png"):
        chula.import_chula(chula_dir, tmp_path / "out")


def test_other_layouts_are_refused(chula_dir, tmp_path):
    with pytest.raises(ValueError, match="no Dataset"):
        chula.import_chula(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="own, paper"):
        chula.import_chula(chula_dir, tmp_path / "out", type_table="mine")
    (chula_dir / "Dataset" / "x.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="named by number"):
        chula.import_chula(chula_dir, tmp_path / "out")


@pytest.mark.skipif("RBC_CHULA_DIR" not in os.environ, reason="the real dataset is not at hand")
def test_real_points_lie_on_the_masks(tmp_path):
    """On every twentieth image at least 97 % of the labelled cells lie on the mask."""
    source = pathlib.Path(os.environ["RBC_CHULA_DIR"])
    small = tmp_path / "chula"
    for folder in ("Dataset", "Label"):
        (small / folder).mkdir(parents=True)
    numbers = sorted(int(path.stem) for path in (source / "Label").glob("*.txt"))[::20]
    for number in numbers:
        for name in (f"Dataset/{number}.jpg", f"Label/{number}.txt"):
            (small / name).symlink_to((source / name).resolve())
    summary = chula.import_chula(small, tmp_path / "out")
    assert summary.points > 300
    assert summary.points_on_cells / summary.points >= 0.97
