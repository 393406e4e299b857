"""Import: types, merging, images, masks, and the dataset folder that comes of it."""

import json
import pathlib
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tifffile
from PIL import Image

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.intensity import IntensityRange
from rbc_tf.data import dataset, regions
from rbc_tf.data.formats import importing, type_names, values
from rbc_tf.data.formats.image_finder import ImageFinder
from rbc_tf.data.formats.importing import ImportOptions, import_annotations

_ROOT = pathlib.Path(__file__).parents[3]


def _image(path, height=40, width=60):
    image_io.write_png(path, np.full((height, width, 3), 200, np.uint8))


@pytest.fixture
def images(tmp_path):
    """a.png and b.png, 60 x 40."""
    for name in ("a", "b"):
        _image(tmp_path / "images" / f"{name}.png")
    return tmp_path / "images"


def _coco(folder, annotations, names=("a.png",), categories=("Oval", "Stom")):
    """A COCO file; annotations are (image number, category, bbox) with further fields."""
    entries = [
        {"id": n, "image_id": image, "category_id": categories.index(category), "bbox": box, **more}
        for n, (image, category, box, more) in enumerate(annotations)
    ]
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": entries,
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories)],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _import(path, images, file_format="coco", cell_types=PAPER, **options):
    out = path.parent / "out"
    summary = import_annotations(
        file_format, path, images, out, cell_types, ImportOptions(**options)
    )
    return summary, dataset.load_dataset(out, check_pixels=True)


def _problems(path, images, file_format="coco", **options):
    out = path.parent / "out"
    with pytest.raises(dataset.DatasetError) as caught:
        import_annotations(file_format, path, images, out, PAPER, ImportOptions(**options))
    assert not out.exists()
    return caught.value.problems


def test_boxes_become_regions(tmp_path, images):
    """One box with two categories is one region of two types; edges outside are cut off."""
    path = _coco(
        tmp_path,
        [
            (0, "Stom", [1.5, 2, 10, 12], {}),
            (0, "Oval", [1.5, 2, 10, 12], {}),
            (0, "Oval", [30, 20, 40, 30], {"num_cells": 4, "complete": False}),
            (0, "Oval", [0, 30, 5, 5], {"types": []}),
        ],
    )
    summary, loaded = _import(path, images)
    (sample,) = loaded
    two, cut, none = regions.find_regions(sample)
    assert (two.box, two.types) == ((2, 1.5, 14, 11.5), ("Oval", "Stom"))
    assert (two.num_cells, two.complete) == (2, True)
    # x 30 to 70 and y 20 to 50 in an image of 60 x 40.
    assert (cut.box, cut.num_cells, cut.complete) == ((20, 30, 40, 60), 4, False)
    # Without a type nothing of it is labelled.
    assert (none.types, none.num_cells, none.complete) == ((), 1, False)
    assert summary == importing.ImportSummary(
        images=1,
        images_left_out=1,
        regions=3,
        regions_of_several_types=1,
        regions_without_type=1,
        cells=0,
    )
    record = json.loads((tmp_path / "out" / "import.json").read_text())
    assert record["summary"]["regions"] == 3


def test_what_marks_of_one_box_say_together(tmp_path, images):
    """The greater number of cells, never fewer than types; complete if all say so."""
    box, other = [0, 0, 9, 9], [20, 0, 9, 9]
    path = _coco(
        tmp_path,
        [
            (0, "Oval", box, {"num_cells": 3, "complete": True}),
            (0, "Stom", box, {"num_cells": 1, "complete": False}),
            (0, "Oval", other, {"num_cells": 1}),
            (0, "Stom", other, {}),
        ],
    )
    _, loaded = _import(path, images, complete=False)
    first, second = regions.find_regions(loaded.sample("a"))
    assert (first.num_cells, first.complete) == (3, False)
    assert (second.num_cells, second.complete) == (2, False)


