"""The dataset folder: what is read, and everything that is wrong at once."""

import dataclasses
import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image

from rbc_tf.core import files, image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.types import Cell
from rbc_tf.data import dataset, regions, splits
from tests import builders


@pytest.fixture
def folder(tmp_path):
    """Two images of 30 x 20 with a cell each."""
    mask = np.zeros((20, 30), bool)
    mask[5:15, 5:15] = True
    return builders.write_dataset(
        tmp_path,
        dict.fromkeys("ab", builders.grey_image(20, 30)),
        masks=dict.fromkeys("ab", mask),
        cells=[("a", 7, 8, "Oval")],
    )


def _problems(folder, **kwargs):
    with pytest.raises(dataset.DatasetError) as caught:
        dataset.load_dataset(folder, **kwargs)
    return caught.value.problems


def test_a_good_folder(folder):
    loaded = dataset.load_dataset(folder, check_pixels=True)
    assert [sample.name for sample in loaded] == ["a", "b"]
    assert loaded.sample("a").cells == (Cell(7, 8, "Oval"),)
    assert loaded.sample("b").cells == ()
    assert loaded.sample("b").group == "b"
    assert loaded.cell_types == PAPER
    with pytest.raises(KeyError, match="'c'"):
        loaded.sample("c")


def _check(folder, *flags):
    command = [sys.executable, "-m", "rbc_tf", "check-dataset", f"--dataset_dir={folder}", *flags]
    return subprocess.run(command, capture_output=True, text=True)


def test_images_in_which_nothing_is_seen_are_warned_of(folder):
    image_io.write_png(folder / "images" / "b.png", builders.grey_image(20, 30, 9))
    assert dataset.load_dataset(folder).exposures == {}  # pixels were not looked at
    loaded = dataset.load_dataset(folder, check_pixels=True)
    assert loaded.exposures == {"b": "nearly black"}
    done = _check(folder)
    assert done.returncode == 0, done.stderr
    assert "warning: 1 of 2 images come out nearly black (b)" in done.stdout
    strict = _check(folder, "--strict")
    assert strict.returncode == 1
    assert "come out nearly black (b)" in strict.stderr


def test_an_inverted_mask_and_cells_on_no_region_are_warned_of(folder):
    image_io.write_mask(folder / "masks" / "a.png", ~image_io.read_mask(folder / "masks" / "a.png"))
    rows = [("a", 7, 8, "Oval"), ("b", 20, 8, "Oval"), ("b", 25, 3, "Stom")]
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, rows)
    done = _check(folder)
    assert done.returncode == 0, done.stderr
    assert "no problems" not in done.stdout
    for warning in (
        "1 masks have one region of most of the image, as inverted ones have; first: image 'a'",
        "3 of 3 labelled cells lie on no region, and count nowhere; first: image 'a'",
    ):
        assert f"  warning: {warning}\n" in done.stdout


def test_images_that_are_not_read_are_told(folder):
    (folder / "images" / "c.czi").write_bytes(b"x")
    (line,) = dataset.unused_files(dataset.load_dataset(folder))
    assert line.startswith("1 file of kinds of images that are not read was passed over (c.czi)")


def test_all_problems_are_told_at_once(folder):
    (folder / "masks" / "b.png").unlink()
    image_io.write_mask(folder / "masks" / "a.png", np.zeros((5, 5), bool))
    image_io.write_jpeg(folder / "images" / "a.jpg", np.zeros((20, 30, 3), np.uint8))
    (folder / "images" / "c.png").write_text("no image")
    rows = [("a", 30, 8, "Oval"), ("a", 7, 8, "Oval "), ("a", "x", 8, "Oval"), ("d", 1, 1, "Oval")]
    rows += [("a", 1, 1, "Ovel"), ("a", 1)]
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, rows)
    found = "\n".join(_problems(folder))
    for expected in (
        "b.png: missing",
        "a.png: must be of the image's size, 30 x 20. Received: 5 x 5",
        "a.png: has the same name as a.jpg",
        "c.png: a PNG, JPEG, TIFF or BMP image is required",
        "cells.csv: line 2: point (30, 8) lies outside image 'a' of 30 x 20",
        "cells.csv: line 4: x must be a number. Received: 'x'",
        "cells.csv: line 5: there is no image 'd'",
        "cells.csv: line 6: unknown cell type 'Ovel'. Known: Oval, Elon",
        "cells.csv: line 7: 4 values are required",
    ):
        assert expected in found
    assert "line 3" not in found  # a space after the type is forgiven


