"""Export of results and of datasets, and the way there and back."""

import csv
import json
import pathlib
import subprocess
import sys
import unicodedata
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rbc_tf.core import image_io
from rbc_tf.core.cell_types import PAPER, CellType, CellTypes
from rbc_tf.core.types import AnalyzedRegions
from rbc_tf.data import dataset, regions
from rbc_tf.data.formats import coco, exporting, sources
from rbc_tf.data.formats.importing import import_annotations
from rbc_tf.inference.analysis import Analysis

_ROOT = pathlib.Path(__file__).parents[3]

_TYPES = CellTypes(
    (
        CellType("Oval + Disc", "Oval", False),
        CellType("Zähl", "Zählung", True),
        CellType("c", "C", True),
    )
)


def _write_results(folder, boxes_of_images):
    """A results folder as the analysis writes it: {name: boxes}, two types in the first region."""
    (folder / "images").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"cell_types": PAPER.names}))
    for name, boxes in boxes_of_images.items():
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        n = len(boxes)
        probabilities = np.full((n, 6), 0.125, np.float32)
        probabilities[:, 0] = 0.9
        probabilities[:1, 5] = 0.6
        found = AnalyzedRegions(
            boxes, np.linspace(1, 0.5, n, dtype=np.float32), probabilities, np.full(n, 0.25)
        )
        result = Analysis.from_arrays(
            name, "0" * 64, (80, 100), found, probabilities > 0.5, PAPER, 0.5
        ).to_json()
        path = folder / "images" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    return folder


_BOXES = {
    "b é.png": [(1.5, 2.25, 11, 12), (3, 4, 70.125, 60)],
    "slide/a.jpg": [(0, 0, 80, 100)],
    "z.tif": [],
}


@pytest.mark.parametrize("file_format", exporting.FORMATS)
def test_results_in_each_format(tmp_path, file_format):
    source = sources.results(_write_results(tmp_path / "results", _BOXES))
    assert (source.num_images, source.predicted, source.type_names) == (3, True, PAPER.names)
    summary = exporting.export(source, file_format, tmp_path / "out")
    assert summary == exporting.ExportSummary(images=3, regions=3, problems=())
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    if file_format == "coco":
        assert found == {"coco.json", "coco_results.json"}
        content = json.loads((tmp_path / "out" / "coco.json").read_text(encoding="utf-8"))
        assert [image["file_name"] for image in content["images"]] == list(_BOXES)
        assert [a["types"] for a in content["annotations"]] == [
            ["Oval", "Stom"],
            ["Oval"],
            ["Oval", "Stom"],
        ]
        # The probabilities that the analysis gave, in full.
        assert content["annotations"][1]["probabilities"]["Oval"] == float(np.float32(0.9))
    elif file_format == "geojson":
        assert found == {f"{name}.geojson" for name in _BOXES}
        path = tmp_path / "out" / "slide" / "a.jpg.geojson"
        (feature,) = json.loads(path.read_text())["features"]
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["measurements"]["p_Stom"] == float(np.float32(0.6))
        assert feature["properties"]["measurements"]["abnormal_probability"] == 0.25
    else:
        assert found == {f"{name}.zip" for name in _BOXES}
        with zipfile.ZipFile(tmp_path / "out" / "b é.png.zip") as archive:
            assert archive.namelist() == ["0001 Oval+Stom 1.000.roi", "0002 Oval 0.500.roi"]