def test_types_are_mapped_ignored_or_refused(tmp_path, images):
    names = ("RBC", "WBC", " Oval ", "burr", "what", "what")
    marks = [(0, name, [10 * n, 0, 5, 5], {}) for n, name in enumerate(names)]
    path = _coco(tmp_path, marks, categories=("RBC", "WBC", " Oval ", "burr", "what"))
    problems = _problems(path, images, renames={"RBC": "", "burr": "Echi"})
    assert [problem.split(".")[0] for problem in problems] == [
        f"unknown type 'WBC', 1 times, first at {tmp_path / 'coco'}",
        f"unknown type 'what', 2 times, first at {tmp_path / 'coco'}",
    ]
    assert "Known: Oval, Elon, Reti, Gran, Echi, Stom, other" in problems[0]
    assert "--map='WBC=TYPE'" in problems[0]
    assert "annotation 5 (id 4)" in problems[1]
    renames = type_names.parse_renames(["RBC=", "burr=Echi", "what = other"])
    _, loaded = _import(path, images, renames=renames, ignored=("WBC",))
    found = regions.find_regions(loaded.sample("a"))
    assert [region.types for region in found] == [(), ("Oval",), ("Echi",), *[("other",)] * 2]


def test_maps_that_say_nothing(tmp_path, images):
    for pairs in (["RBC"], ["=Oval"], ["a=Oval", "a=Stom"]):
        with pytest.raises(ValueError, match="OLD=NEW is required"):
            type_names.parse_renames(pairs)
    path = _coco(tmp_path, [])
    for renames, ignored, message in (
        ({"RBC": "oval"}, (), "Received: oval"),
        ({"RBC": "Oval"}, ("RBC",), "Both: RBC"),
    ):
        with pytest.raises(ValueError, match=message):
            _import(path, images, renames=renames, ignored=ignored)


def test_an_image_with_nothing_in_it(tmp_path, images):
    """It was looked at: it has no regions, and no mask is asked for."""
    path = _coco(tmp_path, [(1, "Oval", [0, 0, 9, 9], {})], names=("a.png", "b.png"))
    summary, loaded = _import(path, images)
    assert (summary.images, summary.images_left_out) == (2, 0)
    assert regions.find_regions(loaded.sample("a")) == ()
    assert len(regions.find_regions(loaded.sample("b"))) == 1


def _points(folder):
    keypoints = [10, 10, 2, 12.5, 11, 1, 40, 30, 2]
    return _coco(folder, [(0, "Oval", [], {"keypoints": keypoints})])


def test_points_need_masks(tmp_path, images):
    path = _points(tmp_path)
    (problem,) = _problems(path, images)
    assert "image 'a.png' has points and no boxes" in problem
    mask = np.zeros((40, 60), bool)
    mask[5:20, 5:20] = mask[25:38, 35:50] = True
    image_io.write_mask(tmp_path / "masks" / "a.png", mask)
    summary, loaded = _import(path, images, masks_dir=str(tmp_path / "masks"))
    assert summary.cells == 3
    first, second = regions.find_regions(loaded.sample("a"))
    assert (first.box, first.num_points, first.types) == ((5, 5, 20, 20), 2, ("Oval",))
    assert (second.box, second.num_points) == ((25, 35, 38, 50), 1)
    image_io.write_mask(tmp_path / "masks" / "a.png", mask[:9])
    (problem,) = _problems_again(path, images, masks_dir=str(tmp_path / "masks"))
    assert "a.png: must be of the image's size, 60 x 40" in problem


def _problems_again(path, images, **options):
    """As `_problems`, where an earlier import stands: it stays."""
    out = path.parent / "out"
    before = sorted(out.rglob("*"))
    with pytest.raises(dataset.DatasetError) as caught:
        import_annotations("coco", path, images, out, PAPER, ImportOptions(**options))
    assert sorted(out.rglob("*")) == before
    return caught.value.problems