@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif"])
def test_a_mask_of_the_pixels_as_they_are_stored_is_refused(folder, extension):
    (folder / "images" / "b.png").unlink()
    pixels, exif = Image.fromarray(builders.grey_image(20, 30)), Image.Exif()
    exif[274] = 6  # shown a quarter turn to the right
    tags = {"tiffinfo": {274: 6}} if extension == ".tif" else {"exif": exif}
    pixels.save(folder / "images" / f"b{extension}", **tags)
    (problem,) = _problems(folder)
    assert "b.png: must be of the image's size, 20 x 30. Received: 30 x 20" in problem
    image_io.write_mask(folder / "masks" / "b.png", np.ones((30, 20), bool))
    assert len(dataset.load_dataset(folder, check_pixels=True)) == 2


def test_pixels_are_checked_on_request(folder):
    path = folder / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:-20])
    grey = np.arange(600, dtype=np.uint8).reshape(20, 30)
    image_io.write_png(folder / "masks" / "b.png", grey)
    dataset.load_dataset(folder)
    damaged, greys = _problems(folder, check_pixels=True)
    assert "a.png: the image is damaged" in damaged
    assert "b.png: a mask must have two values" in greys


def test_missing_columns_and_folders(folder, tmp_path):
    files.write_csv(folder / "cells.csv", ("image", "x", "type"), [("a", 7, "Oval")])
    (problem,) = _problems(folder)
    assert "line 1: the columns image,x,y,type are required. Missing: y" in problem
    assert "images: missing" in _problems(tmp_path / "nowhere")[0]
    (tmp_path / "empty" / "images").mkdir(parents=True)
    assert "holds no image" in _problems(tmp_path / "empty")[0]


def test_own_types(folder):
    types = CellTypes((CellType("teardrop", "Teardrop", True),))
    types.save(folder / "cell_types.yaml")
    assert "unknown cell type 'Oval'" in _problems(folder)[0]
    rows = [("a", 7, 8, "teardrop"), ("a", 9, 9, "other")]
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, rows)
    assert dataset.load_dataset(folder).cell_types == types
    (folder / "cell_types.yaml").write_text("types: [{name: x}]")
    assert any("cell_types.yaml: line 1: Cell type number 1" in p for p in _problems(folder))


def test_regions_stand_in_for_a_mask(folder):
    (folder / "masks" / "b.png").unlink()
    rows = [("b", 1, 2, 11, 12, "Oval; Stom", 2, "true"), ("b", 0, 20, 5, 30, "", 1, 0)]
    files.write_csv(folder / "regions.csv", dataset.REGIONS_HEADER, rows)
    first, second = regions.find_regions(dataset.load_dataset(folder).sample("b"))
    assert (first.box, first.types, first.num_cells) == ((1, 2, 11, 12), ("Oval", "Stom"), 2)
    assert (first.complete, first.touches_border) == (True, False)
    assert (second.types, second.complete, second.touches_border) == ((), False, True)
    rows = [("b", 1, 2, 1, 12, "Oval", 1, "true"), ("b", 1, 2, 9, 31, "Oval", 1, "true")]
    rows += [("b", 1, 2, 9, 9, "Oval", 0, "true"), ("b", 1, 2, 9, 9, "Oval", 1, "maybe")]
    files.write_csv(folder / "regions.csv", dataset.REGIONS_HEADER, rows)
    expected = ["line 2: box", "line 3: box", "line 4: num_cells", "line 5: complete"]
    for problem, part in zip(_problems(folder), expected, strict=True):
        assert part in problem


def test_groups_and_splits(folder):
    files.write_csv(
        folder / "images.csv", dataset.IMAGES_HEADER, [("a", "s1", "train"), ("b", "", "")]
    )
    loaded = dataset.load_dataset(folder)
    assert [(s.group, s.split) for s in loaded] == [("s1", "train"), ("b", "")]
    assert [s.name for s in loaded.in_split("train")] == ["a"]
    with pytest.raises(ValueError, match="split 'test'"):
        loaded.in_split("test")
    rows = [("a", "s1", "train"), ("b", "s1", "test"), ("a", "s1", "dev")]
    files.write_csv(folder / "images.csv", dataset.IMAGES_HEADER, rows)
    found = "\n".join(_problems(folder))
    assert "line 4: split must be empty or one of" in found
    assert "group 's1' stands in several splits (test, train)" in found