def test_broken_results_are_told_and_the_rest_is_written(tmp_path):
    folder = _write_results(tmp_path / "results", _BOXES)
    good = json.loads((folder / "images" / "slide" / "a.jpg.json").read_text())
    broken = {
        "1.png": ("regions must be an array", {"regions": None}),
        "2.png": ("height must be a number. Received: 'x'", {"height": "x"}),
        "3.png": ("region 1: labels must be types of run.json", {"labels": ["Ovel"]}),
        "4.png": ("region 1: xmax must be a number. Received: None", {"box": {"ymin": 1}}),
        "5.png": ("region 1: score must be a number. Received: nan", {"score": float("nan")}),
        "6.png": ("region 1: probabilities must be an object", {"probabilities": []}),
    }
    broken["4.png"][1]["box"].update(xmin=1, ymax=2)
    for name, (_said, change) in broken.items():
        region = {**good["regions"][0], **change}
        result = {**good, "regions": [region], **change}
        (folder / "images" / f"{name}.json").write_text(json.dumps(result))
    (folder / "images" / "7.png.json").write_text('{"image": ')
    summary = exporting.export(sources.results(folder), "geojson", tmp_path / "out")
    assert (summary.images, summary.regions) == (3, 3)
    said = [said for said, _change in broken.values()] + ["cannot be read as UTF-8 JSON"]
    for number, (problem, part) in enumerate(zip(summary.problems, said, strict=True), start=1):
        assert problem.startswith(f"{folder / 'images' / f'{number}.png.json'}: {part}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"regions": []}, "num_regions must be 0. Received: 2"),
        ({"num_regions": True}, "num_regions must be a number"),
        ({"image": "z.tif"}, "image must be 'b é.png'. Received: 'z.tif'"),
    ],
)
def test_results_that_are_not_of_a_piece_are_told(tmp_path, change, said):
    folder = _write_results(tmp_path / "results", _BOXES)
    path = folder / "images" / "b é.png.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    summary = exporting.export(sources.results(folder), "geojson", tmp_path / "out")
    assert (summary.images, summary.regions) == (2, 1)
    assert [problem.startswith(f"{path}: {said}") for problem in summary.problems] == [True]


def test_what_is_no_results_folder(tmp_path):
    with pytest.raises(ValueError, match=r"no run\.json"):
        sources.results(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="cell_types must be an array"):
        sources.results(tmp_path)
    (tmp_path / "run.json").write_text('{"cell_types": ["a"]}')
    with pytest.raises(ValueError, match="holds the result of no image"):
        sources.results(tmp_path)
    source = sources.results(_write_results(tmp_path / "results", _BOXES))
    with pytest.raises(ValueError, match=r"imagej.*Received: voc"):
        exporting.export(source, "voc", tmp_path / "out")
    with pytest.raises(ValueError, match=r"annotation.*Received: cell"):
        exporting.export(source, "geojson", tmp_path / "out", "cell")


def _edges(size):
    """Edges with fractions that a detector or a person may give, in an image of that size."""
    return (
        st.tuples(*(st.integers(0, size * 64) for _ in range(2)))
        .filter(lambda edges: abs(edges[0] - edges[1]) >= 64)
        .map(lambda edges: tuple(sorted(edge / 64 for edge in edges)))
    )


_ROWS = st.tuples(
    _edges(40),
    _edges(60),
    st.lists(st.sampled_from((*_TYPES.names, "other")), unique=True).map(sorted),
    st.integers(0, 3),
    st.booleans(),
)