def test_masks_by_thresholding(tmp_path, images):
    y, x = np.mgrid[:200, :200]
    smear = np.full((200, 200, 3), 220, np.uint8)
    smear[np.hypot(x - 60, y - 120) < 20] = 120
    image_io.write_png(images / "a.png", smear)
    keypoints = [60, 120, 2]
    path = _coco(tmp_path, [(0, "Stom", None, {"keypoints": keypoints})])
    _, loaded = _import(path, images, segment=True)
    (region,) = regions.find_regions(loaded.sample("a"))
    assert (region.types, region.num_cells, region.complete) == (("Stom",), 1, True)
    # A disc of radius 20 about (60, 120).
    assert region.box == pytest.approx((101, 41, 140, 80), abs=2)


def test_points_without_a_type(tmp_path, images):
    """A cell whose type is not said, or mapped to nothing, is seen but of no type."""
    types = {"names": ["Gran"], "color": [0, 0, 0]}
    cells = [([5, 6], None), ([7, 8], types), ([9, 9], {"name": "RBC", "color": [0, 0, 0]})]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": point},
            "properties": {"classification": classification},
        }
        for point, classification in cells
    ]
    (tmp_path / "a.geojson").write_text(json.dumps(features))
    summary, loaded = _import(
        tmp_path / "a.geojson", images, "geojson", segment=True, renames={"RBC": ""}
    )
    assert summary.cells == 3
    assert [cell.type for cell in loaded.sample("a").cells] == ["other", "Gran", "other"]


def test_images_in_folders_are_named_and_grouped_by_them(tmp_path):
    for name in ("slide 1/x.png", "slide 2/x.png", "slide 2/y.png"):
        _image(tmp_path / "images" / name)
    names = ("slide 1\\x.png", "train/y.png", "slide 2/x.png")
    path = _coco(tmp_path, [(n, "Oval", [n, 0, 9, 9], {}) for n in range(3)], names=names)
    _, loaded = _import(path, tmp_path / "images")
    assert [(s.name, s.group) for s in loaded] == [
        ("slide 1_x", "slide 1"),
        ("slide 2_x", "slide 2"),
        ("slide 2_y", "slide 2"),
    ]
    assert [regions.find_regions(s)[0].box[1] for s in loaded] == [0, 2, 1]


def test_every_problem_of_images_is_told(tmp_path, images):
    _image(images / "deep" / "b.png")
    (images / "broken.png").write_text("no image")
    path = _coco(
        tmp_path,
        [(0, "Oval", [60, 0, 9, 9], {}), (0, "Oval", [], {"keypoints": [60, 1, 2]})],
        names=("a.png", "c.png", "b", "broken.png", "./a.png", "deep/b.jpg"),
    )
    content = json.loads(path.read_text())
    content["images"][4]["height"] = 41
    content["images"].append({"id": 9, "file_name": "a"})
    path.write_text(json.dumps(content))
    expected = (
        "annotation 1 (id 0): the box must lie in the image of 60 x 40",
        "annotation 2 (id 1): the point must lie in the image of 60 x 40. Received: x 60, y 1",
        f"there is no image 'c.png' in {images}",
        "broken.png: a PNG, JPEG, TIFF or BMP image is required",
        "image './a.png' was annotated at 41 pixels high. a.png is 40",
        "there is no image 'deep/b.jpg'",
        "a.png and a.png would both be image 'a'",
    )
    for problem, part in zip(_problems(path, images), expected, strict=True):
        assert problem.startswith(f"{path}: ")
        assert part in problem