def test_what_images_csv_may_say_besides(folder):
    header = (*dataset.IMAGES_HEADER, *dataset.IMAGES_OPTIONAL)
    rows = [("a", "s1", "", "Ann", "composed", "true"), ("b", "s2", "", "", "", "")]
    files.write_csv(folder / "images.csv", header, rows)
    loaded = dataset.load_dataset(folder)
    first, second = loaded
    assert (first.subject, first.origin, first.fully_labelled) == ("Ann", "composed", True)
    assert (second.subject, second.origin, second.fully_labelled) == ("", "", False)
    assert loaded.origins == ("composed",)
    assert dataset.origin_of(loaded) == "composed and real"
    assert dataset.origin_of([first]) == "composed"
    assert dataset.origin_of([second]) == ""
    dataset.write_images_table(folder, loaded)
    assert dataset.load_dataset(folder) == loaded
    rows[0] = ("a", "s1", "", "Ann", "composed", "perhaps")
    files.write_csv(folder / "images.csv", header, rows)
    assert (
        "line 2: fully_labelled must be true or false. Received: 'perhaps'" in _problems(folder)[0]
    )


def test_unused_columns_are_not_written(folder):
    dataset.write_images_table(folder, dataset.load_dataset(folder))
    assert (folder / "images.csv").read_text() == "image,group,split\na,a,\nb,b,\n"


def _dataset_of_groups(tmp_path, num_groups, per_group):
    rows, cells = [], []
    for group in range(num_groups):
        for number in range(per_group):
            name = f"{group:02d}_{number}"
            pixels = np.full((4, 4, 3), len(rows), np.uint8)  # no image is another's copy
            image_io.write_png(tmp_path / "images" / f"{name}.png", pixels)
            image_io.write_mask(tmp_path / "masks" / f"{name}.png", np.ones((4, 4), bool))
            rows.append((name, f"g{group:02d}", ""))
            # Sickle cells in one group of four only.
            cells.append((name, 1, 1, "Elon" if group % 4 == 0 else "Oval"))
    files.write_csv(tmp_path / "images.csv", dataset.IMAGES_HEADER, rows)
    files.write_csv(tmp_path / "cells.csv", dataset.CELLS_HEADER, cells)
    return dataset.load_dataset(tmp_path)


def test_splits_keep_groups_together_and_spread_types(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=12, per_group=2)
    config = splits.SplitConfig(validation=0.25, test=0.25, seed=3)
    drawn = splits.assign_splits(loaded, config)
    assert drawn == splits.assign_splits(loaded, config)
    assert drawn != splits.assign_splits(loaded, splits.SplitConfig(0.25, 0.25, seed=4))
    splits.save_splits(loaded, drawn, config)
    record = json.loads((tmp_path / "splits.json").read_text())
    expected = {"validation": 0.25, "test": 0.25, "seed": 3, "group_by": "group"}
    assert record["config"] == expected
    assert {g: split for split, groups in record["groups"].items() for g in groups} == drawn
    again = dataset.load_dataset(tmp_path)  # would refuse a group in two splits
    for split, num_images in (("train", 12), ("validation", 6), ("test", 6)):
        members = again.in_split(split)
        assert len(members) == num_images
        assert {cell.type for sample in members for cell in sample.cells} == {"Oval", "Elon"}


def test_cells_that_regions_hold_too_are_counted_once(tmp_path):
    """A region of several cells is no cell more: masks and regions give the same splits."""
    loaded = _dataset_of_groups(tmp_path, num_groups=12, per_group=2)
    config = splits.SplitConfig(validation=0.25, test=0.25, seed=3)
    regions_of = [
        dataclasses.replace(sample, regions=(regions.Region((0, 0, 4, 4), ("Oval",), 2),) * number)
        for number, sample in enumerate(loaded)
    ]
    both = dataclasses.replace(loaded, samples=tuple(regions_of))
    assert splits.assign_splits(both, config) == splits.assign_splits(loaded, config)


def test_too_few_groups_cannot_be_split(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=2, per_group=2)
    with pytest.raises(ValueError, match=r"at least 3 groups.*g00, g01"):
        splits.assign_splits(loaded, splits.SplitConfig())


def _copy(folder, name, copy):
    (folder / "images" / f"{copy}.png").write_bytes(
        (folder / "images" / f"{name}.png").read_bytes()
    )


