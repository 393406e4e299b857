"""Boxes of cells from VOC files and CSV tables."""

import numpy as np
import pytest

from rbc_tf.core import image_io
from rbc_tf.evaluation.cells import annotations
from tests import builders

_VOC = """<annotation><filename>a.png</filename>
<object><name>RBC</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>
</object></annotation>"""


@pytest.fixture
def images(tmp_path):
    image_io.write_png(tmp_path / "in" / "a.png", builders.grey_image(20, 40))
    return tmp_path / "in"


def _csv(tmp_path, *rows):
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join(["image,xmin,ymin,xmax,ymax,label", *rows]))
    return path


def test_voc(images, tmp_path):
    (tmp_path / "a.xml").write_text(_VOC)
    found = annotations.read(tmp_path / "a.xml", images, [])
    np.testing.assert_array_equal(found[images / "a.png"]["RBC"], [[2, 1, 22, 11]])


@pytest.mark.parametrize(("units", "factor"), [("pixels", (1, 1)), ("shares", (20, 40))])
def test_csv(images, tmp_path, units, factor):
    path = _csv(tmp_path, "a.png,0.25,0,0.5,0.5,rbc", "a.png,0,0,1,1,wbc", "a.png,0,0,0.5,1,rbc")
    found = annotations.read(path, images, [], units)[images / "a.png"]
    y, x = factor
    np.testing.assert_allclose(found["rbc"], [[0, 0.25 * x, 0.5 * y, 0.5 * x], [0, 0, y, 0.5 * x]])
    np.testing.assert_allclose(found["wbc"], [[0, 0, y, x]])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,0,0,x,1,rbc", "line 3: xmax must be a number"),
        ("a.png,1,0,1,1,rbc", "line 3: a box must have a height and a width"),
        ("b.png,0,0,1,1,rbc", "line 3: there is no image 'b.png'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_left_out(images, tmp_path, row, message):
    problems = []
    found = annotations.read(_csv(tmp_path, "a.png,0,0,1,1,rbc", row), images, problems)
    assert len(found[images / "a.png"]["rbc"]) == 1
    assert [message in problem for problem in problems] == [True]


def test_nothing_right_is_an_error(images, tmp_path):
    (tmp_path / "a.xml").write_text(_VOC[:60])
    with pytest.raises(ValueError, match=r"(?s)labelled cells are required.*a\.xml"):
        annotations.read(tmp_path / "a.xml", images, [])


def test_two_files_of_one_image_are_told(images, tmp_path):
    folder = tmp_path / "voc"
    folder.mkdir()
    for name in ("a", "copy"):
        (folder / f"{name}.xml").write_text(_VOC)
    problems = []
    assert len(annotations.read(folder, images, problems)) == 1
    assert "another file is of a.png as well" in problems[0]


def test_other_units_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="pixels, shares"):
        annotations.read(_csv(tmp_path, "a.png,0,0,1,1,rbc"), images, [], "share")