def test_names_of_images(tmp_path):
    """Path, name, either without extension; letters with marks in either coding."""
    composed = unicodedata.normalize("NFC", "Zähl é.png")
    for name in ("s/1.png", "t/1.png", "t/v1.2.tif.png", unicodedata.normalize("NFD", composed)):
        _image(tmp_path / name)
    finder = ImageFinder(tmp_path)
    assert len(finder.images) == 4
    for name, found in (
        ("s/1.png", "s/1.png"),
        ("t/1", "t/1.png"),
        ("v1.2.tif", "t/v1.2.tif.png"),
        ("elsewhere/v1.2.tif.png", "t/v1.2.tif.png"),
        ("t\\1.png", "t/1.png"),
    ):
        assert finder.relative(finder.find(name)) == found
    assert unicodedata.normalize("NFC", finder.find(composed).name) == composed
    with pytest.raises(ValueError, match=r"may be any of s/1\.png, t/1\.png"):
        finder.find("1")
    with pytest.raises(ValueError, match="there is no image '2'"):
        finder.find("2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        ImageFinder(tmp_path / "empty")
    with pytest.raises(ValueError, match="no such folder"):
        ImageFinder(tmp_path / "nowhere")


def test_masks_are_no_images(tmp_path):
    """An annotation names one image, though the mask has the same name."""
    for name in ("images/1.png", "masks/1.png", "images/2.tif.png"):
        _image(tmp_path / name)
    finder = ImageFinder(tmp_path)
    assert finder.relative(finder.find("1.png")) == "images/1.png"
    assert len(finder.images) == 2


def test_nothing_annotated_and_foreign_folders(tmp_path, images):
    path = _coco(tmp_path, [], names=())
    assert _problems(path, images) == ("no image is annotated",)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"or one with import\.json"):
        _import(path, images)
    with pytest.raises(ValueError, match=r"geojson.*Received: yolo"):
        import_annotations("yolo", path, images, tmp_path / "o", PAPER)


def test_the_tool(tmp_path, images):
    """A VOC folder as labelling tools write it, with its own list of types."""
    CellTypes((CellType("tear drop", "Teardrop", True),)).save(tmp_path / "types.yaml")
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><object><name>RBC</name><bndbox><xmin>1</xmin>"
        "<ymin>3</ymin><xmax>10</xmax><ymax>20</ymax></bndbox></object><object><name>drop</name>"
        "<bndbox><xmin>11</xmin><ymin>3</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>"
        "</annotation>"
    )
    command = [sys.executable, _ROOT / "tools" / "import_annotations.py", "--format=voc"]
    command += [f"--annotations={tmp_path / 'xml'}", f"--images_dir={images}", "--ignore=WBC"]
    command += [f"--cell_types={tmp_path / 'types.yaml'}", f"--output_dir={tmp_path / 'out'}"]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "2 problems found" in failed.stderr
    assert "Traceback" not in failed.stderr
    done = subprocess.run([*command, "--map=RBC=", "--map=drop=tear drop"], capture_output=True)
    assert done.returncode == 0, done.stderr
    (sample,) = dataset.load_dataset(tmp_path / "out")
    found = [(r.box, r.types, r.complete) for r in regions.find_regions(sample)]
    assert found == [((2, 0, 20, 10), (), False), ((2, 10, 20, 20), ("tear drop",), True)]


# -- what can be read, and is hardly meant


def _outline(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"segmentation": _outline(10, 8, 12, 10)}, "These are corners, not width and height"),
        ({"segmentation": _outline(10, 8, 40, 10)}, "must be the box around the segmentation"),
        ({"segmentation": _outline(30, 8, 22, 18)}, "must be the box around the segmentation"),
        ({"area": 900}, "area must be that of the region"),
        ({"segmentation": {"size": [60, 40], "counts": [0, 1]}}, "must be that of its image"),
        ({"segmentation": {"size": [40, 60], "counts": [0, 40, 2360]}}, "the segmentation reaches"),
        ({"segmentation": {"size": [40, 60], "counts": 5}}, "counts must be an array"),
        ({"segmentation": [[10, 8, 32, 8, 32]]}, "must be pairs x, y. Received: 5 numbers"),
        ({"segmentation": _outline(10, 8, 6, 18) + _outline(22, 8, 10, 18)}, "2 parts in 2 places"),
        (
            # The first and the last of the 22 columns from x 10 on, and 18 rows from y 8 on.
            {"segmentation": {"size": [40, 60], "counts": [408, 18, 822, 18, 1134]}},
            "2 parts in 2 places",
        ),
        ({"area": 10**400}, "area must be a number"),
        ({"area": "22"}, "area must be a number"),
    ],
)
def test_a_box_that_contradicts_its_outline(tmp_path, images, more, problem):
    path = _coco(tmp_path, [(0, "Oval", [10, 8, 22, 18], more)])
    content = json.loads(path.read_text())
    content["images"][0] |= {"height": 40, "width": 60.0}
    path.write_text(json.dumps(content))
    (found,) = _problems(path, images)
    assert problem in found
    assert "annotation 1" in found


