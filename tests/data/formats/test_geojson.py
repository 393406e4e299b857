"""QuPath's GeoJSON: read by shapely (GEOS), and back."""

import json

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from rbc_tf.data.formats import geojson
from rbc_tf.data.formats.marked import MarkedCell, MarkedImage, MarkedRegion

_TYPES = ("Oval + Disc", "Stom", "Zähl", "other")


def _edges():
    return (
        st.tuples(*(st.floats(0, 5000, width=32) for _ in range(2)))
        .map(sorted)
        .filter(lambda edges: edges[0] < edges[1])
    )


@st.composite
def _regions(draw):
    (ymin, ymax), (xmin, xmax) = draw(_edges()), draw(_edges())
    types = tuple(draw(st.lists(st.sampled_from(_TYPES), unique=True)))
    cells, complete = draw(st.none() | st.integers(1, 9)), draw(st.none() | st.booleans())
    return MarkedRegion((ymin, xmin, ymax, xmax), types, cells, complete)


_COORDINATES = st.floats(0, 5000)
_CELLS = st.builds(MarkedCell, _COORDINATES, _COORDINATES, st.sampled_from(("", *_TYPES)))


def _read(path):
    problems = []
    images = geojson.read(path, problems)
    assert problems == []
    return images


@given(st.lists(_regions(), max_size=4), st.lists(_CELLS, max_size=3))
def test_what_is_written_comes_back(tmp_path_factory, regions, cells):
    folder = tmp_path_factory.mktemp("geojson")
    image = MarkedImage("Objektträger 1/№ 7.é.png", 5000, 5000, tuple(regions), tuple(cells))
    geojson.writer(folder, _TYPES, "annotation")(image)
    (found,) = _read(folder)
    assert (found.name, found.regions, found.cells) == (image.name, image.regions, image.cells)
    # Shapely hands the text to GEOS, which has a reader of its own.
    text = (folder / f"{image.name}.geojson").read_text(encoding="utf-8")
    shapes = shapely.from_geojson(text).geoms
    assert len(shapes) == len(regions) + len(cells)
    for shape, region in zip(shapes, regions, strict=False):
        ymin, xmin, ymax, xmax = region.box
        assert shape.equals(shapely.box(xmin, ymin, xmax, ymax))
        assert shape.exterior.is_ccw  # as RFC 7946 wants it
    for shape, cell in zip(list(shapes)[len(regions) :], cells, strict=True):
        assert (shape.x, shape.y) == (cell.x, cell.y)


def test_properties_as_qupath_reads_them(tmp_path):
    """What QuPath 0.4 and later demand: a name or names with a colour, numbers as measurements."""
    p = {"Oval + Disc": 0.9, "Stom": 0.6, "Zähl": 1e-11}
    regions = (
        MarkedRegion((0, 0, 5, 5), ("Oval + Disc", "Stom"), None, None, 0.98, p, 0.75),
        MarkedRegion((0, 0, 5, 5), ("Stom",), 2, False),
        MarkedRegion((0, 0, 5, 5)),
    )
    image = MarkedImage("a.png", 9, 9, regions, (MarkedCell(1, 2, "Stom"),))
    geojson.writer(tmp_path, _TYPES, "detection")(image)
    content = json.loads((tmp_path / "a.png.geojson").read_text(encoding="utf-8"))
    several, one, none, cell = (feature["properties"] for feature in content["features"])
    assert several.pop("classification") == {"names": ["Oval + Disc", "Stom"], "color": [0, 0, 0]}
    assert several == {
        "objectType": "detection",
        "name": "region 1",
        "isLocked": False,
        "measurements": {
            "score": 0.98,
            "abnormal_probability": 0.75,
            "p_Oval + Disc": 0.9,
            "p_Stom": 0.6,
            "p_Zähl": 1e-11,
        },
    }
    assert one["measurements"] == {"num_cells": 2, "complete": 0}
    assert one["classification"]["name"] == "Stom"
    assert len(one["classification"]["color"]) == 3
    assert all(0 <= c <= 255 for c in one["classification"]["color"])
    assert "classification" not in none
    assert cell["objectType"] == "annotation"
    assert cell["classification"] == one["classification"]


def test_an_image_without_regions(tmp_path):
    geojson.writer(tmp_path, _TYPES, "detection")(MarkedImage("a.png", 9, 9))
    text = (tmp_path / "a.png.geojson").read_text(encoding="utf-8")
    assert shapely.from_geojson(text).is_empty
    (found,) = _read(tmp_path / "a.png.geojson")
    assert (found.name, found.regions, found.cells) == ("a.png", (), ())


def test_a_colon_would_part_a_type_in_two(tmp_path):
    with pytest.raises(ValueError, match="Received: a:b"):
        geojson.writer(tmp_path, ("Oval", "a:b"), "detection")


_RING = [[10, 20], [14, 20], [14, 26], [10, 26], [10, 20]]
_BOX = (20, 10, 26, 14)