@settings(max_examples=12)
@given(
    st.lists(st.lists(_ROWS, max_size=4, unique_by=lambda r: r[:2]), min_size=1, max_size=3),
    st.sampled_from(("coco", "geojson")),
)
def test_a_dataset_comes_back(tmp_path_factory, images, file_format):
    """Out of one dataset folder and into another: the regions are equal."""
    root = tmp_path_factory.mktemp("round")
    first, rows = root / "first", []
    for n, found in enumerate(images):
        name = f"Ausstrich № {n}.é"
        image_io.write_png(first / "images" / f"{name}.png", np.zeros((40, 60, 3), np.uint8))
        image_io.write_mask(first / "masks" / f"{name}.png", np.zeros((40, 60), bool))
        for (ymin, ymax), (xmin, xmax), types, more, complete in found:
            cells = max(1, len(types)) + more
            rows.append((name, ymin, xmin, ymax, xmax, ";".join(types), cells, complete))
    with (first / "regions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([dataset.REGIONS_HEADER, *rows])
    _TYPES.save(first / "cell_types.yaml")
    summary = exporting.export(sources.dataset(first), file_format, root / "out")
    assert (summary.images, summary.regions) == (len(images), len(rows))
    path = root / "out" / "coco.json" if file_format == "coco" else root / "out"
    import_annotations(file_format, path, first / "images", root / "second", _TYPES)
    expected, back = dataset.load_dataset(first), dataset.load_dataset(root / "second")
    assert back.cell_types == expected.cell_types
    for ours, theirs in zip(expected, back, strict=True):
        assert ours.name == theirs.name
        assert regions.find_regions(ours) == regions.find_regions(theirs)


def test_masks_and_points_of_a_dataset(tmp_path):
    """The regions of a mask are boxes; labelled cells are points where the format has them."""
    mask = np.zeros((40, 60), bool)
    mask[5:15, 20:32] = True
    image_io.write_png(tmp_path / "d" / "images" / "a.png", np.zeros((40, 60, 3), np.uint8))
    image_io.write_mask(tmp_path / "d" / "masks" / "a.png", mask)
    (tmp_path / "d" / "cells.csv").write_text("image,x,y,type\na,25.5,8,Stom\n")
    for file_format in exporting.FORMATS:
        exporting.export(sources.dataset(tmp_path / "d"), file_format, tmp_path / file_format)
    (annotation,) = json.loads((tmp_path / "coco" / "coco.json").read_text())["annotations"]
    assert annotation["bbox"] == [20, 5, 12, 10]
    assert (annotation["types"], annotation["num_cells"]) == (["Stom"], 1)
    region, point = json.loads((tmp_path / "geojson" / "a.png.geojson").read_text())["features"]
    assert region["properties"]["objectType"] == "annotation"
    assert point["geometry"] == {"type": "Point", "coordinates": [25.5, 8]}
    assert point["properties"]["classification"]["name"] == "Stom"
    with zipfile.ZipFile(tmp_path / "imagej" / "a.png.zip") as archive:
        assert archive.namelist() == ["0001 Stom.roi"]
    # Out of the dataset since it was read: told, not raised.
    source = sources.dataset(tmp_path / "d")
    (tmp_path / "d" / "masks" / "a.png").unlink()
    summary = exporting.export(source, "geojson", tmp_path / "again")
    assert summary.images == 0
    assert "a.png: cannot be read" in summary.problems[0]


# -- exports of results and of a dataset belong together


def _write_truth(folder, boxes_of_images):
    """A dataset folder with these regions, in another order than results have them."""
    rows = []
    for name, boxes in reversed(boxes_of_images.items()):
        image_io.write_png(folder / "images" / name, np.zeros((80, 100, 3), np.uint8))
        if not boxes:
            image_io.write_mask(folder / "masks" / name, np.zeros((80, 100), bool))
        rows += [(pathlib.Path(name).stem, *box, "Oval", 1, True) for box in boxes]
    with (folder / "regions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([dataset.REGIONS_HEADER, *rows])
    return folder


_TRUTH = {
    "z 1.png": [(1, 2, 41, 42), (40, 50, 79, 90)],
    "b é.png": [(10, 12, 50, 60)],
    "empty.png": [],
    "a.png": [(0, 0, 30, 30), (40, 0, 70, 30), (10, 50, 50, 90)],
}


@pytest.mark.parametrize("below", ["", "images/"])
def test_coco_scores_results_against_the_dataset(tmp_path, capsys, below):
    """Half of the images were analysed, as they are or with their dataset folder."""
    _write_truth(tmp_path / "data", _TRUTH)
    predicted = {f"{below}{n}": boxes for n, boxes in list(_TRUTH.items())[:2]}
    _write_results(tmp_path / "results", predicted)
    exporting.export(sources.dataset(tmp_path / "data"), "coco", tmp_path / "d")
    exporting.export(sources.results(tmp_path / "results"), "coco", tmp_path / "r")
    truth = COCO(str(tmp_path / "d" / "coco.json"))
    ids = {image["file_name"]: image["id"] for image in truth.dataset["images"]}
    for image in json.loads((tmp_path / "r" / "coco.json").read_text("utf-8"))["images"]:
        assert image["id"] == ids[image["file_name"].removeprefix(below)]
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "r" / "coco_results.json")), "bbox")
    evaluation.params.imgIds = [ids["z 1.png"], ids["b é.png"]]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    assert evaluation.stats[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("file_format", "end"), [("geojson", ".geojson"), ("imagej", ".zip")])