@pytest.mark.parametrize(
    "more",
    [
        {"segmentation": _outline(10.4, 8, 21, 18.6), "area": 311},
        {"segmentation": _outline(9, 7, 12, 20) + _outline(20, 10, 12, 5), "area": 396},
        {"segmentation": [], "area": 0},
        {"segmentation": None, "area": None},
        # Every fourth of the columns from x 10 on, and 18 rows from y 8 on.
        {"segmentation": {"size": [40, 60], "counts": [408, *[18, 142] * 5, 18, 1174]}},
        {"segmentation": {"size": [40, 60], "counts": [2400]}},  # nothing: the box says where
    ],
)
def test_a_box_that_agrees_with_its_outline(tmp_path, images, more):
    summary, _ = _import(_coco(tmp_path, [(0, "Oval", [10, 8, 22, 18], more)]), images)
    assert (summary.regions, summary.doubts) == (1, ())


def test_corners_where_sizes_belong(tmp_path, images):
    corners = [[5, 5, 20, 20], [30, 8, 45, 24], [20, 22, 40, 38]]
    path = _coco(tmp_path, [(0, "Oval", box, {}) for box in corners])
    (problem,) = _problems(path, images)
    assert "bbox must be [x, y, width, height]" in problem


def test_shares_where_pixels_belong(tmp_path, images):
    path = _coco(tmp_path, [(0, "Oval", [0.1, 0.2, 0.3, 0.4], {})])
    (problem,) = _problems(path, images)
    assert "one pixel or more" in problem
    points = [{"image_id": 0, "category_id": 0, "keypoints": [x, 0.5, 2]} for x in (0.1, 0.5, 0.9)]
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"annotations": points}))
    (problem,) = _problems(path, images, segment=True)
    assert "must be in pixels" in problem


@pytest.mark.parametrize("side", [40.5, "x", [40]])
def test_sizes_that_are_none(tmp_path, images, side):
    path = _coco(tmp_path, [(0, "Oval", [10, 8, 22, 18], {})])
    content = json.loads(path.read_text())
    content["images"][0]["height"] = side
    path.write_text(json.dumps(content))
    assert "height must be a" in _problems(path, images)[0]


def test_what_is_unlikely_is_said_and_strict_refuses_it(tmp_path, images):
    boxes = [[0, 0, 60, 40], [5, 5, 1, 1], [10, 8, 15, 15], [10, 9, 15, 14], [50, 20, 40, 10]]
    path = _coco(tmp_path, [(0, "Oval", box, {}) for box in boxes])
    summary, _ = _import(path, images)
    of_file = [doubt.partition(f"; first: {path}: annotation ") for doubt in summary.doubts[:4]]
    assert [(kind, place[0]) for kind, _, place in of_file] == [
        ("1 boxes reach over the edge of their image and are cut there", "5"),
        ("1 boxes are smaller than 3 pixels a side", "2"),
        ("1 boxes span the whole image", "1"),
        ("1 boxes are nearly the same as another", "3"),
    ]
    assert "a hundredth of the usual area" in summary.doubts[4]
    record = json.loads((tmp_path / "out" / "import.json").read_text())
    assert record["summary"]["doubts"] == list(summary.doubts)
    (tmp_path / "strict").mkdir()
    path = path.rename(tmp_path / "strict" / "coco.json")
    assert len(_problems(path, images, strict=True)) == 5


