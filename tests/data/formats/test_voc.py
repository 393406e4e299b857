"""Pascal VOC, after the development kit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.data import regions
from rbc_tf.data.formats import voc
from rbc_tf.data.formats.marked import MarkedRegion

# VOC2007's first image, as the challenge distributes it.
_VOC2007 = """<annotation>
	<folder>VOC2007</folder>
	<filename>000001.jpg</filename>
	<source>
		<database>The VOC2007 Database</database>
		<annotation>PASCAL VOC2007</annotation>
		<image>flickr</image>
		<flickrid>341012865</flickrid>
	</source>
	<owner>
		<flickrid>Fried Camels</flickrid>
		<name>Jinky the Fruit Bat</name>
	</owner>
	<size>
		<width>353</width>
		<height>500</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>dog</name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>48</xmin>
			<ymin>240</ymin>
			<xmax>195</xmax>
			<ymax>371</ymax>
		</bndbox>
	</object>
	<object>
		<name>person</name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>8</xmin>
			<ymin>12</ymin>
			<xmax>352</xmax>
			<ymax>498</ymax>
		</bndbox>
	</object>
</annotation>
"""


def _object(name="Oval", box=(1, 1, 2, 2), more=""):
    edges = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    tags = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    return f"<object><name>{name}</name>{more}<bndbox>{tags}</bndbox></object>"


def _file(path, *objects, head="<filename>a.png</filename>"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation>{head}{''.join(objects)}</annotation>", encoding="utf-8")
    return path


def _read(path, **kwargs):
    problems = []
    images = voc.read(path, problems, **kwargs)
    assert problems == []
    return images


def test_a_file_of_the_challenge(tmp_path):
    (tmp_path / "000001.xml").write_text(_VOC2007)
    (image,) = _read(tmp_path)
    assert (image.name, image.height, image.width) == ("000001.jpg", 500, 353)
    # Pixels 240 to 371, counted from 1, are 132 rows, 239 to 370 counted from 0.
    assert image.regions == (
        MarkedRegion((239, 47, 371, 195), ("dog",)),
        MarkedRegion((11, 7, 498, 352), ("person",)),
    )


@given(
    st.tuples(st.integers(1, 20), st.integers(1, 30)),
    st.tuples(st.integers(1, 20), st.integers(1, 30)),
)
def test_a_box_covers_the_pixels_it_names(tmp_path_factory, one, other):
    """Paint the pixels that VOC names, from first to last; our box is the painted region's."""
    (ymin, xmin), (ymax, xmax) = np.minimum(one, other), np.maximum(one, other)
    mask = np.zeros((20, 30), bool)
    for row in range(ymin, ymax + 1):  # both ends are inside
        mask[row - 1, xmin - 1 : xmax] = True  # counted from 1
    _labels, stats = regions.label_regions(mask, regions.RegionConfig(min_area=1))
    path = _file(tmp_path_factory.mktemp("voc") / "a.xml", _object(box=(xmin, ymin, xmax, ymax)))
    (image,) = _read(path)
    assert [region.box for region in image.regions] == [tuple(stats[0, :4])]


def test_edges_counted_from_zero(tmp_path):
    path = _file(tmp_path / "a.xml", _object(box=(0, 2.5, 7, 9.25)))
    (image,) = _read(path, zero_based=True)
    assert image.regions[0].box == (2.5, 0, 9.25, 7)
    problems = []
    voc.read(path, problems)
    assert len(problems) == 1
    assert f"{path}: object 1: VOC counts pixels from 1. Received: xmin 0, ymin 2.5" in problems[0]
    assert "--zero_based" in problems[0]


def test_folders_names_and_further_elements(tmp_path):
    more = "<num_cells>3</num_cells><complete>0</complete>"
    _file(tmp_path / "slide 1" / "x.xml", _object("Oval + Disc", more=more), head="")
    _file(tmp_path / "slide 2" / "é.xml", head="<filename>№ 2.png</filename><size/>")
    unknown = "<size><width>0</width><height>0</height></size>"
    _file(tmp_path / "y.xml", head=f"<filename> </filename>{unknown}")
    (tmp_path / "._y.xml").write_bytes(b"\0")  # macOS leaves such beside a file
    first, second, third = _read(tmp_path)
    assert [image.name for image in (first, second, third)] == ["slide 1/x", "slide 2/№ 2.png", "y"]
    assert first.regions == (MarkedRegion((0, 0, 2, 2), ("Oval + Disc",), 3, False),)
    assert (second.regions, second.height) == ((), None)
    assert (third.height, third.width) == (None, None)


_TURN = "<attribute><name>rotation</name><value>9</value></attribute>"


def test_every_problem_is_told(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation>")
    (tmp_path / "b.xml").write_text("<html/>")
    _file(tmp_path / "c.xml", head="<size><width>x</width><height>1</height></size>")
    bad = {
        "bndbox must have a number xmax. Received: 'two'": _object(box=(1, 1, "two", 2)),
        "bndbox must have a number ymin. Received: None": "<object><name>a</name></object>",
        "bndbox must have a number ymax. Received: 'nan'": _object(box=(1, 1, 2, "nan")),
        "name must be text": _object(name=" "),
        "a box must have a height and a width": _object(box=(5, 1, 2, 2)),
        "num_cells must be a whole number": _object(more="<num_cells>many</num_cells>"),
        "num_cells must be a whole number from 1 to": _object(more="<num_cells>1e999</num_cells>"),
        "one bndbox is required. Received: 2": _object(more="<bndbox><xmin>1</xmin></bndbox>"),
        "one name is required. Received: 2": _object(more="<name>Stom</name>"),
        "one xmin is required. Received: 2": _object(box=("1</xmin><xmin>2", 1, 3, 3)),
        "one complete is required": _object(more="<complete>1</complete><complete>0</complete>"),
        "one attribute rotation is required": _object(more=f"<attributes>{_TURN * 2}</attributes>"),
    }
    path = _file(tmp_path / "d.xml", *bad.values())
    problems = []
    assert [image.name for image in voc.read(tmp_path, problems)] == ["a.png"]
    for name, problem in zip("abc", problems, strict=False):
        assert problem.startswith(f"{tmp_path / name}.xml: cannot be read as VOC XML")
    for number, (problem, part) in enumerate(zip(problems[3:], bad, strict=True), start=1):
        assert problem.startswith(f"{path}: object {number}: ")
        assert part in problem


def test_nothing_to_read(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="a VOC file"):
            voc.read(path, [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            '<!DOCTYPE a [<!ENTITY b "bbbb">]><annotation>&b;</annotation>',
            "line 1: a document type is not read",
        ),
        ("<a>" * 100_000, "at most 100 elements may be nested"),
        (
            "<annotation><size><width>1_0</width><height>9</height></size></annotation>",
            "a number is required",
        ),
        ("<annotation>", "no element found"),
        (
            f"<annotation>{'<filename>a.png</filename>' * 2}</annotation>",
            "one filename is required",
        ),
        (f"<annotation>{'<size/>' * 2}</annotation>", "one size is required"),
    ],
)
def test_files_beyond_bounds_are_refused(tmp_path, content, problem):
    (tmp_path / "a.xml").write_text(content)
    problems = []
    assert voc.read(tmp_path, problems) == []
    assert "a.xml: cannot be read as VOC XML" in problems[0]
    assert problem in problems[0]