def test_groups_with_copies_of_one_image_come_into_one_split(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=12, per_group=2)
    config = splits.SplitConfig(validation=0.25, test=0.25, seed=3)
    before = splits.assign_splits(loaded, config)
    together = next(g for g in sorted(before) if g != "g00" and before[g] == before["g00"])
    apart = next(g for g in sorted(before) if before[g] != before["g00"])
    _copy(tmp_path, "00_0", f"{together[1:]}_1")
    assert splits.assign_splits(loaded, config) == before  # a draw that was right stays
    _copy(tmp_path, "00_1", f"{apart[1:]}_0")
    drawn = splits.assign_splits(loaded, config)
    assert drawn["g00"] == drawn[together] == drawn[apart]


def test_copies_stay_together_however_many_there_are(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=40, per_group=2)
    for pair in range(20):  # no draw has all of them together
        _copy(tmp_path, f"{2 * pair:02d}_0", f"{2 * pair + 1:02d}_1")
    drawn = splits.assign_splits(loaded, splits.SplitConfig())
    assert all(drawn[f"g{2 * n:02d}"] == drawn[f"g{2 * n + 1:02d}"] for n in range(20))
    assert set(drawn.values()) == set(dataset.SPLITS)


def test_groups_that_share_images_count_as_one(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=4, per_group=2)
    splits.assign_splits(loaded, splits.SplitConfig())
    _copy(tmp_path, "00_0", "01_0")
    _copy(tmp_path, "01_1", "02_0")  # and so g02 is with g00
    with pytest.raises(ValueError, match=r"at least 3 groups without an image in common.*: 2"):
        splits.assign_splits(loaded, splits.SplitConfig())


@pytest.mark.parametrize(("validation", "test"), [(0, 0.2), (0.5, 0.5), (0.2, 1)])
def test_shares_are_checked(validation, test):
    with pytest.raises(ValueError, match="must"):
        splits.SplitConfig(validation, test)


def _with_subjects(loaded, subject_of_group):
    samples = [
        dataclasses.replace(sample, subject=subject_of_group(sample.group)) for sample in loaded
    ]
    dataset.write_images_table(loaded.root, samples)
    return dataset.load_dataset(loaded.root)


def test_splits_by_subject(tmp_path):
    loaded = _dataset_of_groups(tmp_path, num_groups=12, per_group=1)
    loaded = _with_subjects(loaded, lambda group: f"p{int(group[1:]) % 4}")
    config = splits.SplitConfig(validation=0.25, test=0.25, group_by="subject")
    drawn = splits.assign_splits(loaded, config)
    splits.save_splits(loaded, drawn, config)
    again = dataset.load_dataset(tmp_path)
    sides = {
        subject: {s.split for s in again if s.subject == subject}
        for subject in ["p0", "p1", "p2", "p3"]
    }
    assert sorted(len(side) for side in sides.values()) == [1, 1, 1, 1]
    assert set().union(*sides.values()) == set(dataset.SPLITS)


def test_splits_by_subject_need_subjects_of_whole_groups(tmp_path):
    by_subject = splits.SplitConfig(group_by="subject")
    loaded = _dataset_of_groups(tmp_path, num_groups=3, per_group=2)
    with pytest.raises(ValueError, match="none for '00_0'"):
        splits.assign_splits(loaded, by_subject)
    samples = [dataclasses.replace(s, subject=s.name[-1]) for s in loaded]
    mixed = dataset.Dataset(tmp_path, tuple(samples), loaded.cell_types)
    with pytest.raises(ValueError, match="'g00' of 0 and 1"):
        splits.assign_splits(mixed, by_subject)
    with pytest.raises(ValueError, match=r"3 subjects.*2"):
        splits.assign_splits(_with_subjects(loaded, lambda group: str(group == "g00")), by_subject)
    with pytest.raises(ValueError, match=r"group, subject.*patient"):
        splits.SplitConfig(group_by="patient")


@pytest.mark.parametrize(
    ("table", "text", "problem"),
    [
        ("cells", "image,x,y,type\na,1_5,8,Oval\n", "line 2: x must be a number. Received: '1_5'"),
        ("cells", "image,x,y,type\na,nan,8,Oval\n", "line 2: x must be a number"),
        ("cells", "image,x,y,x,type\na,1,2,3,Oval\n", "line 1: the column x is given twice"),
        ("cells", "image,x,y,type\na,1,2,Oval,9\n", "line 2: 4 values are required. Received: 5"),
        ("regions", "1,1,9,9,Oval,3000000000,true", "num_cells must be a whole number from 1 to"),
        ("regions", "1,1,9,9,Oval,1e300,true", "num_cells must be a whole number from 1 to"),
        ("regions", "1,1,9,1.0000001,Oval,1,true", "must have sides of one pixel or more"),
    ],
)
def test_values_that_make_no_sense_are_named_with_their_line(folder, table, text, problem):
    if table == "regions":
        text = f"{','.join(dataset.REGIONS_HEADER)}\na,{text}\n"
    (folder / f"{table}.csv").write_text(text)
    assert f"{table}.csv: " in _problems(folder)[0]
    assert problem in _problems(folder)[0]