def test_a_box_of_one_pixel_is_a_doubt_of_its_object(tmp_path, images):
    folder = _voc(tmp_path / "x", "a", "a.png")
    path = folder / "a.xml"
    point = "<xmin>30</xmin><ymin>9</ymin><xmax>30</xmax><ymax>9</ymax>"
    entry = f"<object><name>Stom</name><bndbox>{point}</bndbox></object></annotation>"
    path.write_text(path.read_text().replace("</annotation>", entry))
    summary = import_annotations("voc", folder, images, tmp_path / "out", PAPER)
    assert summary.doubts == (f"1 boxes are smaller than 3 pixels a side; first: {path}: object 2",)


def test_areas_of_corners_are_a_doubt(tmp_path, images):
    """In the upper left, corners read as sizes stay in their image."""
    corners = [(5, 5, 25, 20), (10, 4, 30, 19), (4, 10, 24, 25)]
    path = _coco(tmp_path, [(0, "Oval", box, {"area": 300}) for box in corners])
    (doubt,) = _import(path, images)[0].doubts
    assert doubt.startswith("3 boxes have the area that they have as corners")
    assert f"first: {path}: annotation 1" in doubt
    # With an outline, and turned, the box is known to be right.
    more = {"area": 30, "segmentation": _outline(10, 8, 15, 15)}
    turned = {"area": 30, "attributes": {"rotation": 90.0}}
    boxes = [(0, "Oval", [10, 8, 15, 15], more), (0, "Oval", [40, 8, 15, 15], turned)]
    assert _import(_coco(tmp_path, boxes), images)[0].doubts == ()


def test_a_box_given_twice_with_a_type_is_a_doubt(tmp_path, images):
    box, other = [10, 8, 15, 15], [40, 8, 15, 15]
    marks = [(0, "Oval", box, {}), (0, "Stom", box, {}), (0, "Oval", box, {})]
    marks += [(0, "Oval", other, {"types": []})] * 2
    path = _coco(tmp_path, marks)
    summary, _ = _import(path, images)
    assert summary.regions == 2
    (doubt,) = summary.doubts
    assert doubt.startswith("2 boxes are given twice with the same type, and are taken for one")
    assert f"first: {path}: annotation 3" in doubt
    assert _problems_again(path, images, strict=True) == (doubt,)


@pytest.mark.parametrize(("value", "kind"), [(9, "nearly black"), (250, "nearly white")])
def test_images_in_which_nothing_is_seen_are_a_doubt(tmp_path, images, value, kind):
    image_io.write_png(images / "b.png", np.full((40, 60, 3), value, np.uint8))
    boxes = [(n, "Oval", [10, 8, 15, 15], {}) for n in range(2)]
    path = _coco(tmp_path, boxes, names=("a.png", "b.png"))
    (doubt,) = _import(path, images)[0].doubts
    assert doubt.startswith(f"1 of 2 images come out {kind} (b): they are empty")
    assert _problems_again(path, images, strict=True) == (doubt,)


# -- which image it is


def _voc(folder, name, filename, inside=""):
    folder.mkdir(exist_ok=True)
    box = "<xmin>5</xmin><ymin>5</ymin><xmax>20</xmax><ymax>25</ymax>"
    entry = f"<object><name>Oval</name><bndbox>{box}</bndbox>{inside}</object>"
    named = f"<filename>{filename}</filename>" if filename else ""
    path = folder / f"{name}.xml"
    path.write_text(f"<annotation>{named}{entry}</annotation>", encoding="utf-8")
    return folder


@pytest.mark.parametrize("filename", ["b.png", "b", "B/b.png"])
def test_a_file_that_names_another_image(tmp_path, images, filename):
    folder = _voc(tmp_path / "x", "a", filename)
    with pytest.raises(dataset.DatasetError, match=r"names b\.png, and by its own name .* a\.png"):
        import_annotations("voc", folder, images, tmp_path / "out", PAPER)
    assert not (tmp_path / "out").exists()


def test_a_file_that_names_no_image(tmp_path, images):
    folder = _voc(tmp_path / "x", "a", "c.png")
    with pytest.raises(dataset.DatasetError, match=r"no image 'c\.png'.*by its name it is of a\."):
        import_annotations("voc", folder, images, tmp_path / "out", PAPER)