def test_files_of_results_and_of_a_dataset_have_the_same_names(tmp_path, file_format, end):
    _write_truth(tmp_path / "data", _TRUTH)
    _write_results(tmp_path / "results", dict(list(_TRUTH.items())[:2]))
    exporting.export(sources.dataset(tmp_path / "data"), file_format, tmp_path / "d")
    exporting.export(sources.results(tmp_path / "results"), file_format, tmp_path / "r")
    of_truth, of_results = ({p.name for p in (tmp_path / f).glob(f"*{end}")} for f in "dr")
    assert of_truth == {f"{name}{end}" for name in _TRUTH}
    assert of_results == {f"z 1.png{end}", f"b é.png{end}"}


def test_ids_are_of_names_alone():
    """They are the same in every version: files of years are to belong together."""
    assert coco.id_of_image("a.png") == 139668346994784
    assert coco.id_of_image("images/a.png") == coco.id_of_image("a.png")
    assert coco.id_of_image("sub/a.png") != coco.id_of_image("a.png")
    spellings = {unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")}
    assert len({coco.id_of_image(name) for name in spellings}) == 1
    assert len({coco.id_of_image(f"{n}.png") for n in range(20_000)}) == 20_000


def test_two_images_of_one_id_are_one_too_many(tmp_path):
    folder = _write_results(tmp_path / "results", {"a.png": []})
    (folder / "images" / "images").mkdir()
    other = json.loads((folder / "images" / "a.png.json").read_text())
    (folder / "images" / "images" / "a.png.json").write_text(
        json.dumps(other | {"image": "images/a.png"})
    )
    summary = exporting.export(sources.results(folder), "coco", tmp_path / "out")
    assert summary.problems == ("images/a.png: has the same COCO id as a.png; rename one of them",)


@pytest.mark.parametrize("file_format", ["geojson", "imagej"])
def test_a_name_too_long_for_its_file_stops_no_other(tmp_path, file_format):
    long = "n" * 246 + ".png"
    folder = _write_results(tmp_path / "results", {"a.png": [], long: [], "z.png": []})
    summary = exporting.export(sources.results(folder), file_format, tmp_path / "out")
    assert summary.images == (2 if file_format == "geojson" else 3)
    assert [p for p in summary.problems if "File name too long" in p] == list(summary.problems)


def test_results_must_be_those_of_the_tables(tmp_path):
    folder = _write_results(tmp_path / "results", _BOXES)
    (folder / "summary.json").write_text('{"num_images": 3}')
    assert sources.results(folder).num_images == 3
    (folder / "images" / ".tmp-a.png.json").write_text("half")  # of a killed run
    assert sources.results(folder).num_images == 3
    (folder / "summary.json").write_text('{"num_images": 2}')
    with pytest.raises(ValueError, match="Received: results of 3; run rbc_tf analyze again"):
        sources.results(folder)


def test_the_tool(tmp_path):
    folder = _write_results(tmp_path / "results", _BOXES)
    (folder / "images" / "z.tif.json").write_text("{}")
    command = [sys.executable, _ROOT / "tools" / "export_annotations.py", "--format=geojson"]
    command += [f"--results_dir={folder}", f"--output_dir={tmp_path / 'out'}"]
    done = subprocess.run([*command, "--object_type=annotation"], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"not written: {folder / 'images' / 'z.tif.json'}: height must be" in done.stdout
    assert "written: 3 regions of 2 images" in done.stdout
    assert '"objectType": "annotation"' in (tmp_path / "out" / "b é.png.geojson").read_text("utf-8")