def test_names_that_a_spreadsheet_would_take_for_formulas_come_back(folder):
    name = "-2+3"
    for kind in ("images", "masks"):
        (folder / kind / "a.png").rename(folder / kind / f"{name}.png")
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, [(name, 7, 8, "Oval")])
    assert "'-2+3,7" in (folder / "cells.csv").read_text()
    assert dataset.load_dataset(folder).sample(name).cells == (Cell(7, 8, "Oval"),)
    # As somebody else writes it.
    (folder / "cells.csv").write_text(f"image,x,y,type\n{name},7,8,Oval\n")
    assert dataset.load_dataset(folder).sample(name).cells == (Cell(7, 8, "Oval"),)


# -- names and tables as people write them

_NFC, _NFD = (unicodedata.normalize(form, "né") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("image", [_NFC, _NFD])
@pytest.mark.parametrize("mask", [_NFC, _NFD])
@pytest.mark.parametrize("row", [_NFC, _NFD, f" {_NFC} ", f"{_NFD}.png"])
def test_names_are_the_same_however_their_letters_are_stored(tmp_path, image, mask, row):
    cells = builders.discs(20, 30, (8, 8, 5))
    builders.write_dataset(tmp_path, {image: builders.grey_image(20, 30)}, masks={mask: cells})
    header = "image;x;y;type"
    (tmp_path / "cells.csv").write_text(f"{header}\n{row};7,5;8;Oval\n", encoding="utf-8")
    (sample,) = dataset.load_dataset(tmp_path, check_pixels=True)
    assert (sample.name, sample.cells) == (image, (Cell(7.5, 8, "Oval"),))
    assert regions.find_regions(sample)[0].types == ("Oval",)


def test_types_and_groups_are_the_same_however_their_letters_are_stored(folder):
    CellTypes((CellType(_NFD, "N", False),)).save(folder / "cell_types.yaml")
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, [("a", 7, 8, f"{_NFC} ")])
    rows = [("a", _NFC, "train"), ("b", f"{_NFD} ", "test")]
    files.write_csv(folder / "images.csv", dataset.IMAGES_HEADER, rows)
    (problem,) = _problems(folder)
    assert f"group '{_NFC}' stands in several splits" in problem


def test_images_that_look_alike_are_one_too_many(tmp_path):
    images = {name: builders.grey_image(20, 30) for name in (_NFC, _NFD)}
    builders.write_dataset(tmp_path, images, masks={_NFC: builders.discs(20, 30, (8, 8, 5))})
    assert any("has the same name as" in problem for problem in _problems(tmp_path))


def test_names_that_are_no_text_are_named(folder):
    (folder / "images" / "a.png").rename(folder / "images" / os.fsdecode(b"a\xe9.png"))
    assert any("a\\xe9.png: the name must be UTF-8" in problem for problem in _problems(folder))


@pytest.mark.parametrize("name", ["a.jpg", "c.png", "A", "images/a"])
def test_other_names_are_no_image(folder, name):
    files.write_csv(folder / "cells.csv", dataset.CELLS_HEADER, [(name, 7, 8, "Oval")])
    (problem,) = _problems(folder)
    assert f"line 2: there is no image '{name}' in images/" in problem


@pytest.mark.parametrize("text", ["name: 1", "name: 1.0", "name: yes", "name: 2024-01-01"])
def test_types_that_yaml_takes_for_something_else_are_named(folder, text):
    entry = f"types:\n- {text}\n  display_name: One\n  abnormal: false\n"
    (folder / "cell_types.yaml").write_text(entry)
    (problem,) = _problems(folder)
    assert "in quotes" in problem
    quoted = text.replace(": ", ': "') + '"'
    (folder / "cell_types.yaml").write_text(entry.replace(text, quoted))
    (folder / "cells.csv").unlink()
    assert dataset.load_dataset(folder).cell_types.names == (text.partition(": ")[2],)


def test_samples_are_taken_evenly_spaced():
    samples = list(range(10))
    assert dataset.evenly_spaced(samples, 4) == [0, 2, 4, 6]
    assert dataset.evenly_spaced(samples, None) is samples
    assert dataset.evenly_spaced(samples, 10) is samples