@pytest.mark.parametrize(("name", "filename"), [("a", ""), ("a", "a.png"), ("x1", "a.png")])
def test_a_file_whose_names_agree(tmp_path, images, name, filename):
    folder = _voc(tmp_path / "x", name, filename)
    assert import_annotations("voc", folder, images, tmp_path / "out", PAPER).images == 1


_TURNED = (
    "<attributes><attribute><name>occluded</name><value>False</value></attribute>"
    "<attribute><name>rotation</name><value>90.0</value></attribute></attributes>"
)


def test_boxes_that_cvat_turned(tmp_path, images):
    """A quarter turn about the middle swaps width and height."""
    turned = {"attributes": {"occluded": False, "rotation": 90.0}, "area": 320}
    path = _coco(tmp_path, [(0, "Oval", [4, 4, 16, 21], turned)])
    _, loaded = _import(path, images)
    (region,) = regions.find_regions(loaded.sample("a"))
    assert region.box == pytest.approx((6.5, 1.5, 22.5, 22.5))
    folder = _voc(tmp_path / "x", "a", "a.png", _TURNED)
    import_annotations("voc", folder, images, tmp_path / "of_voc", PAPER)
    (sample,) = dataset.load_dataset(tmp_path / "of_voc")
    assert regions.find_regions(sample)[0].box == pytest.approx((6.5, 1.5, 22.5, 22.5))


@pytest.mark.parametrize(
    ("degrees", "sides"), [(45, (25.46, 25.46)), (180, (12, 24)), (-30, (22.39, 26.78))]
)
def test_the_box_around_a_turned_one(degrees, sides):
    ymin, xmin, ymax, xmax = values.rotated_box((10, 20, 22, 44), degrees)
    assert (ymax - ymin, xmax - xmin) == pytest.approx(sides, abs=0.01)
    assert ((ymin + ymax) / 2, (xmin + xmax) / 2) == pytest.approx((16, 32))


def _square(x, y, side=10):
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def _geojson(folder, *geometries):
    folder.mkdir()
    features = [{"type": "Feature", "geometry": g, "properties": {}} for g in geometries]
    content = {"type": "FeatureCollection", "features": features}
    (folder / "a.geojson").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("geometry", "problem"),
    [
        ({"type": "MultiPolygon", "coordinates": [_square(2, 2), _square(40, 2)]}, "in 2 places"),
        (
            {
                "type": "MultiPolygon",
                "coordinates": [_square(1, 1), _square(13, 1), _square(1, 29)],
            },
            "3 parts in 2 places",
        ),
        ({"type": "Polygon", "coordinates": [*_square(2, 2), *_square(40, 2)]}, "in 2 places"),
        (
            {"type": "MultiPolygon", "coordinates": [[*_square(2, 2), *_square(40, 2)]]},
            "in 2 places",
        ),
        (
            {"type": "Polygon", "coordinates": _square(2, 2), "plane": {"c": -1, "z": 3, "t": 0}},
            "must lie in the first plane",
        ),
    ],
)
def test_regions_that_are_none(tmp_path, images, geometry, problem):
    folder = _geojson(tmp_path / "g", geometry)
    with pytest.raises(dataset.DatasetError, match=problem):
        import_annotations("geojson", folder, images, tmp_path / "out", PAPER)


def test_an_area_of_analysis_is_named(tmp_path, images):
    whole = {"type": "Polygon", "coordinates": [[[0, 0], [60, 0], [60, 40], [0, 40], [0, 0]]]}
    cells = [{"type": "Polygon", "coordinates": _square(x, 5)} for x in (5, 20, 40)]
    cells[0]["plane"] = {"c": -1, "z": 0, "t": 0}
    folder = _geojson(tmp_path / "g", whole, *cells)
    summary = import_annotations("geojson", folder, images, tmp_path / "out", PAPER)
    (doubt,) = summary.doubts
    assert doubt == f"1 boxes span the whole image; first: {folder / 'a.geojson'}: feature 1"