def _feature(classification=None, geometry=None, **properties):
    geometry = geometry or {"type": "Polygon", "coordinates": [_RING]}
    if classification is not None:
        properties["classification"] = classification
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _file(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("classification", "types"),
    [
        (None, ()),
        ({}, ()),  # QuPath's null class
        ({"name": "Oval", "color": [1, 2, 3]}, ("Oval",)),
        ({"names": ["Oval", "Stom"], "color": [1, 2, 3]}, ("Oval", "Stom")),
        ("Oval: Stom", ("Oval", "Stom")),
        ({"name": "Oval: Stom", "color": [1, 2, 3]}, ("Oval", "Stom")),
        # As QuPath wrote it before 0.4.
        ({"name": "Oval", "colorRGB": -377282}, ("Oval",)),
        (
            {"parentClass": {"name": "Oval", "colorRGB": -1}, "name": "Stom", "colorRGB": -2},
            ("Oval", "Stom"),
        ),
    ],
)
def test_classes(tmp_path, classification, types):
    content = {"type": "FeatureCollection", "features": [_feature(classification)]}
    (image,) = _read(_file(tmp_path / "a.geojson", content))
    assert image.regions == (MarkedRegion(_BOX, types),)


def test_what_people_draw(tmp_path):
    """Ellipses, holes, several parts, points alone and together, children, an array at the top."""
    parts = [[[[0, 1], [2, 1], [2, 3], [0, 1]]], [[[5, 7.5], [6, 7], [6, 9], [5, 7.5]]]]
    hole = [[11, 21], [12, 21], [12, 22], [11, 21]]
    child = _feature(None, {"type": "Point", "coordinates": [3, 4.5]})
    features = [
        _feature("Oval", {"type": "Polygon", "coordinates": [_RING, hole], "isEllipse": True}),
        _feature("Stom", {"type": "MultiPolygon", "coordinates": parts}, childObjects=[child]),
        _feature("Oval", {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4, 0]]}),
    ]
    (image,) = _read(_file(tmp_path / "073.json", features))
    assert image.name == "073"
    assert image.regions == (
        MarkedRegion(_BOX, ("Oval",)),
        # Both parts: x from 0 to 6, y from 1 to 9.
        MarkedRegion((1, 0, 9, 6), ("Stom",)),
    )
    assert image.cells == (MarkedCell(3, 4.5), MarkedCell(1, 2, "Oval"), MarkedCell(3, 4, "Oval"))


@pytest.mark.parametrize(
    "said",
    [
        {"measurements": {"num_cells": 3.0, "complete": 0.0, "Area": 5}},
        {"measurements": [{"name": "num_cells", "value": 3}, {"name": "complete", "value": 0}]},
        {"metadata": {"num_cells": "3", "complete": "false"}},
        {"measurements": {"complete": 0}, "metadata": {"num_cells": "3", "complete": "true"}},
    ],
)
def test_numbers_of_cells(tmp_path, said):
    (image,) = _read(_file(tmp_path / "a.geojson", _feature("Oval", **said)))
    assert image.regions == (MarkedRegion(_BOX, ("Oval",), 3, False),)


def test_every_problem_is_told(tmp_path):
    (tmp_path / "broken.geojson").write_text("{")
    _file(tmp_path / "none.geojson", {"type": "FeatureCollection"})
    bad = {
        "a feature must be an object": 5,
        "geometry must be an object": {"type": "Feature", "geometry": None},
        "Received: 'LineString'": _feature(
            None, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
        ),
        "a position must be [x, y]. Received: [1]": _feature(
            None, {"type": "Point", "coordinates": [1]}
        ),
        "y must be a number": _feature(None, {"type": "Point", "coordinates": [1, "2"]}),
        "a polygon must have positions": _feature(None, {"type": "Polygon", "coordinates": []}),
        "a box must have a height": _feature(
            None, {"type": "Polygon", "coordinates": [[[1, 2], [3, 2], [1, 2]]]}
        ),
        "a point is one cell": _feature("Oval: Stom", {"type": "Point", "coordinates": [1, 2]}),
        "classification must be an object": _feature(7),
        "num_cells must be a whole number": _feature(None, measurements={"num_cells": 1.5}),
        "complete must be true or false": _feature(None, metadata={"complete": "perhaps"}),
    }
    _file(tmp_path / "bad.geojson", list(bad.values()))
    problems = []
    images = geojson.read(tmp_path, problems)
    assert [image.name for image in images] == ["bad", "broken", "none"]
    *of_features, broken, none = problems
    for number, (problem, part) in enumerate(zip(of_features, bad, strict=True), start=1):
        assert problem.startswith(f"{tmp_path / 'bad.geojson'}: feature {number}: ")
        assert part in problem
    assert broken.startswith(f"{tmp_path / 'broken.geojson'}: cannot be read as UTF-8 JSON")
    assert none.startswith(f"{tmp_path / 'none.geojson'}: the features must be an array")


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (_feature(None, {"type": "Point", "coordinates": [10**400, 1]}), "x must be a number"),
        (
            _feature(None, {"type": "Polygon", "coordinates": [[[1, 10**400], [1, 2], [3, 4]]]}),
            "y must be a number",
        ),
        (_feature(None, measurements={"num_cells": 10**400}), "num_cells must be a whole number"),
        (_feature(None, metadata={"num_cells": "1e400"}), "num_cells must be a whole number"),
        (_feature(None, measurements=[{"name": [1]}]), "name of a measurement must be text"),
    ],
)
def test_values_that_no_number_or_name_can_have_are_named(tmp_path, feature, said):
    path = _file(tmp_path / "a.geojson", [feature])
    problems = []
    geojson.read(path, problems)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: feature 1: {said}")


def test_nothing_to_read(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="GeoJSON"):
            geojson.read(path, [])