def test_what_an_importer_writes_the_loader_accepts(tmp_path, images):
    """Names with spaces at their ends, points, and formulas of a spreadsheet."""
    names = (" a.png", "b .png", "=c.png", unicodedata.normalize("NFD", "é.png"))
    for name in names:
        _image(images / name)
    path = _coco(tmp_path, [(n, "Oval", [5, 5, 9, 9], {}) for n in range(4)], names)
    _, loaded = _import(path, images)
    assert sorted(sample.name for sample in loaded) == sorted(name[:-4] for name in names)
    assert all(len(sample.regions) == 1 for sample in loaded)


def _turned(path, tag, height=40, width=60):
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(path, exif=exif)


@pytest.mark.parametrize(
    ("tag", "size"), [(2, (40, 60)), (3, (40, 60)), (4, (40, 60)), (6, (40, 40))]
)
def test_turned_images_whose_size_does_not_tell_are_a_doubt(tmp_path, tag, size):
    (tmp_path / "images").mkdir()
    _turned(tmp_path / "images" / "a.jpg", tag, *size)
    path = _coco(tmp_path, [(0, "Oval", [5, 6, 10, 12], {})], names=("a.jpg",))
    summary, loaded = _import(path, tmp_path / "images")
    assert loaded.sample("a").regions[0].box == (6, 5, 18, 15)  # of the image as it is shown
    (doubt,) = summary.doubts
    assert doubt.startswith("1 images have an orientation tag, and are taken as viewers show them")
    problems = _problems_again(path, tmp_path / "images", strict=True)
    assert "orientation tag" in problems[0]


def test_the_tool_prints_doubts(tmp_path):
    (tmp_path / "images").mkdir()
    _turned(tmp_path / "images" / "a.jpg", 3)
    path = _coco(tmp_path, [(0, "Oval", [5, 6, 10, 12], {})], names=("a.jpg",))
    command = [sys.executable, _ROOT / "tools" / "import_annotations.py", "--format=coco"]
    command += [f"--annotations={path}", f"--images_dir={tmp_path / 'images'}"]
    command += [f"--output_dir={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\nwarning: 1 images have an orientation tag, and are taken as viewers" in done.stdout


def test_a_size_of_the_other_frame_is_refused_and_one_of_the_shown_frame_is_no_doubt(tmp_path):
    (tmp_path / "images").mkdir()
    _turned(tmp_path / "images" / "a.jpg", 6)  # shown 60 high and 40 wide
    path = _coco(tmp_path, [(0, "Oval", [5, 6, 10, 12], {})], names=("a.jpg",))
    content = json.loads(path.read_text())
    content["images"][0] |= {"height": 60, "width": 40}
    path.write_text(json.dumps(content))
    assert _import(path, tmp_path / "images")[0].doubts == ()
    content["images"][0] |= {"height": 40, "width": 60}
    path.write_text(json.dumps(content))
    problems = _problems_again(path, tmp_path / "images")
    assert "annotated at 40 pixels high" in problems[0]


def test_a_damaged_image_is_not_copied(images, tmp_path):
    content = (images / "a.png").read_bytes()
    (images / "a.png").write_bytes(content[: len(content) // 2])
    path = _coco(tmp_path, [(0, "Oval", [5, 6, 10, 12], {})])
    assert "the image is damaged" in _problems(path, images)[0]


def test_images_of_12_bits_keep_their_range(images, tmp_path):
    tifffile.imwrite(images / "c.tif", np.full((40, 60), 3000, np.uint16))
    path = _coco(tmp_path, [(0, "Oval", [5, 6, 10, 12], {})], names=("c.tif",))
    _, loaded = _import(path, images)
    assert (loaded.intensity.high, loaded.intensity.source) == (4095, "estimated")
    _, loaded = _import(path, images, intensity=IntensityRange(10, 3500))
    assert loaded.intensity == IntensityRange(10, 3500)
